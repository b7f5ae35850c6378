"""Command-line flags: each also an environment variable, errors in one line and exit status 2."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

import click

from runtime.duration import NS_PER_MS, go_duration_ns
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings

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

    def __init__(self, *, at_least_ns: int = 0) -> None:
        """The shortest that is taken."""
        self.at_least_ns = at_least_ns

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
        if duration_ns < self.at_least_ns:
            self.fail(f"{value!r} is less than {self.at_least_ns // NS_PER_MS} ms", param, ctx)
        return duration_ns


class Brokers(click.ParamType):
    """`HOST:PORT,HOST:PORT,…`, checked for form."""

    name = "HOST:PORT,…"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text without spaces."""
        brokers = [broker.strip() for broker in str(value).split(",")]
        for broker in brokers:
            host, _, port = broker.rpartition(":")
            if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535:  # noqa: PLR2004
                self.fail(f"{broker!r} is not HOST:PORT, as kafka:9092", param, ctx)
        return ",".join(brokers)


def flag(name: str, *names: str, **settings: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401 - click's own
    """An option `--name` that is also read from `HEAPSTER_NAME`."""
    variable = "HEAPSTER_" + name.removeprefix("--").upper().replace("-", "_")
    return click.option(name, *names, envvar=variable, show_envvar=True, **settings)


def kafka_flags(command: _Command) -> _Command:
    """Kafka's flags, handed to the command together as `kafka: KafkaSettings`."""

    @_kafka_brokers
    @wraps(command)
    def given(*, kafka_brokers: str, **others: object) -> object:
        return command(kafka=KafkaSettings(kafka_brokers), **others)

    return cast("_Command", given)


_kafka_brokers: Final = flag(
    "--kafka-brokers", type=Brokers(), required=True, help="Kafka brokers to start from, HOST:PORT separated by commas."
)
log_level: Final = flag(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="info",
    help="How much is logged.",
)


def metrics_flags(command: _Command) -> _Command:
    """`--metrics-port` and `--metrics-ip`: where a service's figures about itself are served."""
    return _metrics_ip(_metrics_port(command))


_metrics_port: Final = flag(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of Prometheus metrics about this service, under /metrics; 0 is any free one, told in the log.",
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
    """Run a command as a program; the user's mistakes end it with one line on standard error and status 2."""
    try:
        command.main(prog_name="heapster-stream", standalone_mode=True)
    except ConfigError as error:
        click.echo(f"heapster-stream: {error}", err=True)
        sys.exit(2)
