"""A command as a program: how it ends, and what it says then."""

import sys
from typing import Final

import click

from runtime.errors import ConfigError, UnavailableError

PROGRAM: Final = "heapster-stream"
_INTERRUPTED: Final = 130


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
