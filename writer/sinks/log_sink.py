"""The sink `log`: each batch as text on standard output."""

import logging
import sys
from typing import Final

from schemas.metric_batch import MetricBatch
from writer.lines.filters import Filter, filtered
from writer.lines.render import Rendered
from writer.lines.render_text import text
from writer.sinks.config import LOG

log = logging.getLogger(__name__)


class LogSink:
    """Standard output as a sink: for a look at what comes."""

    name: Final = LOG
    concurrency: Final = 1

    def __init__(self, chosen: Filter) -> None:
        """Write what is chosen."""
        self._chosen = chosen

    def render(self, batch: MetricBatch) -> Rendered:
        """The batch as one text; none if nothing of it is chosen."""
        left = filtered(batch, self._chosen)
        if batch.sets and not left.sets:
            return Rendered("", 0, {})
        return Rendered(f"{text(left)}\n", 1, {})

    def prepare(self) -> None:
        """It is there."""

    def write(self, body: bytes) -> None:
        """To standard output. Raises SystemExit: nobody reads it any more."""
        try:
            sys.stdout.write(body.decode())
            sys.stdout.flush()
        except BrokenPipeError:
            log.error("standard output is closed")  # noqa: TRY400 - a reader that has gone is no bug
            raise SystemExit(1) from None
