"""Check the suffix of a replay's topics and consumer groups."""

import re
from typing import Final

from schemas.topics import topics

_FORM: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
"""Characters that Kafka allows in topic names; the length leaves space for the rest of the name."""

_RESERVED: Final = {
    longer.name.removeprefix(shorter.name)
    for shorter in topics().all
    for longer in topics().all
    if longer.name.startswith(shorter.name) and longer != shorter
}
"""Suffixes that turn the name of one topic into that of another."""


def checked_suffix(text: str) -> str:
    """Return the suffix unchanged.

    Raises ValueError: it is not valid in topic names; or the replay would write to topics of the live pipeline or of a
    replay with another suffix.
    """
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a valid suffix: use up to 100 of a-z, A-Z, 0-9, '.', '_', '-'")
    for reserved in _RESERVED:
        if text.startswith(reserved):
            raise ValueError(f"{text!r} gives names of other topics: use a suffix that does not start with {reserved}")
    return text
