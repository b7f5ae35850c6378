"""`heapster-stream`: the services as subcommands, each imported only when it is used."""

import os
from difflib import get_close_matches
from importlib import import_module
from typing import Final

import click

from heapster_stream.examples import EXAMPLES
from runtime import flags
from runtime.memory import tune_memory

_COMMANDS: Final = {
    "api": "api.__main__:api",
    "dead-letters": "heapster_stream.dead_letters:dead_letters",
    "processor": "processor.__main__:processor",
    "replay": "replay.__main__:replay",
    "scraper": "scraper.__main__:scraper",
    "simulate": "simulator.__main__:simulate",
    "topics": "heapster_stream.topics:topics",
    "writer": "writer.__main__:writer",
}


class LazyGroup(click.Group):
    """A group that imports only the command in use: a writer, for example, does not import Faust."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all commands, in alphabetical order."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import a command; None if the name is unknown."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - a mistake in the table above
        command.epilog = f"\b\nExample:\n{EXAMPLES[cmd_name]}"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, suggest one for an unknown name, and warn about misspelt environment variables."""
        try:
            name, command, rest = super().resolve_command(ctx, args)
        except click.UsageError as error:
            similar = get_close_matches(args[0], _COMMANDS, n=1)
            error.message += "".join(f" Did you mean {each}?" for each in similar)
            raise
        for variable, known in flags.misspelt_variables(command, os.environ) if command else ():
            click.echo(f"{flags.PROGRAM}: unknown environment variable {variable}: did you mean {known}?", err=True)
        return name, command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the complete first paragraph of their help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(self.get_command(ctx, name))) for name in self.list_commands(ctx)])


def _summary(command: click.Command | None) -> str:
    text = command.help if command is not None else None
    return " ".join((text or "").partition("\n\n")[0].split())


@click.command(cls=LazyGroup, context_settings=flags.CONTEXT)
@click.version_option(package_name="heapster-stream", prog_name="heapster-stream", message="%(prog)s %(version)s")
def program() -> None:
    """Heapster's cluster metrics as a stream: from kubelets through Kafka to InfluxDB.

    A scraper reads the kubelets into Kafka, a processor computes the metrics, a writer writes them to InfluxDB. You
    can start any number of each. `simulate` runs a simulated cluster to try them with.
    """


def main() -> None:
    """Run the program; the entry point of the installed script."""
    tune_memory()
    flags.run(program)


if __name__ == "__main__":
    main()
