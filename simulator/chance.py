"""Chance that is the same every time: drawn from what it is for, by a hash."""

import hashlib
import uuid
from typing import Final

_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"  # those that Kubernetes makes names of


def fraction(*path: object) -> float:
    """At least 0, less than 1."""
    return int.from_bytes(_digest(path)[:6]) / 2**48


def between(low: int, high: int, *path: object) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(fraction(*path) * (high - low + 1))


def letters(count: int, *path: object) -> str:
    """A name's random part; up to 12 letters."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in _digest(path)[:count])


def uid(*path: object) -> str:
    """A UID as the API server gives one."""
    return str(uuid.UUID(bytes=_digest(path), version=4))


def hexadecimal(*path: object) -> str:
    """32 hexadecimal digits, as the UID of a static pod in the kubelet's eyes."""
    return _digest(path).hex()


def _digest(path: tuple[object, ...]) -> bytes:
    return hashlib.blake2b("/".join(map(str, path)).encode(), digest_size=16).digest()
