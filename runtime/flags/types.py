"""What a flag's value may be: read from text, and what it is said to be where it is not."""

import re

import click

from runtime.duration import NS_PER_MS, go_duration_ns


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


class WholeNumber(click.IntRange):
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


class LineSeparated(click.ParamType):
    """Texts; in an environment variable one a line."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        """The lines that are not empty."""
        return [line.strip() for line in rv.splitlines() if line.strip()]


class TopicPrefix(click.ParamType):
    """What may begin a topic's name."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", str(value)):
            self.fail(f"{value!r}: up to 100 letters, digits, dots, dashes and underscores", param, ctx)
        return str(value)
