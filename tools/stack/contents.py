"""What is in InfluxDB, asked over HTTP."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import requests

_TIMEOUT_S: Final = 10.0


class Value(NamedTuple):
    """The newest value of one kind of entity."""

    metric: str
    kind: str
    value: int | float  # as InfluxDB has it
    meaning: str


_SHOWN: Final = (
    ("cpu/usage_rate", "cluster", "millicores of all pods"),
    ("memory/usage", "cluster", "bytes of all pods"),
    ("memory/node_utilization", "node", "share of a node's memory"),
    ("network/rx_rate", "pod", "bytes/s that reach a pod"),
    ("restart_count", "pod_container", "restarts of a container"),
)


class Contents:
    """Of one database. Every method raises RequestException: InfluxDB does not answer."""

    def __init__(self, url: str, database: str) -> None:
        """Nothing is asked yet."""
        self._url = url
        self._database = database

    def points_written(self) -> int:
        """How many points the server has taken since it started, those written twice counted twice."""
        found: dict[str, Any] = requests.get(f"{self._url}/debug/vars", timeout=_TIMEOUT_S).json()
        parts = (part for part in found.values() if isinstance(part, dict) and part.get("name") == "httpd")
        return int(sum(part["values"]["pointsWrittenOK"] for part in parts))

    def measurements(self) -> frozenset[str]:
        """Their names; with Heapster's default schema those of the metrics."""
        return frozenset(str(name) for (name,) in self._rows("SHOW MEASUREMENTS"))

    def series(self) -> int:
        """How many there are."""
        return sum(1 for _ in self._rows("SHOW SERIES"))

    def points(self) -> int:
        """How many there are."""
        return sum(int(count) for _, count in self._rows('SELECT count("value") FROM /.*/'))

    def newest(self) -> str:
        """The newest point's timestamp; empty if there is none."""
        return max((str(time) for time, _ in self._rows('SELECT last("value") FROM /.*/')), default="")

    def values(self) -> Iterator[Value]:
        """A few of the newest."""
        for metric, kind, meaning in _SHOWN:
            query = f"""SELECT last("value") FROM "{metric}" WHERE "type" = '{kind}'"""  # noqa: S608 - our own words
            for _, value in self._rows(query):
                yield Value(metric, kind, value, meaning)

    def _rows(self, query: str) -> Iterator[list[Any]]:
        answer = requests.get(f"{self._url}/query", params={"db": self._database, "q": query}, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        for result in answer.json()["results"]:
            for series in result.get("series", ()):
                yield from series["values"]
