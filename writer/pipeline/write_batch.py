"""The hand: what has been taken from Kafka and is not written yet. Bounded, and as pure as what it holds."""

from collections import Counter
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from schemas.metric_batch import MetricBatch, decode_batch
from writer.lines.render import Problem, Rendered
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.write_requests import MAX_POINTS, RecordLines, Request, requests

MAX_RECORDS: Final = 10_000
MAX_BYTES: Final = 16 * 1024 * 1024  # of records as they came, and as much of lines; the last record may exceed it


class Record(NamedTuple):
    """A record of `derived-metrics`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time_ms: int | None


class DeadLetter(NamedTuple):
    """A record that goes to the dead-letter topic: the reason, and which lines of it were refused."""

    record: Record
    reason: str
    lines: tuple[str, ...] = ()


class WriteBatch:
    """Records that are written, and committed, together.

    Of two batches of the same entity and window only the later one is written: requests in flight have no order.
    """

    def __init__(
        self, render: Callable[[MetricBatch], Rendered], versions: NewestVersions, *, max_points: int = MAX_POINTS
    ) -> None:
        """An empty hand; `render` makes the lines."""
        self.problems: Counter[Problem] = Counter()
        self.stale = 0  # batches that a newer version has made useless
        self._render = render
        self._versions = versions
        self._max_points = max_points
        self._records: dict[tuple[int, int], Record] = {}
        self._pieces: dict[tuple[str, int], RecordLines] = {}  # by key and window end
        self._letters: list[DeadLetter] = []
        self._offsets: dict[int, int] = {}
        self._points = self._last_points = self._characters = self._bytes = 0

    def __len__(self) -> int:
        """How many records it has."""
        return len(self._records)

    @property
    def full(self) -> bool:
        """Whether it should be written before more is taken: one more like the last would be too much."""
        return (
            self._points + self._last_points > self._max_points
            or len(self._records) >= MAX_RECORDS
            or max(self._bytes, self._characters) >= MAX_BYTES
        )

    @property
    def offsets(self) -> dict[int, int]:
        """Offset to commit by partition: behind the last record."""
        return dict(self._offsets)

    @property
    def letters(self) -> list[DeadLetter]:
        """Records that could not be read."""
        return list(self._letters)

    @property
    def oldest_ms(self) -> int | None:
        """Time of the oldest record, None if there is none."""
        return min((record.time_ms for record in self._records.values() if record.time_ms is not None), default=None)

    @property
    def record_bytes(self) -> int:
        """How many bytes the records' values have."""
        return sum(len(record.value or b"") for record in self._records.values())

    def add(self, record: Record) -> None:
        """Take one more record, of any offset behind those taken before."""
        self._records[record.partition, record.offset] = record
        self._offsets[record.partition] = record.offset + 1
        self._bytes += len(record.value or b"")
        try:
            batch = decode_batch(record.value)
        except ValueError as error:
            self._letters.append(DeadLetter(record, str(error)))
            return
        if self._versions.is_stale(batch):
            self.stale += 1
            return
        rendered = self._render(batch)
        self.problems.update(rendered.problems)
        self._points += rendered.points
        self._last_points = rendered.points
        self._characters += len(rendered.text)
        superseded = self._pieces.pop((batch.key, batch.window_end_ns), None)
        self.stale += superseded is not None
        self._pieces[batch.key, batch.window_end_ns] = RecordLines(
            record.partition, record.offset, rendered.text, rendered.points
        )

    def drop(self, partitions: AbstractSet[int]) -> None:
        """Forget the records of partitions that are somebody else's now."""
        self._records = {at: record for at, record in self._records.items() if record.partition not in partitions}
        self._pieces = {entity: piece for entity, piece in self._pieces.items() if piece.partition not in partitions}
        self._letters = [letter for letter in self._letters if letter.record.partition not in partitions]
        self._offsets = {at: offset for at, offset in self._offsets.items() if at not in partitions}

    def requests(self) -> list[Request]:
        """All its lines."""
        return requests(self._pieces.values())

    def record(self, piece: RecordLines) -> Record | None:
        """The record that lines are of, None if it was dropped."""
        return self._records.get((piece.partition, piece.offset))
