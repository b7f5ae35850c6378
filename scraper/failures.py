"""Why a request failed, in a few words that a person can use."""

from typing import Final

from urllib3.exceptions import IncompleteRead

_SHOWN: Final = 400


def reason(error: BaseException) -> str:
    """What the innermost cause says: the outer ones repeat the URL and name objects."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, IncompleteRead):
            return f"the connection was cut: {found.partial} bytes came, {found.expected} more were to come"
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        inner = found.__cause__ or found.__context__ or getattr(found, "reason", None)
        if not isinstance(inner, BaseException):
            break
        found = inner
    return f"{type(found).__name__}: {found}"[:_SHOWN]
