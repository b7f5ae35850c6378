"""The sink `file`: line protocol at the end of a file, or on standard output."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Final

from runtime.errors import UnavailableError
from schemas.metric_batch import MetricBatch
from writer.lines.filters import filtered
from writer.lines.render import Rendered, render
from writer.sinks.append_file import append, is_at, opened
from writer.sinks.config import FileConfig
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)


class FileSink:
    """A file as a sink: on the disk before anything is committed. A full disk is an outage, not an end."""

    concurrency: Final = 1

    def __init__(self, config: FileConfig) -> None:
        """Nothing is opened yet."""
        self.name = config.identity
        self._config = config
        self._file: int | None = None if config.path else sys.stdout.fileno()
        self._is_to_be_reopened = False
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Open the file. Raises UnavailableError: it cannot be now."""
        with self._lock:
            try:
                self._opened()
            except OSError as error:
                raise self._unavailable(error) from error

    def render(self, batch: MetricBatch) -> Rendered:
        """The batch's points in line protocol."""
        return render(filtered(batch, self._config.chosen), self._config.schema)

    def reopen(self) -> None:
        """Open the file anew before the next lines are written."""
        self._is_to_be_reopened = True

    def write(self, body: bytes) -> None:
        """Add lines, all or none.

        Raises:
            UnavailableError: the disk is full, or fails.
            SystemExit: nobody reads standard output any more.
        """
        with self._lock:
            try:
                append(self._opened(), body)
            except BrokenPipeError:
                log.error("standard output is closed")  # noqa: TRY400 - a reader that has gone is no bug
                raise SystemExit(1) from None
            except OSError as error:
                raise self._unavailable(error) from error

    def _opened(self) -> int:
        path, file = self._config.path, self._file
        if path is None:
            return sys.stdout.fileno()
        if file is not None and not self._is_to_be_reopened and is_at(file, path):
            return file
        self._is_to_be_reopened = False
        if file is not None:
            self._file = None
            os.close(file)
            log.info("file opened again", extra={"sink": self.name})
        self._file = opened(path)
        return self._file

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"{self._config.path or 'standard output'}: {error.strerror or error}")


def reopen_on_hangup(sinks: Iterable[Sink]) -> None:
    """Have SIGHUP reopen the files among them: who rotates a file says so after moving it."""
    files = [sink for sink in sinks if isinstance(sink, FileSink)]

    def reopen(_signal: int, _frame: FrameType | None) -> None:
        for file in files:
            file.reopen()

    if files:
        signal.signal(signal.SIGHUP, reopen)
