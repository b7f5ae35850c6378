"""Appending: lines at the end of a file, whole or not at all, kept on the disk when it returns.

Several processes may add to one file. A line that a crash or a full disk has cut is taken away before more is added.
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


def opened(path: Path) -> int:
    """A descriptor of the file, which is made where it is missing. Raises OSError."""
    existed = path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
    if not existed:
        _keep_name(path.parent)
    return file


def is_at(file: int, path: Path) -> bool:
    """Whether it still is what the path names: not moved away, nor deleted."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def append(file: int, lines: bytes) -> None:
    """Add lines, each with its end. What is no regular file, as a pipe, is just written to. Raises OSError."""
    if not stat.S_ISREG(os.fstat(file).st_mode):
        _write(file, lines)
        return
    with _locked(file):
        end = _end_of_lines(file)
        try:
            _write(file, lines)
            os.fsync(file)
        except OSError:
            with suppress(OSError):  # what is cut is taken away the next time then
                os.ftruncate(file, end)
            raise


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _end_of_lines(file: int) -> int:
    """Where the last whole line ends, and the file too from now on."""
    size = os.lseek(file, 0, os.SEEK_END)
    if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDWR:
        return size  # standard output: not ours to read
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
    left = memoryview(lines)
    while left:
        left = left[os.write(file, left) :]


def _keep_name(folder: Path) -> None:
    """A new file is only safe when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
