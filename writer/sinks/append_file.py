"""Durable appends of whole lines to a file that several processes may share.

A partial line left by a crash or a full disk is removed before the next append.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_MODE: Final = 0o644
_LOOK_BACK_BYTES: Final = 64 * 1024


def open_for_append(path: Path) -> int:
    """Open the file, creating it if it is missing; return its descriptor. Raises OSError."""
    existed = path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
    if not existed:
        _sync_directory(path.parent)
    return file


def is_at(file: int, path: Path) -> bool:
    """Whether the path still names the open file: it was neither moved nor deleted."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def append(file: int, lines: bytes) -> None:
    """Append lines and sync them to disk, all or none; a pipe or device is only written to. Raises OSError."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        _write(file, lines)
        return
    with _locked(file):
        end = _remove_partial_line(file)
        try:
            _write(file, lines)
            os.fsync(file)
        except OSError:
            with suppress(OSError):  # the next append removes the partial line
                os.ftruncate(file, end)
            raise


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _remove_partial_line(file: int) -> int:
    """Truncate the file after its last whole line; return its size."""
    size = os.lseek(file, 0, os.SEEK_END)
    if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
        return size  # opened for writing only, as standard output is
    end = size
    while end:
        begin = max(0, end - _LOOK_BACK_BYTES)
        found = os.pread(file, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(file, end)
    return os.lseek(file, end, os.SEEK_SET)


def _write(file: int, lines: bytes) -> None:
    remaining = memoryview(lines)
    while remaining:
        remaining = remaining[os.write(file, remaining) :]


def _sync_directory(directory: Path) -> None:
    """Sync a directory: without this a crash may lose a new file in it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
