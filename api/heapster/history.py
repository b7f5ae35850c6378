"""History: InfluxDB, as the historical API asks it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Self

import orjson
import requests

from api.heapster.influxql import EPOCH, Dialect
from runtime.errors import ConfigError, UnavailableError
from runtime.influxdb import INFLUXDB, VERSION_1_OPTIONS, InfluxServer, Version1, ignored_parts, read_token
from runtime.uri import UriOptions, parse_keyed_uri

FLAG: Final = "--historical-source"
_CONNECT_TIMEOUT_S: Final = 5.0
_ANSWER_TIMEOUT_S: Final = 30.0
_WRITERS_FILTERS: Final = ("metrics", "types", "namespaces", "labels")
_WRITERS_OPTIONS: Final = (
    *("retention", "disable_counter_metrics", "concurrency", "tags", "exclude_tags"),
    *(name for each in _WRITERS_FILTERS for name in (each, f"exclude_{each}")),
)
"""Options of the sink that make no difference to who reads: the same URI may be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryConfig:
    """Which InfluxDB, and how points were written to it."""

    server: InfluxServer
    dialect: Dialect
    ignored: tuple[str, ...]  # parts of the flag that are of no use

    @classmethod
    def parse(cls, value: str, cluster: str) -> Self:
        """From the value of a `--sink=influxdb:…`. Raises ConfigError: another sink, or a bad option."""
        keyed = parse_keyed_uri(FLAG, value)
        if keyed.key != INFLUXDB:
            raise ConfigError(f"{FLAG}={keyed.key}: only {INFLUXDB} keeps a history")
        option = UriOptions.from_uri(keyed)
        server = InfluxServer.parse(keyed, option)
        dialect = Dialect(
            with_fields=option.boolean("withfields", default=False), cluster_name=option.text("cluster_name", cluster)
        )
        option.reject_unknown(*_WRITERS_OPTIONS, *VERSION_1_OPTIONS)
        return cls(server=server, dialect=dialect, ignored=ignored_parts(keyed))


class Table(NamedTuple):
    """One series of an answer."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class History:
    """Asks; may be called from several threads."""

    def __init__(self, config: HistoryConfig) -> None:
        """Nothing is asked yet."""
        self.dialect = config.dialect
        self._server = config.server
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = config.server.verify_certificate

    def ask(self, statements: str) -> list[list[Table]]:
        """The tables of each statement's answer.

        Raises:
            UnavailableError: InfluxDB does not answer, or refuses.
        """
        target = self._server.target
        where = {"epoch": EPOCH, "q": statements}
        if isinstance(target, Version1):
            where["db"] = target.database
        else:
            database, _, policy = target.bucket.partition("/")
            where |= {"db": database, "org": target.org} | ({"rp": policy} if policy else {})
        try:
            answer = self._session.post(
                f"{self._server.url}/query",
                data=where,
                timeout=(_CONNECT_TIMEOUT_S, _ANSWER_TIMEOUT_S),
                **self._credentials(),
            )
            return _tables(answer)
        except (requests.RequestException, ConfigError) as error:
            raise UnavailableError(f"InfluxDB at {self._server.url} does not answer: {_reason(error)}") from error
        except UnavailableError as error:
            raise UnavailableError(f"InfluxDB at {self._server.url}: {error}") from error

    def _credentials(self) -> dict[str, Any]:
        target = self._server.target
        if isinstance(target, Version1):
            return {"auth": (target.user, target.password)} if target.user else {}
        token = target.token if target.token_file is None else read_token(FLAG, target.token_file)
        return {"headers": {"Authorization": f"Token {token}"}}


def _tables(answer: requests.Response) -> list[list[Table]]:
    try:
        document = orjson.loads(answer.content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or answer.status_code != HTTPStatus.OK:
        told = document.get("error") or document.get("message") if isinstance(document, dict) else None
        raise UnavailableError(f"HTTP {answer.status_code}: {told or 'no reason given'}")
    return [list(_of_result(result)) for result in document.get("results", ())]


def _of_result(result: Mapping[str, Any]) -> Iterator[Table]:
    if "error" in result:
        raise UnavailableError(str(result["error"]))
    for series in result.get("series", ()):
        yield Table(series.get("name", ""), series["columns"], series.get("values", ()))


def _reason(error: Exception) -> str:
    """In words, without the addresses of Python objects."""
    if isinstance(error, requests.ConnectTimeout):
        return "no connection"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted"
    return "no connection" if isinstance(error, requests.ConnectionError) else str(error)
