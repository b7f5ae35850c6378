"""Run a command as a program: exit status and error message."""

import sys
from typing import Final

import click

from runtime.errors import ConfigError, UnavailableError

PROGRAM: Final = "heapster-stream"
_INTERRUPTED: Final = 130


def run(command: click.Command) -> None:
    """Run a command and exit, with errors as one line on standard error.

    Exit status: 2 for invalid flags or configuration, 1 if another system is unavailable, 130 after Ctrl-C.
    """
    try:
        sys.exit(command.main(prog_name=PROGRAM, standalone_mode=False) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        command_path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else PROGRAM
        _print_error(f"{command_path}: {error.format_message()}")
        sys.exit(error.exit_code)
    except (ConfigError, UnavailableError) as error:
        _print_error(f"{PROGRAM}: {error}")
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except (click.Abort, KeyboardInterrupt):
        _print_error(f"{PROGRAM}: interrupted")
        sys.exit(_INTERRUPTED)


def _print_error(message: str) -> None:
    """Print a message on standard error, joined to one line."""
    click.echo(" ".join(message.split()), err=True)
