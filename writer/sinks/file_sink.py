"""The sink `file`: line protocol appended to a file, or written to standard output."""

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
from writer.lines.filters import filter_batch
from writer.lines.render import Rendered, render
from writer.sinks.append_file import append, is_at, open_for_append
from writer.sinks.config import FileConfig
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)


class FileSink:
    """Appends to a file and syncs it before offsets are committed. A full disk is an outage, which is retried."""

    concurrency: Final = 1

    def __init__(self, config: FileConfig) -> None:
        """Open nothing yet."""
        self.name = config.identity
        self._config = config
        self._file: int | None = None if config.path else sys.stdout.fileno()
        self._reopen_requested = False
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Open the file. Raises UnavailableError: the operating system refuses."""
        with self._lock:
            try:
                self._current_file()
            except OSError as error:
                raise self._unavailable(error) from error

    def render(self, batch: MetricBatch) -> Rendered:
        """Render the accepted points of a batch as line protocol."""
        return render(filter_batch(batch, self._config.sink_filter), self._config.schema)

    def reopen(self) -> None:
        """Reopen the file before the next write."""
        self._reopen_requested = True

    def write(self, body: bytes) -> None:
        """Append lines, all or none.

        Raises:
            UnavailableError: the disk is full or fails.
            SystemExit: the reader of standard output has closed it.
        """
        with self._lock:
            try:
                append(self._current_file(), body)
            except BrokenPipeError:
                log.error("standard output is closed; exiting")  # noqa: TRY400 - not a bug, so no traceback
                raise SystemExit(1) from None
            except OSError as error:
                raise self._unavailable(error) from error

    def _current_file(self) -> int:
        path, file = self._config.path, self._file
        if path is None:
            return sys.stdout.fileno()
        if file is not None and not self._reopen_requested and is_at(file, path):
            return file
        self._reopen_requested = False
        if file is not None:
            self._file = None
            os.close(file)
            log.info("file reopened", extra={"sink": self.name})
        self._file = open_for_append(path)
        return self._file

    def _unavailable(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"{self._config.path or 'standard output'}: {error.strerror or error}")


def reopen_on_hangup(sinks: Iterable[Sink]) -> None:
    """Make SIGHUP reopen the file sinks, for log rotation; without a file sink SIGHUP keeps its default action."""
    files = [sink for sink in sinks if isinstance(sink, FileSink)]

    def reopen(_signal: int, _frame: FrameType | None) -> None:
        for file in files:
            file.reopen()

    if files:
        signal.signal(signal.SIGHUP, reopen)
