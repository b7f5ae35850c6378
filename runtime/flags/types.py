"""Types of flag values: parse the text, or fail with a message that names the expected form."""

import re

import click

from runtime.duration import NS_PER_MS, go_duration_ns


class Duration(click.ParamType):
    """A Go duration, converted to nanoseconds; must be whole milliseconds, the resolution of Kafka's timestamps."""

    name = "duration"

    def __init__(self, *, at_least: str = "0s", at_most: str = "24h") -> None:
        """Set the shortest and the longest valid duration."""
        self.at_least = at_least
        self.at_most = at_most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse text; return a number unchanged, as it was converted before."""
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
    """A list of brokers, `HOST:PORT,HOST:PORT,…`."""

    name = "HOST:PORT,…"
    _broker = re.compile(r"([\w.-]+|\[[\da-fA-F:.%]+\]):(\d{1,5})", re.ASCII)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text; remove empty parts and spaces around commas, which Kafka's own tools accept too."""
        brokers = [broker.strip() for broker in str(value).split(",") if broker.strip()]
        for broker in brokers or [""]:
            parts = self._broker.fullmatch(broker)
            if parts is None or not 0 < int(parts[2]) <= 65535:  # noqa: PLR2004
                self.fail(f"{broker!r} is not HOST:PORT, such as kafka:9092; separate brokers by commas", param, ctx)
        return ",".join(brokers)


class LineSeparated(click.ParamType):
    """Text; an environment variable contains one value per line."""

    name = "text"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Split into lines, without empty ones."""
        return [line.strip() for line in rv.splitlines() if line.strip()]


class TopicPrefix(click.ParamType):
    """A prefix of topic names."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the text and return it unchanged."""
        if not re.fullmatch(r"[A-Za-z0-9._-]{0,100}", str(value)):
            self.fail(f"{value!r} is invalid: use up to 100 letters, digits, dots, dashes, underscores", param, ctx)
        return str(value)
