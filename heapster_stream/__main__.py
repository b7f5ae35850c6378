"""`heapster-stream`: the services as subcommands, each loaded only when it is asked for."""

from importlib import import_module
from typing import Final

import click

from runtime import flags
from runtime.memory import keep_freed_memory

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


class Services(click.Group):
    """A group whose commands are imported when they are needed: a writer has no use for Faust."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All of them, in alphabetical order."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """The one of that name, if there is one."""
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - a slip in the table above
        return command


@click.command(cls=Services, context_settings=flags.CONTEXT)
@click.version_option(package_name="heapster-stream", prog_name="heapster-stream", message="%(prog)s %(version)s")
def program() -> None:
    """Heapster's cluster metrics as a stream: kubelets to Kafka to InfluxDB.

    A scraper reads the kubelets into Kafka, a processor computes the metrics, a writer brings them into InfluxDB.
    Start any number of each. `simulate` is a cluster to try them on.
    """


def main() -> None:
    """Entry point of the installed program."""
    keep_freed_memory()
    flags.run(program)


if __name__ == "__main__":
    main()
