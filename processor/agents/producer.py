"""Sending, straight to Faust's producer.

Faust's topics do no more for bytes than cost time. And its tables put what goes to a changelog into a buffer that is
emptied message by message; a commit waits until it is empty, which while catching up may be never.
"""

from collections.abc import Mapping

import faust

from processor.agents.ack_tracker import Sent


class Producer:
    """What agents and tables send goes through here."""

    def __init__(self, app: faust.App) -> None:
        """Of this application: its producer starts with the first record."""
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
    ) -> Sent:
        """Begin to send a record, without `partition` to the one of its key; None as value deletes the key."""
        producer = await self._app.maybe_start_producer()
        sent: Sent = await producer.send(topic, key, value, partition, timestamp_s, headers)
        return sent
