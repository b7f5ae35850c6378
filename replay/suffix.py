"""What the names of a replay's topics and consumer groups end in."""

import re
from typing import Final

from schemas.topics import topics

_FORM: Final = re.compile(r"[A-Za-z0-9._-]{1,100}", re.ASCII)
"""What Kafka takes in a topic's name, with room for the rest of it."""

_TAKEN: Final = {
    longer.name.removeprefix(shorter.name)
    for shorter in topics().all
    for longer in topics().all
    if longer.name.startswith(shorter.name) and longer != shorter
}
"""What turns the name of one topic into that of another."""


def checked_suffix(text: str) -> str:
    """The suffix as it was given.

    Raises ValueError: Kafka takes no such name; or the replay would write into topics of the live pipeline, or of a
    replay under another suffix.
    """
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} cannot end a topic's name: Kafka takes up to 100 of a-z, A-Z, 0-9, '.', '_', '-'")
    for taken in _TAKEN:
        if text.startswith(taken):
            raise ValueError(f"{text!r} would make the names of other topics: choose one that begins otherwise")
    return text
