"""Where the stack's programs are installed: a folder that git ignores. Each is there whole or not at all."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_BESIDE_THE_SOURCES: Final = Path(__file__).resolve().parents[2] / ".cache"
_SHOWN_LINES: Final = 30


class InstallError(RuntimeError):
    """A program of the stack cannot be installed; the message says which step failed, and how."""


def cache_folder() -> Path:
    """`.cache` beside the sources, or what HEAPSTER_STREAM_CACHE names."""
    folder = Path(os.environ.get("HEAPSTER_STREAM_CACHE") or _BESIDE_THE_SOURCES).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def installed(name: str, install: Callable[[Path], None], told: str) -> Path:
    """The folder `name` of the cache, filled by `install` if it is not there yet; then `told` is printed first.

    Others that want the same meanwhile wait; an install that failed half way is done again.
    """
    folder = cache_folder() / name
    with locked(name):
        if not folder.is_dir():
            unfinished = folder.with_name(f"{name}.unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            print(told, file=sys.stderr, flush=True)
            install(unfinished)
            unfinished.rename(folder)
    return folder


def run_quietly(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> None:
    """Run one step of an installation. Raises InstallError: it failed, with what it said."""
    done = subprocess.run(
        command,
        check=False,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode:
        told = "\n".join(done.stdout.splitlines()[-_SHOWN_LINES:])
        raise InstallError(f"this ended with status {done.returncode}:\n  {' '.join(map(str, command))}\n{told}")


@contextmanager
def locked(name: str, *, wait: bool = True) -> Iterator[None]:
    """Nobody else has the lock `name` meanwhile. It is the kernel's, and ends with its holder, however that ends.

    Raises BlockingIOError: somebody has it, and we are not to wait.
    """
    with (cache_folder() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
