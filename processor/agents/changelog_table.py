"""Window table: rows by source partition, stored in memory and in a changelog; the greater source offset wins.

Faust's windowed tables expire by wall-clock time and restore whichever value was written last. Here the agents remove
rows by event time. Two workers may write the same row while one of them is wrongly considered dead: the value with the
greater source offset wins then, while running and when the changelog is read back.

Rows are compressed to about a third, because each is read at most once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cramjam
import faust
from faust.types import TP, EventT

from processor.agents.ack_tracker import PendingSend
from processor.agents.producer import Producer


class WindowTable(faust.Table[bytes, bytes]):
    """Rows of bytes by partition, each written to the changelog partition of the same number.

    `row_offset` returns the source offset of a row's value; it decides between two values of one row.
    """

    def __init__(self, app: faust.App, *, row_offset: Callable[[bytes], int], **settings: Any) -> None:  # noqa: ANN401
        """Create a Faust table whose keys and values are bytes."""
        super().__init__(app, key_type=bytes, value_type=bytes, **settings)
        self._row_offset = row_offset
        self._producer = Producer(app)
        self._rows: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
        self._restored_offsets: dict[int, int] = {}  # of the changelog, by partition

    def row(self, partition: int, key: bytes) -> bytes:
        """A row of a source partition. Raises KeyError: there is none."""
        return _decompress(self._rows[partition][key])

    def rows(self, partition: int) -> Iterator[bytes]:
        """All rows of a source partition."""
        return map(_decompress, self._rows[partition].values())

    async def put(self, partition: int, key: bytes, value: bytes) -> PendingSend:
        """Write a row, and start to send it to the changelog."""
        self._merge(partition, key, value)
        return await self._send(partition, key, value)

    async def remove(self, partition: int, key: bytes) -> PendingSend | None:
        """Delete a row, and start to send a tombstone; None if there is no such row."""
        if self._rows[partition].pop(key, None) is None:
            return None
        return await self._send(partition, key, None)

    def apply_changelog_batch(self, batch: Iterable[EventT[bytes]]) -> None:
        """Restore rows from the changelog, in whatever order workers wrote them."""
        for event in batch:
            message = event.message
            if message.key is None or message.topic != self.changelog_topic_name:
                continue  # another table's: in a rebalance Faust mixes up records of the previous assignment
            self._restored_offsets[message.partition] = message.offset
            if message.value is None:
                self._rows[message.partition].pop(message.key, None)
            else:
                self._merge(message.partition, message.key, message.value)

    def persisted_offset(self, tp: TP) -> int:
        """The changelog offset up to which the rows of a partition are restored, -1 if there are none.

        Faust's own record of it includes partitions that were assigned to another worker meanwhile and whose rows are
        dropped here. Rows that this worker wrote do not count: other workers may have written in between.
        """
        return self._restored_offsets.get(tp.partition, -1)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Drop the rows of partitions that are no longer assigned to this worker."""
        assigned = {tp.partition for tp in active_tps}
        for partition in (self._rows.keys() | self._restored_offsets.keys()) - assigned:
            self._rows.pop(partition, None)
            self._restored_offsets.pop(partition, None)
        await super().on_recovery_completed(active_tps, standby_tps)

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> PendingSend:
        return await self._producer.send(self.changelog_topic_name, key=key, value=value, partition=partition)

    def _merge(self, partition: int, key: bytes, value: bytes) -> None:
        stored = self._rows[partition].get(key)
        if stored is None or self._row_offset(value) >= self._row_offset(_decompress(stored)):
            self._rows[partition][key] = bytes(cramjam.lz4.compress_block(value))


def _decompress(compressed: bytes) -> bytes:
    return bytes(cramjam.lz4.decompress_block(compressed))
