"""Windowed state on a plain changelogged table: rows by source partition, the greater offset wins.

Faust's own windowed tables expire by the wall clock and restore whatever was written last. Here a window goes when
its reader says so, from event time; and where two workers wrote one row (one of them thought dead), the row that
reflects the greater offset stays, while running and when a changelog is read back.

Rows are kept compressed, to a third, and each is read once or never.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cramjam
import faust
from faust.types import TP, EventT

from processor.agents.ack_tracker import Sent
from processor.agents.producer import Producer


class WindowTable(faust.Table[bytes, bytes]):
    """Rows of bytes by partition, each written to the changelog partition of the same number.

    `row_offset` reads the source offset a row's value reflects; it decides between two values of one row.
    """

    def __init__(self, app: faust.App, *, row_offset: Callable[[bytes], int], **settings: Any) -> None:  # noqa: ANN401
        """As Faust's tables are made, keys and values as raw bytes."""
        super().__init__(app, key_type=bytes, value_type=bytes, **settings)
        self._row_offset = row_offset
        self._sender = Producer(app)
        self._rows: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
        self._restored: dict[int, int] = {}  # by partition, the changelog offset up to which the rows are complete

    def row(self, partition: int, key: bytes) -> bytes:
        """One that is kept for a source partition. Raises KeyError: none is."""
        return _read(self._rows[partition][key])

    def rows(self, partition: int) -> Iterator[bytes]:
        """All that are kept for a source partition."""
        return map(_read, self._rows[partition].values())

    async def put(self, partition: int, key: bytes, value: bytes) -> Sent:
        """Write a row; the result is done when Kafka has acknowledged it."""
        self._merge(partition, key, value)
        return await self._send(partition, key, value)

    async def remove(self, partition: int, key: bytes) -> Sent | None:
        """Delete a row, None if there was none."""
        if self._rows[partition].pop(key, None) is None:
            return None
        return await self._send(partition, key, None)

    def apply_changelog_batch(self, batch: Iterable[EventT[bytes]]) -> None:
        """Restore rows from the changelog, in whatever order workers wrote them."""
        for event in batch:
            message = event.message
            if message.key is None or message.topic != self.changelog_topic_name:
                continue  # of another table: in a rebalance Faust mistakes what is left of a former assignment
            self._restored[message.partition] = message.offset
            if message.value is None:
                self._rows[message.partition].pop(message.key, None)
            else:
                self._merge(message.partition, message.key, message.value)

    def persisted_offset(self, tp: TP) -> int:
        """Up to where the changelog need not be read again.

        Faust remembers offsets of its own, also of partitions that were another worker's meanwhile and whose rows are
        gone: it is told which rows there are. What this worker wrote itself does not count, others may have written
        between.
        """
        return self._restored.get(tp.partition, -1)

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Forget partitions that are another worker's now."""
        mine = {tp.partition for tp in active_tps}
        for partition in (self._rows.keys() | self._restored.keys()) - mine:
            self._rows.pop(partition, None)
            self._restored.pop(partition, None)
        await super().on_recovery_completed(active_tps, standby_tps)

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> Sent:
        return await self._sender.send(self.changelog_topic_name, key=key, value=value, partition=partition)

    def _merge(self, partition: int, key: bytes, value: bytes) -> None:
        kept = self._rows[partition].get(key)
        if kept is None or self._row_offset(value) >= self._row_offset(_read(kept)):
            self._rows[partition][key] = bytes(cramjam.lz4.compress_block(value))


def _read(kept: bytes) -> bytes:
    return bytes(cramjam.lz4.decompress_block(kept))
