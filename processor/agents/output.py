"""Output of the agents: batches, totals, progress and dead letters, sent through Faust's producer."""

import logging
from typing import Final, Protocol

import faust
from aiokafka.errors import MessageSizeTooLargeError
from faust.types import EventT

from processor import telemetry
from processor.agents.ack_tracker import PendingSend
from processor.agents.producer import Producer
from processor.config import ProcessorConfig
from runtime.dead_letter import headers, left_out
from runtime.duration import NS_PER_MS
from schemas.group_sum import GroupSum, SourceProgress, encode_group_sum, encode_progress
from schemas.metric_batch import MetricBatch, encode_batch
from schemas.topics import MAX_RECORD_BYTES

log = logging.getLogger(__name__)

_MAX_DEAD_LETTER_BYTES: Final = MAX_RECORD_BYTES - 64 * 1024
"""Of the value; the rest is for the headers."""


class RejectedError(Exception):
    """A record that cannot be processed, now or later: it becomes a dead letter, with this message as the reason.

    `kind` is the label value of the metric that counts it: undecodable, broke or unsendable.
    """

    def __init__(self, reason: str, kind: str) -> None:
        """The reason as a sentence, and its kind."""
        super().__init__(reason)
        self.kind = kind


class Output(Protocol):
    """What the agents need of an output. Each call starts a send and returns it while it is in flight."""

    async def batch(self, batch: MetricBatch) -> PendingSend:
        """Send to `derived-metrics`. Raises RejectedError: no schema fits, or the batch is too large for Kafka."""

    async def total(self, total: GroupSum) -> PendingSend:
        """Send to `group-sums`."""

    async def progress(self, progress: SourceProgress) -> list[PendingSend]:
        """Send to every partition of `group-sums`."""

    async def reject(self, event: EventT[bytes], reason: str) -> PendingSend:
        """Send the original record to the dead-letter topic."""


class FaustOutput:
    """The output that sends to the pipeline's topics."""

    def __init__(self, app: faust.App, config: ProcessorConfig, group_partitions: int) -> None:
        """Create the output; `group_partitions` is the number of partitions of `group-sums`."""
        self._producer = Producer(app)
        self._batches = config.topics.derived_metrics.name
        self._totals = config.topics.group_sums.name
        self._dead_letters = config.topics.kubelet_stats_dead_letter.name
        self._group_partitions = group_partitions

    async def batch(self, batch: MetricBatch) -> PendingSend:
        """Send to `derived-metrics`; the key is the entity, the record's timestamp the window end."""
        try:
            value = encode_batch(batch)
            telemetry.batch_bytes.inc(len(value))
            return await self._producer.send(
                self._batches, key=batch.key.encode(), value=value, timestamp_s=_timestamp_s(batch.window_end_ns)
            )
        except (ValueError, MessageSizeTooLargeError) as error:
            raise RejectedError(f"its batch cannot be sent: {error}", "unsendable") from error

    async def total(self, total: GroupSum) -> PendingSend:
        """Send to `group-sums`; the key is the group."""
        return await self._producer.send(
            self._totals,
            key=total.key.encode(),
            value=encode_group_sum(total),
            timestamp_s=_timestamp_s(total.window_end_ns),
        )

    async def progress(self, progress: SourceProgress) -> list[PendingSend]:
        """Send to every partition of `group-sums`."""
        key = f"progress/{progress.source_partition}".encode()
        value = encode_progress(progress)
        return [
            await self._producer.send(self._totals, key=key, value=value, partition=partition)
            for partition in range(self._group_partitions)
        ]

    async def reject(self, event: EventT[bytes], reason: str) -> PendingSend:
        """Send the original record to the dead-letter topic, without its value if that is too large for Kafka.

        A record that was compressed when Kafka accepted it can be too large uncompressed.
        """
        message = event.message
        value = message.value or b""
        letter_headers = headers(
            reason,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            by="processor",
            time_ms=round(message.timestamp * 1000),
        )
        log.error(
            "record rejected and sent to the dead-letter topic",
            extra={"reason": reason, "topic": message.topic, "partition": message.partition, "offset": message.offset},
        )
        if len(value) > _MAX_DEAD_LETTER_BYTES:
            value, letter_headers = b"", letter_headers | left_out(len(value))
        return await self._producer.send(self._dead_letters, key=message.key, value=value, headers=letter_headers)


def _timestamp_s(time_ns: int) -> float:
    """A record's timestamp for Faust, in seconds; plus half a millisecond, because Faust rounds milliseconds down."""
    return (time_ns // NS_PER_MS + 0.5) / 1000
