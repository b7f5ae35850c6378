"""A flag, which is also an environment variable, and the names that are nearly one."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import click

_PREFIX: Final = "HEAPSTER_"
_NEAR: Final = 0.85  # so alike two names are by a slip of the finger only

Command = TypeVar("Command", bound=Callable[..., Any])

CONTEXT: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 120,
    "show_default": True,
    "token_normalize_func": lambda name: name.replace("_", "-"),
}
"""Settings of every command."""


def flag(name: str, *names: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own
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
