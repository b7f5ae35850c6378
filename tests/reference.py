"""Generate docs/reference.md from the commands and the options they read: run `python -m tests.reference`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from unittest.mock import patch

import click

import scraper.config
import writer.sinks.registry
from heapster_stream.__main__ import program
from runtime.uri import UriOptions
from writer.sinks.registry import create_sink

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "reference.md"
OPENING: Final = """# Every flag

Made from the code: what `heapster-stream COMMAND --help` says, in one page. What it means together is in
[configuration.md](configuration.md). Every flag is also the environment variable beside it.
"""
FLAGS: Final = "| flag | variable | default | |\n|---|---|---|---|\n"
OPTIONS: Final = "| option | a | default |\n|---|---|---|\n"

# Which options are read depends on the URI: these URIs together read all options of a sink.
SINKS: Final[Mapping[str, Sequence[str]]] = {
    "influxdb": ("influxdb:?cluster_name=", "influxdb:?org=o&token=t&cluster_name="),
    "file": ("file:/dev/null?cluster_name=",),
    "kafka": ("kafka:?brokers=127.0.0.1:9092",),
    "log": ("log",),
}


class Option(NamedTuple):
    """An option of a URI: its type and default."""

    kind: str
    default: str


class RecordingOptions(UriOptions):
    """Options that record which ones are read."""

    seen: Final[dict[str, Option]] = {}

    def text(self, name: str, default: str) -> str:
        self.seen.setdefault(name, Option("text", default))
        return super().text(name, default)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        self.seen.setdefault(name, Option(f"one of {', '.join(choices)}", choices[0]))
        return super().choice(name, choices)

    def boolean(self, name: str, *, default: bool) -> bool:
        self.seen.setdefault(name, Option("true or false", str(default).lower()))
        return super().boolean(name, default=default)

    def integer(self, name: str, default: int, *, at_least: int | None = None, at_most: int | None = None) -> int:
        self.seen.setdefault(name, Option(f"whole number{_bounds(at_least, at_most)}", str(default)))
        return super().integer(name, default, at_least=at_least, at_most=at_most)


def source_options() -> dict[str, Option]:
    RecordingOptions.seen.clear()
    with patch.object(scraper.config, "UriOptions", RecordingOptions):
        scraper.config.SourceConfig.parse(["kubernetes:http://127.0.0.1:8001?inClusterConfig=false"])
    return dict(RecordingOptions.seen)


def sink_options(key: str) -> dict[str, Option]:
    RecordingOptions.seen.clear()
    with patch.object(writer.sinks.registry, "UriOptions", RecordingOptions):
        for uri in SINKS[key]:
            create_sink("--sink", uri)
    return dict(RecordingOptions.seen)


def document() -> str:
    parts = [OPENING, *(_command(path, command) for path, command in commands())]
    parts += [_options("--source=kubernetes", source_options())]
    parts += [_options(f"--sink={key}", sink_options(key)) for key in SINKS]
    return "\n".join(parts)


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(program)
    for name in program.list_commands(context):
        command = program.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{name} {sub}", command.commands[sub]) for sub in sorted(command.commands))
        else:
            yield name, command


def _command(path: str, command: click.Command) -> str:
    purpose = " ".join((command.help or "").split("\n\n")[0].split())
    rows = [_flag(each) for each in command.params if isinstance(each, click.Option)]
    return f"## {path}\n\n{_plain(purpose)}\n\n{FLAGS}{''.join(rows)}"


def _flag(option: click.Option) -> str:
    name = max(option.opts, key=len)
    value = "" if option.is_flag else f" {_value(option)}"
    text, _, stated = (option.help or "").partition(" [default: ")  # if the code computes the default
    default = "required" if option.required else stated.removesuffix("]") or _default(option)
    variable = f"`{option.envvar}`" if option.envvar else ""
    bounds = _bounds(option.type.min, option.type.max) if isinstance(option.type, click.IntRange) else ""
    return f"| `{name}{value}` | {variable} | {default} | {_plain(text)}{bounds and f' A number{bounds}.'} |\n"


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return " or ".join(option.type.choices)
    name = "INTEGER" if isinstance(option.type, click.IntRange) else option.type.name.upper()
    return (option.metavar or name).replace("|", " or ")


def _default(option: click.Option) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    if option.is_flag:
        return "off"
    return f"`{option.default}`" if isinstance(option.default, str | int) and option.default != "" else ""


def _options(title: str, options: Mapping[str, Option]) -> str:
    if not options:
        return f"## {title}\n\nIt has no options.\n"
    rows = (
        f"| `{name}` | {option.kind} | {option.default and f'`{option.default}`'} |\n"
        for name, option in sorted(options.items(), key=lambda item: item[0].lower())
    )
    return f"## {title}\n\n{OPTIONS}{''.join(rows)}"


def _bounds(lowest: float | None, highest: float | None) -> str:
    if lowest is None and highest is None:
        return ""
    return f" from {lowest} to {highest}" if highest is not None else f" from {lowest} on"


def _plain(text: str) -> str:
    """Escape text for Markdown."""
    return re.sub(r"([*|])", r"\\\1", " ".join(text.split()).replace("<", "&lt;"))


if __name__ == "__main__":
    DOCUMENT.write_text(document())
