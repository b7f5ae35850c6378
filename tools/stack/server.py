"""A server of the stack: a process that serves once it is up, and finds its data and its port again after a fall."""

import time
from abc import ABC, abstractmethod
from typing import Final, Self

from tools.stack.process import Process, ProcessError

START_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.1


class Server(Process, ABC):
    """A process that others connect to."""

    _launched_at = 0.0

    @abstractmethod
    def serves(self) -> bool:
        """Whether it answers now."""

    def launch(self) -> Self:
        """Start it, without waiting."""
        self._launched_at = time.monotonic()
        return super().launch()

    def is_up(self) -> bool:
        """Whether it serves by now. Raises ProcessError: it has ended, or takes too long."""
        if not self.running:
            raise ProcessError(
                f"{self.name} has ended with status {self.status}; its log {self.log}:\n{self.log_tail()}"
            )
        if self.serves():
            return True
        if time.monotonic() - self._launched_at > START_S:
            self.kill()
            raise ProcessError(
                f"{self.name} does not answer after {START_S:.0f} s; its log {self.log}:\n{self.log_tail()}"
            )
        return False

    def start(self) -> Self:
        """Start it and wait until it serves. Raises ProcessError: it ended, or takes too long."""
        return self.launch().wait()

    def wait(self) -> Self:
        """Wait until it serves. Raises ProcessError: it ended, or takes too long."""
        while not self.is_up():
            time.sleep(_LOOK_EVERY_S)
        return self
