"""All points of an InfluxDB database, and how two databases differ."""

import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, Final, TypeAlias

import requests

from schemas.metric_batch import MetricBatch
from tools.stack.influxdb import InfluxDB
from writer.lines.render import PointSchema, render

Content: TypeAlias = Mapping[str, frozenset[str]]
"""By measurement every point, as JSON of its tags, fields and time."""

_TIMEOUT_S: Final = 60.0
_SCHEMA: Final = PointSchema()
_LINES_AT_ONCE: Final = 5000


class QueryError(RuntimeError):
    """InfluxDB has refused a query, or failed at it; the message is its own."""


class Database:
    """One database of an InfluxDB that answers.

    Methods raise requests.RequestException: it does not; QueryError: it answers with an error.
    """

    def __init__(self, server: InfluxDB, name: str) -> None:
        """It need not be there."""
        self.name = name
        self._server = server
        self._auth = (server.user, server.password)

    def write(self, batches: Iterable[MetricBatch]) -> None:
        """Make the database, and write the points of those batches into it, past the pipeline."""
        self.write_lines(line for batch in batches for line in render(batch, _SCHEMA).lines)

    def write_lines(self, lines: Iterable[str]) -> None:
        """The same from line protocol."""
        self.query(f'CREATE DATABASE "{self.name}" WITH NAME "default"')
        waiting = iter(lines)
        while some := list(islice(waiting, _LINES_AT_ONCE)):
            self._post(some)

    def content(self) -> Content:
        """Every point."""
        found: dict[str, frozenset[str]] = {}
        for series in self.query("SELECT * FROM /.*/"):
            columns = series["columns"]
            rows = (
                {name: value for name, value in zip(columns, row, strict=True) if value is not None}
                for row in series["values"]
            )
            found[series["name"]] = frozenset(json.dumps(row, sort_keys=True) for row in rows)
        return found

    def points(self) -> int:
        """How many points there are."""
        counted = self.query('SELECT count("value") FROM /.*/')
        return sum(row[1] for series in counted for row in series["values"])

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series of an InfluxQL query's result, times in nanoseconds; none as long as there is no such database."""
        answer: dict[str, Any] = requests.post(
            f"{self._server.url}/query",
            params={"db": self.name, "q": text, "epoch": "ns"},
            auth=self._auth,
            timeout=_TIMEOUT_S,
        ).json()
        results = answer.get("results", [])
        errors = {each["error"] for each in (answer, *results) if "error" in each} - {_no_database(self.name)}
        if errors:
            raise QueryError(f"{text}: {', '.join(sorted(errors))}")
        return [series for result in results for series in result.get("series", [])]

    def _post(self, lines: list[str]) -> None:
        answer = requests.post(
            f"{self._server.url}/write",
            params={"db": self.name},
            data="\n".join(lines).encode(),
            auth=self._auth,
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()


def _no_database(name: str) -> str:
    return f"database not found: {name}"


def differences(found: Content, expected: Content) -> list[str]:
    """What is missing and what is too much, one line a point.

    Raises ValueError: nothing is expected, so whoever asks compares with what has never been made.
    """
    if not any(expected.values()):
        raise ValueError("no point is expected: there is nothing to compare with")
    told: list[str] = []
    for name in sorted(found.keys() | expected.keys()):
        ours, theirs = found.get(name, frozenset()), expected.get(name, frozenset())
        told += [f"missing: {name} {row}" for row in sorted(theirs - ours)]
        told += [f"too much: {name} {row}" for row in sorted(ours - theirs)]
    return told
