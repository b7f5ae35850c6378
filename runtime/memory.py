"""Memory: what is freed is kept for the next record, instead of given back to the system and asked for again.

Records and requests are large, and one follows the other: by default each costs its pages anew, which took a third of
the time of rendering (docs/performance.md).
"""

import ctypes
from typing import Final

_TRIM_THRESHOLD: Final = -1  # names of glibc's settings, from malloc.h
_MMAP_THRESHOLD: Final = -3
_KEPT_BYTES: Final = 32 * 1024 * 1024
_LARGEST_KEPT_BYTES: Final = 16 * 1024 * 1024


def keep_freed_memory() -> None:
    """Tell the C library, where it is glibc: others have no such settings."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
