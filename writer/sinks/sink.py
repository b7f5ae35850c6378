"""Protocol of a sink, and the error by which it refuses lines."""

from typing import Protocol

from schemas.metric_batch import MetricBatch
from writer.lines.render import Rendered


class RefusedError(Exception):
    """The sink permanently refuses at least one line of a request; the message is the sink's.

    `by_field`: a sink may accept a refused line with fewer fields, as InfluxDB does.
    """

    def __init__(self, message: str, *, by_field: bool = True) -> None:
        """Keep the message and `by_field`."""
        super().__init__(message)
        self.by_field = by_field


class Sink(Protocol):
    """Destination of points: InfluxDB, a file, Kafka or the log."""

    @property
    def name(self) -> str:
        """Unique and stable name; part of the consumer group's name."""

    @property
    def concurrency(self) -> int:
        """Maximum number of requests in flight."""

    def render(self, batch: MetricBatch) -> Rendered:
        """Render the accepted points of a batch, one line per point."""

    def prepare(self) -> None:
        """Create what the sink writes to where it is missing. Raises UnavailableError: retry."""

    def write(self, body: bytes) -> None:
        """Write lines; return when they are stored.

        Raises:
            RefusedError: at least one line is refused permanently.
            UnavailableError: retry.
        """
