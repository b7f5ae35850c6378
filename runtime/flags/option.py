"""Flags that are also environment variables, and the detection of misspelt variables."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import click

_PREFIX: Final = "HEAPSTER_"
_MIN_SIMILARITY: Final = 0.85  # ratio of difflib from which a name counts as misspelt

Command = TypeVar("Command", bound=Callable[..., Any])

CONTEXT: Final[dict[str, Any]] = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 120,
    "show_default": True,
    "token_normalize_func": lambda name: name.replace("_", "-"),
}
"""click's context settings of every command."""


def flag(name: str, *names: str, **settings: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own
    """An option `--name` that is also read from the environment variable `HEAPSTER_NAME`."""
    variable = _PREFIX + name.removeprefix("--").upper().replace("-", "_")
    return click.option(name, *names, envvar=variable, show_envvar=True, **settings)


def misspelt_variables(command: click.Command, environ: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each variable that no flag of the command reads but that resembles one, with the correct name."""
    known = [each.envvar.removeprefix(_PREFIX) for each in command.params if isinstance(each.envvar, str)]
    for variable in sorted(environ):
        name = variable.removeprefix(_PREFIX)
        similar = get_close_matches(name, known, n=1, cutoff=_MIN_SIMILARITY)
        if variable.startswith(_PREFIX) and similar and name not in known:
            yield variable, _PREFIX + similar[0]
