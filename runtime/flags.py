"""Command-line flags: each also an environment variable, errors in one line and exit status 2."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from difflib import get_close_matches
from functools import wraps
from typing import Any, Final, TypeVar, cast

import click

from runtime.duration import NS_PER_MS, go_duration_ns
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings
from runtime.kafka_properties import FLAG, kafka_properties
from runtime.logs import DEFAULT_LEVEL, LOG_FORMS, LogForm, LogSettings
from schemas.topics import DEFAULT_PARTITIONS

PROGRAM: Final = "heapster-stream"
_INTERRUPTED: Final = 130
_PREFIX: Final = "HEAPSTER_"
_NEAR: Final = 0.85  # so alike two names are by a slip of the finger only

_Command = TypeVar("_Command", bound=Callable[..., Any])

CONTEXT: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 120,
    "show_default": True,
    "token_normalize_func": lambda name: name.replace("_", "-"),
}
"""Settings of every command."""


class Duration(click.ParamType):
    """A Go duration, handed on in nanoseconds; whole milliseconds, as Kafka's timestamps are."""

    name = "duration"

    def __init__(self, *, at_least: str = "0s", at_most: str = "24h") -> None:
        """The shortest and the longest that are taken."""
        self.at_least = at_least
        self.at_most = at_most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """From text, or from a number that was converted before."""
        if isinstance(value, int):
            return value
        try:
            duration_ns = go_duration_ns(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if duration_ns % NS_PER_MS:
            self.fail(f"{value!r} is not a whole number of milliseconds", param, ctx)
        if duration_ns < go_duration_ns(self.at_least):
            self.fail(f"{value!r} is less than {self.at_least}", param, ctx)
        if duration_ns > go_duration_ns(self.at_most):
            self.fail(f"{value!r} is more than {self.at_most}", param, ctx)
        return duration_ns


class Whole(click.IntRange):
    """A whole number within bounds."""

    name = "whole number"


class Brokers(click.ParamType):
    """`HOST:PORT,HOST:PORT,…`, checked for form."""

    name = "HOST:PORT,…"
    _broker = re.compile(r"([\w.-]+|\[[\da-fA-F:.%]+\]):(\d{1,5})", re.ASCII)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text without spaces around the commas, and without empty parts, as Kafka's own tools take it."""
        brokers = [broker.strip() for broker in str(value).split(",") if broker.strip()]
        for broker in brokers or [""]:
            parts = self._broker.fullmatch(broker)
            if parts is None or not 0 < int(parts[2]) <= 65535:  # noqa: PLR2004
                self.fail(f"{broker!r} is not HOST:PORT, as kafka:9092; several are separated by commas", param, ctx)
        return ",".join(brokers)


def flag(name: str, *names: str, **settings: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401 - click's own
    """An option `--name` that is also read from `HEAPSTER_NAME`."""
    variable = _PREFIX + name.removeprefix("--").upper().replace("-", "_")
    return click.option(name, *names, envvar=variable, show_envvar=True, **settings)


def misspelt_variables(command: click.Command, environ: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Variables that no flag of the command is read from, each with the one that it nearly is."""
    known = [each.envvar.removeprefix(_PREFIX) for each in command.params if isinstance(each.envvar, str)]
    for variable in sorted(environ):
        name = variable.removeprefix(_PREFIX)
        near = get_close_matches(name, known, n=1, cutoff=_NEAR)
        if variable.startswith(_PREFIX) and near and name not in known:
            yield variable, _PREFIX + near[0]


def kafka_flags(command: _Command) -> _Command:
    """Kafka's flags, handed to the command together as `kafka: KafkaSettings`."""

    @_kafka_brokers
    @_kafka_config
    @_topic_prefix
    @wraps(command)
    def given(*, kafka_brokers: str, kafka_config: tuple[str, ...], topic_prefix: str, **others: object) -> object:
        kafka = KafkaSettings(kafka_brokers, kafka_properties(kafka_config), topic_prefix)
        kafka.check()
        return command(kafka=kafka, **others)

    return cast("_Command", given)


def topic_flags(command: _Command) -> _Command:
    """`--partitions` and `--replication-factor`, added to `kafka`: below `kafka_flags`."""

    @_partitions
    @_replication_factor
    @wraps(command)
    def given(*, kafka: KafkaSettings, partitions: int, replication_factor: int | None, **others: object) -> object:
        topics = replace(kafka, partitions=partitions, replication_factor=replication_factor or -1)
        return command(kafka=topics, **others)

    return cast("_Command", given)


class Lines(click.ParamType):
    """Texts; in an environment variable one a line."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        """The lines that are not empty."""
        return [line.strip() for line in rv.splitlines() if line.strip()]


class Prefix(click.ParamType):
    """What may begin a topic's name."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", str(value)):
            self.fail(f"{value!r}: up to 100 letters, digits, dots, dashes and underscores", param, ctx)
        return str(value)


_kafka_brokers: Final = flag(
    "--kafka-brokers", type=Brokers(), required=True, help="Kafka brokers to start from, HOST:PORT separated by commas."
)
_kafka_config: Final = flag(
    FLAG,
    type=Lines(),
    multiple=True,
    metavar="FILE|KEY=VALUE",
    help="Property of every Kafka client, as security.protocol=SASL_SSL, or a file with one a line; repeatable. In the"
    " environment variable one a line.",
)
_topic_prefix: Final = flag(
    "--topic-prefix",
    type=Prefix(),
    default="",
    help="What the names of this pipeline's topics and consumer groups begin with, where several share a Kafka.",
)
_partitions: Final = flag(
    "--partitions",
    type=Whole(min=1, max=10_000),
    default=DEFAULT_PARTITIONS,
    help="Partitions of a topic that is created: as many workers of one kind can share the work.",
)
_replication_factor: Final = flag(
    "--replication-factor",
    type=Whole(min=1, max=100),
    help="Copies of a topic that is created, on different brokers; the brokers' own default if not given.",
    show_default="the brokers' default",
)


def log_flags(command: _Command) -> _Command:
    """`--log-level` and `--log-format`, handed to the command together as `logs: LogSettings`."""

    @_log_level
    @_log_format
    @wraps(command)
    def given(*, log_level: str, log_format: LogForm | None, **others: object) -> object:
        return command(logs=LogSettings(log_level, log_format), **others)

    return cast("_Command", given)


_log_format: Final = flag(
    "--log-format",
    type=click.Choice(LOG_FORMS, case_sensitive=False),
    show_default="text at a terminal, json elsewhere",
    help="Form of the log: a JSON object a line, or a line for people.",
)
_log_level: Final = flag(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default=DEFAULT_LEVEL,
    help="How much is logged.",
)


def metrics_flags(command: _Command) -> _Command:
    """`--metrics-port` and `--metrics-ip`: where a service's figures about itself are served."""
    return _metrics_ip(_metrics_port(command))


_metrics_port: Final = flag(
    "--metrics-port",
    type=Whole(0, 65535),
    default=0,
    help="Port of /metrics (Prometheus), /healthz and /readyz of this service; 0 is any free one, told in the log.",
)
_metrics_ip: Final = flag(
    "--metrics-ip", default="127.0.0.1", help="Address that metrics are served on; 0.0.0.0 is every one."
)


def label_flags(command: _Command) -> _Command:
    """`--label-separator`, `--store-label` and `--ignore-label`: what becomes of Kubernetes labels."""
    for decorate in (_ignore_label, _store_label, _label_separator):
        command = decorate(command)
    return command


_label_separator: Final = flag(
    "--label-separator", default=",", help="Text between the labels of a pod or node in the label `labels`."
)
_store_label: Final = flag(
    "--store-label",
    multiple=True,
    metavar="[NEW=]NAME",
    help="Kubernetes label that also becomes a label of its own, under its name or as NEW; repeatable, or with commas.",
)
_ignore_label: Final = flag(
    "--ignore-label",
    multiple=True,
    metavar="NAME",
    help="Kubernetes label that is left out of `labels`; repeatable, or with commas.",
)


extended_metrics: Final = flag(
    "--extended-metrics",
    is_flag=True,
    help="Also derive what Heapster did not have: swap, pressure, processes, interfaces, workloads and their sums,"
    " shares of requests and limits, and how each scrape went. Heapster's metrics stay as they are.",
)


def run(command: click.Command) -> None:
    """Run a command as a program.

    The user's mistakes end it with one line on standard error and status 2, and what does not answer with status 1.
    """
    try:
        sys.exit(command.main(prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        command_path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else PROGRAM
        _tell(f"{command_path}: {error.format_message()}")
        sys.exit(error.exit_code)
    except (ConfigError, UnavailableError) as error:
        _tell(f"{PROGRAM}: {error}")
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except (click.Abort, KeyboardInterrupt):
        _tell(f"{PROGRAM}: interrupted")
        sys.exit(_INTERRUPTED)


def _tell(message: str) -> None:
    """One line, whatever it was made of."""
    click.echo(" ".join(message.split()), err=True)
