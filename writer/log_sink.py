"""The sink `log`: each batch as text on standard output."""

import sys
from typing import Final

from schemas.metric_batch import MetricBatch
from writer.config import LOG
from writer.points import Rendered
from writer.text import text


class LogSink:
    """Standard output as a sink: for a look at what comes."""

    name: Final = LOG
    concurrency: Final = 1

    def render(self, batch: MetricBatch) -> Rendered:
        """The whole batch as one text."""
        return Rendered([text(batch)], {})

    def write(self, body: bytes) -> None:
        """To standard output."""
        sys.stdout.write(body.decode())
        sys.stdout.flush()
