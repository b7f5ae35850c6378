"""Memory: what is freed is kept for the next record, instead of given back to the system and asked for again.

Records and requests are large, and one follows the other: by default each costs its pages anew, which took a third of
the time of rendering. Threads share one heap: with a heap for some threads each, what one has freed is of no use to the
others. And hardly anything here refers to itself in a circle, so there is little for the garbage
collector to find (docs/optimizations.md).
"""

import ctypes
import gc
from typing import Final

_TRIM_THRESHOLD: Final = -1  # names of glibc's settings, from malloc.h
_MMAP_THRESHOLD: Final = -3
_HEAPS: Final = -8
_KEPT_BYTES: Final = 32 * 1024 * 1024
_LARGEST_KEPT_BYTES: Final = 16 * 1024 * 1024

_COLLECT_AFTER: Final = 50_000  # objects made and still there; Python's own 700 are a tenth of a record


def tune_memory() -> None:
    """Keep freed memory, and look for garbage in circles seldom and only among what comes from now on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Tell the C library, where it is glibc: others have no such settings."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_HEAPS, 1)
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
