"""What the writer asks of a place that points go to."""

from typing import Protocol

from schemas.metric_batch import MetricBatch
from writer.lines.render import Rendered


class RefusedError(Exception):
    """The sink will never take this request as it is; the message is the sink's own.

    `by_field` if of a line that is refused single fields may be taken, as of InfluxDB's.
    """

    def __init__(self, message: str, *, by_field: bool = True) -> None:
        """What the sink says."""
        super().__init__(message)
        self.by_field = by_field


class Sink(Protocol):
    """InfluxDB, a file, Kafka, or the log."""

    @property
    def name(self) -> str:
        """Unique and stable: part of the consumer group's name."""

    @property
    def concurrency(self) -> int:
        """How many requests may be in flight at once."""

    def render(self, batch: MetricBatch) -> Rendered:
        """What is to be written of a batch, line by line."""

    def prepare(self) -> None:
        """Have what points are written to. Raises UnavailableError: to be tried again."""

    def write(self, body: bytes) -> None:
        """Write lines; returns when they are kept.

        Raises:
            RefusedError: at least one line is not taken.
            UnavailableError: to be tried again.
        """
