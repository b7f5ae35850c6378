"""A program in the background with a log of its own: launched, stopped, killed, frozen, launched again."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

STOP_S: Final = 20.0


class ProcessError(RuntimeError):
    """It is not in the state that was needed; the message says which program, and what its log says."""


class Process:
    """One program; not in our process group, so that Ctrl-C reaches us alone and we end it in order."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        """Nothing runs yet. Its output will be added to `log`."""
        self.name = name
        self.command = tuple(command)
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self) -> Self:
        """Start it; it may still be a while until it is of use. Raises ProcessError: it runs already."""
        if self.running:
            raise ProcessError(f"{self.name} runs already, as process {self.pid}")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_tied_to_us(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self

    @property
    def pid(self) -> int:
        """Its process id, also after its end. Raises ProcessError: it was never launched."""
        return self._launched().pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """Its exit status, negative if a signal ended it; None while it runs. Raises ProcessError: never launched."""
        return self._launched().poll()

    def terminate(self) -> None:
        """Ask it to end, without waiting. Raises ProcessError: it was never launched."""
        self._launched().terminate()

    def stop(self, within_s: float = STOP_S) -> int:
        """End it as an administrator would, by force if that takes too long; its exit status.

        Raises ProcessError: it was never launched.
        """
        process = self._launched()
        process.terminate()
        try:
            return process.wait(within_s)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once, as a power cut would; its exit status. Raises ProcessError: it was never launched."""
        process = self._launched()
        process.kill()
        return process.wait()

    def freeze(self) -> None:
        """Let it hang: connections stay open, nothing is answered. None of its threads runs when this returns."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    @property
    def text(self) -> str:
        """All that it has said."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def log_tail(self, lines: int = 20) -> str:
        """The end of what it has said."""
        return "\n".join(self.text.splitlines()[-lines:])

    def _launched(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ProcessError(f"{self.name} has not been launched")
        return self._process


def _tied_to_us() -> list[str]:
    """Where the machine can do that: the program ends when the thread that launched it does, even by kill -9."""
    return ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
