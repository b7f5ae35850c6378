"""Sends the agents' results to the pipeline's topics, through Faust's producer."""

import logging
from typing import Final

import faust
from aiokafka.errors import MessageSizeTooLargeError
from faust.types import EventT, TopicT

from processor import telemetry
from processor.agents.ack_tracker import Sent
from processor.agents.output import RejectedError
from processor.agents.producer import Producer
from processor.config import ProcessorConfig
from runtime.dead_letter import headers, left_out
from runtime.duration import NS_PER_MS
from schemas.group_sum import GroupSum, SourceProgress, encode_group_sum, encode_progress
from schemas.metric_batch import MetricBatch, encode_batch
from schemas.topics import MAX_RECORD_BYTES, Topic

log = logging.getLogger(__name__)

_LARGEST_LETTER_BYTES: Final = MAX_RECORD_BYTES - 64 * 1024
"""Leaves room for the headers."""


class FaustOutput:
    """Sends to the pipeline's topics through Faust's producer."""

    def __init__(self, app: faust.App, config: ProcessorConfig, group_partitions: int) -> None:
        """`group_partitions`: how many partitions `group-sums` has."""
        self._sender = Producer(app)
        self._batches = config.topics.derived_metrics.name
        self._totals = config.topics.group_sums.name
        self._dead_letters = config.topics.kubelet_stats_dead_letter.name
        self._group_partitions = group_partitions

    async def batch(self, batch: MetricBatch) -> Sent:
        """To `derived-metrics`, by entity; the window's end is the record's time.

        Raises RejectedError: no schema fits, or Kafka takes none so large.
        """
        try:
            value = encode_batch(batch)
            telemetry.batch_bytes.inc(len(value))
            return await self._sender.send(
                self._batches, key=batch.key.encode(), value=value, timestamp_s=_seconds(batch.window_end_ns)
            )
        except (ValueError, MessageSizeTooLargeError) as error:
            raise RejectedError(f"its batch cannot be sent: {error}", "unsendable") from error

    async def total(self, total: GroupSum) -> Sent:
        """To `group-sums`, by group."""
        return await self._sender.send(
            self._totals,
            key=total.key.encode(),
            value=encode_group_sum(total),
            timestamp_s=_seconds(total.window_end_ns),
        )

    async def progress(self, progress: SourceProgress) -> list[Sent]:
        """To every partition of `group-sums`."""
        key = f"progress/{progress.source_partition}".encode()
        value = encode_progress(progress)
        return [
            await self._sender.send(self._totals, key=key, value=value, partition=partition)
            for partition in range(self._group_partitions)
        ]

    async def reject(self, event: EventT[bytes], reason: str) -> Sent:
        """The record, as it came, to the dead-letter topic; without its value if Kafka does not take that.

        A record was compressed when Kafka took it, and may be larger than it takes uncompressed.
        """
        message = event.message
        value = message.value or b""
        why = headers(
            reason,
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            by="processor",
            time_ms=round(message.timestamp * 1000),
        )
        log.error(
            "record rejected",
            extra={"reason": reason, "topic": message.topic, "partition": message.partition, "offset": message.offset},
        )
        if len(value) > _LARGEST_LETTER_BYTES:
            value, why = b"", why | left_out(len(value))
        return await self._sender.send(self._dead_letters, key=message.key, value=value, headers=why)


def raw_topic(app: faust.App, topic: Topic) -> TopicT:
    """A topic whose keys and values are bytes, as they are."""
    return app.topic(
        topic.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", allow_empty=True
    )


def _seconds(time_ns: int) -> float:
    """A record's time for Faust, which counts in seconds: half a millisecond up, as it rounds down."""
    return (time_ns // NS_PER_MS + 0.5) / 1000
