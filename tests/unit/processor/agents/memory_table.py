"""The window table that stands in for `WindowTable` in the agents' unit tests: in memory, without a changelog."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator


class MemoryTable:
    """Keeps rows as `WindowTable` does, and records the keys of all writes."""

    def __init__(self, row_offset: Callable[[bytes], int]) -> None:
        self.written: list[bytes] = []
        self._row_offset = row_offset
        self._rows: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)

    def row(self, partition: int, key: bytes) -> bytes:
        return self._rows[partition][key]

    def rows(self, partition: int) -> Iterator[bytes]:
        return iter(self._rows[partition].values())

    async def put(self, partition: int, key: bytes, value: bytes) -> Awaitable[None]:
        stored = self._rows[partition].get(key)
        if stored is None or self._row_offset(value) >= self._row_offset(stored):
            self._rows[partition][key] = value
        self.written.append(key)
        return done()

    async def remove(self, partition: int, key: bytes) -> Awaitable[None] | None:
        return None if self._rows[partition].pop(key, None) is None else done()


def done() -> Awaitable[None]:
    """A send that Kafka has acknowledged."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
