"""Publishes scrapes to Kafka, with the key and partition of the node and the end of the window as timestamp."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime.duration import NS_PER_MS
from runtime.kafka import KafkaSettings, client_log, producer_settings
from schemas.node_scrape import NodeScrape, encode_scrape
from schemas.topics import MAX_RECORD_BYTES, Topic
from scraper import telemetry

log = logging.getLogger(__name__)

MAX_QUEUED_KBYTES: Final = 256 * 1024
"""Size of the producer queue; when it is full, scraping waits."""

MAX_VALUE_BYTES: Final = MAX_RECORD_BYTES - 4096
"""Leaves room for the key and Kafka's record overhead."""

_FULL_QUEUE_POLL_S: Final = 0.5
_METADATA_TIMEOUT_S: Final = 1.0


class ScrapeProducer:
    """Sends scrapes, and waits if Kafka does not keep up; safe for use by many threads."""

    def __init__(
        self, kafka: KafkaSettings, topic: Topic, stopped: threading.Event, on_wait: Callable[[], None]
    ) -> None:
        """`on_wait` is called repeatedly while the queue is full; setting `stopped` ends the waiting."""
        settings = producer_settings(kafka, "heapster-scraper") | {
            "queue.buffering.max.kbytes": MAX_QUEUED_KBYTES,
            "queue.buffering.max.messages": 100_000,
            "batch.num.messages": 1,  # a record that the broker rejects as too large must not fail others
        }
        self._producer = Producer(settings, logger=client_log)
        self._topic = topic
        self._stopped = stopped
        self._on_wait = on_wait
        self._queue_full = threading.Event()
        self._failures: deque[str] = deque()

    def publish(self, scrape: NodeScrape, partition: int) -> None:
        """Queue a scrape, waiting while the queue is full. A record that is too large is sent as a failed scrape."""
        value = encode_scrape(scrape)
        if len(value) > MAX_VALUE_BYTES:
            reason = f"the record of node {scrape.node} has {len(value)} bytes, the limit is {MAX_VALUE_BYTES}"
            log.error("scrape too large", extra={"node": scrape.node, "reason": reason})
            scrape = _failed(scrape, reason)
            value = encode_scrape(scrape)
        while not self._send(scrape, value, partition):
            if self._stopped.is_set():
                log.error("record lost at shutdown: the producer queue is full", extra={"node": scrape.node})
                return
            if not self._queue_full.is_set():
                self._queue_full.set()
                log.error("Kafka does not accept records: scraping waits", extra={"waiting": len(self._producer)})
            self._on_wait()
            self._producer.poll(_FULL_QUEUE_POLL_S)
        self._producer.poll(0)
        if self._queue_full.is_set():
            self._queue_full.clear()
            log.info("Kafka accepts records again")

    def poll(self) -> int:
        """Handle delivery reports; call it often. The number of records that Kafka has not acknowledged yet."""
        self._producer.poll(0)
        failures = [self._failures.popleft() for _ in range(len(self._failures))]
        if failures:
            log.error("records not delivered", extra={"records": len(failures), "first": failures[0]})
        telemetry.records_waiting.set(len(self._producer))
        return len(self._producer)

    def flush(self, timeout_s: float) -> int:
        """Wait for outstanding acknowledgements; the number of records still not acknowledged."""
        return self._producer.flush(timeout_s)

    def partitions(self) -> int | None:
        """Number of partitions of the topic; None if Kafka does not answer."""
        try:
            found = self._producer.list_topics(self._topic.name, timeout=_METADATA_TIMEOUT_S).topics[self._topic.name]
        except KafkaException:
            return None
        return len(found.partitions) if found.error is None and found.partitions else None

    def _send(self, scrape: NodeScrape, value: bytes, partition: int) -> bool:
        """Queue a record; False if the queue is full. Does not poll, because a delivery callback calls it too."""
        failed = _failed(scrape, self._too_large_for_topic) if scrape.document is not None else None
        try:
            self._producer.produce(
                self._topic.name,
                key=scrape.key,
                value=value,
                partition=partition,
                timestamp=scrape.window_end_ns // NS_PER_MS,
                on_delivery=partial(self._delivered, failed),
            )
        except BufferError:
            return False
        except KafkaException as error:
            self._count_failure(scrape.key, error.args[0])
        return True

    def _delivered(self, failed: NodeScrape | None, error: KafkaError | None, message: Message) -> None:
        """Handle a delivery report; `failed` is sent instead of a record that the broker rejects as too large."""
        if error is None:
            telemetry.records.labels("delivered").inc()
            telemetry.record_bytes.inc(len(message))
            return
        key, partition = message.key(), message.partition()
        self._count_failure(key.decode() if isinstance(key, bytes) else str(key), error)
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and failed is not None and partition is not None:
            self._send(failed, encode_scrape(failed), partition)

    def _count_failure(self, key: str, error: KafkaError) -> None:
        telemetry.records.labels("failed").inc()
        self._failures.append(f"{key}: {error.str()}")

    @property
    def _too_large_for_topic(self) -> str:
        return (
            f"the record is too large for the topic {self._topic.name}:"
            f" raise its max.message.bytes to {MAX_RECORD_BYTES}"
        )


def _failed(scrape: NodeScrape, reason: str) -> NodeScrape:
    return replace(scrape, document=None, error=reason, pods=(), namespaces=(), workloads=(), cadvisor=None)
