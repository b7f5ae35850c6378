"""Settings of glibc's allocator and Python's garbage collector for many large, short-lived records.

Freed memory is kept for the next record: returning it to the system took a third of the time of rendering. All threads
share one heap, so that memory freed by one is available to the others. The garbage collector runs rarely, as reference
cycles are rare (docs/optimizations.md).
"""

import ctypes
import gc
from typing import Final

_TRIM_THRESHOLD: Final = -1  # parameters of mallopt, from malloc.h
_MMAP_THRESHOLD: Final = -3
_HEAPS: Final = -8
_KEPT_BYTES: Final = 32 * 1024 * 1024
_LARGEST_KEPT_BYTES: Final = 16 * 1024 * 1024

_COLLECT_AFTER: Final = 50_000  # new objects that are alive; Python's default of 700 is a tenth of a record


def tune_memory() -> None:
    """Keep freed memory, collect garbage rarely, and exclude all objects that exist now from collection."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Set glibc's allocator parameters; other C libraries have no `mallopt`."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_HEAPS, 1)
        mallopt(_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
