"""Records buffered for one write and one commit, with bounded memory; pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from schemas.metric_batch import MetricBatch, decode_batch
from writer.lines.render import Problem, Rendered
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.write_requests import MAX_POINTS, RecordLines, Refusal, Request, requests

MAX_RECORDS: Final = 10_000
MAX_BYTES: Final = (
    16 * 1024 * 1024
)  # of encoded records, and as many characters of lines; the last record may exceed it


class Record(NamedTuple):
    """A record of `derived-metrics`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time_ms: int | None  # the record's timestamp, None if it has none


class DeadLetter(NamedTuple):
    """A record for the dead-letter topic, the reason, and the lines that the sink refused, if any."""

    record: Record
    reason: str
    lines: tuple[str, ...] = ()


class WriteBatch:
    """Records that are written and committed together.

    Of two batches of one entity and window only the later one is written, as concurrent requests have no order.
    """

    def __init__(
        self, render: Callable[[MetricBatch], Rendered], versions: NewestVersions, *, max_points: int = MAX_POINTS
    ) -> None:
        """Start empty; `render` makes the lines of a batch."""
        self.problems: Counter[Problem] = Counter()
        self.stale = 0  # batches skipped because a newer version was seen
        self._render = render
        self._versions = versions
        self._max_points = max_points
        self._records: dict[tuple[int, int], Record] = {}  # by partition and offset
        self._lines: dict[tuple[str, int], RecordLines] = {}  # by batch key and window end
        self._undecodable: list[DeadLetter] = []
        self._offsets: dict[int, int] = {}
        self._points = self._last_points = self._characters = self._bytes = 0

    def __len__(self) -> int:
        """Number of records."""
        return len(self._records)

    @property
    def full(self) -> bool:
        """Whether another record of the size of the last one would exceed a limit."""
        return (
            self._points + self._last_points > self._max_points
            or len(self._records) >= MAX_RECORDS
            or max(self._bytes, self._characters) >= MAX_BYTES
        )

    @property
    def offsets(self) -> dict[int, int]:
        """Offset to commit by partition: one more than that of the last record."""
        return dict(self._offsets)

    @property
    def oldest_ms(self) -> int | None:
        """Timestamp of the oldest record, None if no record has one."""
        return min((record.time_ms for record in self._records.values() if record.time_ms is not None), default=None)

    @property
    def record_bytes(self) -> int:
        """Total size of the records' values in bytes."""
        return sum(len(record.value or b"") for record in self._records.values())

    def add(self, record: Record) -> None:
        """Decode and render a record; its offset must be greater than those of earlier records of its partition."""
        self._records[record.partition, record.offset] = record
        self._offsets[record.partition] = record.offset + 1
        self._bytes += len(record.value or b"")
        try:
            batch = decode_batch(record.value)
        except ValueError as error:
            self._undecodable.append(DeadLetter(record, str(error)))
            return
        if self._versions.is_stale(batch):
            self.stale += 1
            return
        rendered = self._render(batch)
        self.problems.update(rendered.problems)
        self._points += rendered.points
        self._last_points = rendered.points
        self._characters += len(rendered.text)
        superseded = self._lines.pop((batch.key, batch.window_end_ns), None)
        self.stale += superseded is not None
        self._lines[batch.key, batch.window_end_ns] = RecordLines(
            record.partition, record.offset, rendered.text, rendered.points
        )

    def drop(self, partitions: AbstractSet[int]) -> None:
        """Remove the records of revoked partitions."""
        self._records = {at: record for at, record in self._records.items() if record.partition not in partitions}
        self._lines = {entity: lines for entity, lines in self._lines.items() if lines.partition not in partitions}
        self._undecodable = [each for each in self._undecodable if each.record.partition not in partitions]
        self._offsets = {at: offset for at, offset in self._offsets.items() if at not in partitions}

    def requests(self) -> list[Request]:
        """The write requests with all lines."""
        return requests(self._lines.values())

    def dead_letters(self, refusals: Iterable[Refusal] = ()) -> list[DeadLetter]:
        """Undecodable records, then one dead letter per record with all its refused lines and the first reason."""
        lines: defaultdict[Record, list[str]] = defaultdict(list)
        reasons: dict[Record, str] = {}
        for refused, message in refusals:
            record = self._records.get((refused.partition, refused.offset))
            if record is not None:  # None: dropped with its partition
                lines[record].extend(refused.lines)
                reasons.setdefault(record, message)
        refused_records = (DeadLetter(record, reasons[record], tuple(each)) for record, each in lines.items())
        return [*self._undecodable, *refused_records]
