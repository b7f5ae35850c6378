"""Short, readable reasons why a request failed."""

from collections.abc import Iterator
from typing import Final

from urllib3.exceptions import IncompleteRead

_MAX_CHARACTERS: Final = 400


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what caused it, the innermost cause last."""
    found: object = error
    while isinstance(found, BaseException):
        yield found
        found = found.__cause__ or found.__context__ or getattr(found, "reason", None)


def os_reason(error: BaseException) -> str | None:
    """Return the operating system's message for the outermost OSError that has one, such as "Connection refused"."""
    return next((each.strerror for each in causes(error) if isinstance(each, OSError) and each.strerror), None)


def reason(error: BaseException) -> str:
    """Return the most specific message: the outer errors repeat the URL and name objects."""
    for found in causes(error):
        if isinstance(found, IncompleteRead):
            return f"the connection was cut: {found.partial} bytes received, {found.expected} more expected"
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        innermost = found
    return f"{type(innermost).__name__}: {innermost}"[:_MAX_CHARACTERS]
