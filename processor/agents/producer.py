"""Sending records directly through Faust's producer.

Faust's topics add only overhead to records that are bytes. Faust's tables buffer changelog records and send the buffer
message by message. A commit waits until the buffer is empty, and while a worker catches up that may never happen.
"""

from collections.abc import Mapping

import faust

from processor.agents.ack_tracker import PendingSend


class Producer:
    """The producer that agents and tables send with."""

    def __init__(self, app: faust.App) -> None:
        """Use the application's producer, which starts with the first record."""
        self._app = app

    async def send(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        timestamp_s: float | None = None,
        headers: Mapping[str, bytes] | None = None,
    ) -> PendingSend:
        """Start to send a record, by default to the partition of its key; the value None is a tombstone."""
        producer = await self._app.maybe_start_producer()
        sent: PendingSend = await producer.send(topic, key, value, partition, timestamp_s, headers)
        return sent
