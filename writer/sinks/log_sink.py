"""The sink `log`: writes each batch as text to standard output."""

import logging
import sys
from typing import Final

from schemas.metric_batch import MetricBatch
from writer.lines.filters import Filter, filter_batch
from writer.lines.render import Rendered
from writer.lines.render_text import render_text
from writer.sinks.config import LOG

log = logging.getLogger(__name__)


class LogSink:
    """Writes batches to standard output, for inspection."""

    name: Final = LOG
    concurrency: Final = 1

    def __init__(self, sink_filter: Filter) -> None:
        """Write what the filter accepts."""
        self._sink_filter = sink_filter

    def render(self, batch: MetricBatch) -> Rendered:
        """Render the batch as one text; empty if the filter accepts nothing of it."""
        filtered = filter_batch(batch, self._sink_filter)
        if batch.sets and not filtered.sets:
            return Rendered("", 0, {})
        return Rendered(f"{render_text(filtered)}\n", 1, {})

    def prepare(self) -> None:
        """Do nothing: standard output is open."""

    def write(self, body: bytes) -> None:
        """Write to standard output. Raises SystemExit: its reader has closed it."""
        try:
            sys.stdout.write(body.decode())
            sys.stdout.flush()
        except BrokenPipeError:
            log.error("standard output is closed; exiting")  # noqa: TRY400 - not a bug, so no traceback
            raise SystemExit(1) from None
