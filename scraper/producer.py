"""Scrapes to Kafka: key and partition of their node, the window's end as their time, nothing given up."""

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

MOST_WAITING_KBYTES: Final = 256 * 1024
"""Records that wait for Kafka, in memory; more, and the rounds wait too."""

MOST_VALUE_BYTES: Final = MAX_RECORD_BYTES - 4096
"""Leaves room for the key and what Kafka puts around a record."""

_PAUSE_S: Final = 0.5
_METADATA_S: Final = 1.0


class ScrapeProducer:
    """Hands scrapes to Kafka and counts what came of them. Used by many threads."""

    def __init__(self, kafka: KafkaSettings, topic: Topic, stopped: threading.Event, waits: Callable[[], None]) -> None:
        """A producer of its own; `waits` is called again and again while it takes no more."""
        settings = producer_settings(kafka, "heapster-scraper") | {
            "queue.buffering.max.kbytes": MOST_WAITING_KBYTES,
            "queue.buffering.max.messages": 100_000,
            "batch.num.messages": 1,  # one that the broker finds too large takes no others with it
        }
        self._producer = Producer(settings, logger=client_log)
        self._topic = topic
        self._stopped = stopped
        self._waits = waits
        self._full = threading.Event()
        self._refusals: deque[str] = deque()

    def publish(self, scrape: NodeScrape, partition: int) -> None:
        """Send a scrape; waits while too many wait already. Too large a one becomes a failed scrape."""
        value = encode_scrape(scrape)
        if len(value) > MOST_VALUE_BYTES:
            reason = f"the record of node {scrape.node} has {len(value)} bytes, Kafka takes {MOST_VALUE_BYTES}"
            log.error("scrape too large", extra={"node": scrape.node, "reason": reason})
            scrape = _failed(scrape, reason)
            value = encode_scrape(scrape)
        while not self._send(scrape, value, partition):
            if self._stopped.is_set():
                log.error("scrape given up: Kafka does not take it, and the process ends", extra={"node": scrape.node})
                return
            if not self._full.is_set():
                self._full.set()
                log.error("Kafka takes no records: scraping waits", extra={"waiting": len(self._producer)})
            self._waits()
            self._producer.poll(_PAUSE_S)
        self._producer.poll(0)
        if self._full.is_set():
            self._full.clear()
            log.info("Kafka takes records again")

    def poll(self) -> int:
        """Look after what has been sent; to be called often. How many records Kafka has not acknowledged yet."""
        self._producer.poll(0)
        refusals = [self._refusals.popleft() for _ in range(len(self._refusals))]
        if refusals:
            log.error("records not delivered", extra={"records": len(refusals), "first": refusals[0]})
        telemetry.waiting.set(len(self._producer))
        return len(self._producer)

    def flush(self, timeout_s: float) -> int:
        """Wait for the rest to be acknowledged; how many were not."""
        return self._producer.flush(timeout_s)

    def partitions(self) -> int | None:
        """How many partitions the topic has; None if Kafka does not answer."""
        try:
            found = self._producer.list_topics(self._topic.name, timeout=_METADATA_S).topics[self._topic.name]
        except KafkaException:
            return None
        return len(found.partitions) if found.error is None and found.partitions else None

    def _send(self, scrape: NodeScrape, value: bytes, partition: int) -> bool:
        """Whether there was room for it. Never polls: a delivery callback comes here too, and must not."""
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
            self._refused(scrape.key, error.args[0])
        return True

    def _delivered(self, failed: NodeScrape | None, error: KafkaError | None, message: Message) -> None:
        """`failed` is what to send instead if the broker finds the record too large."""
        if error is None:
            telemetry.records.labels("delivered").inc()
            telemetry.record_bytes.inc(len(message))
            return
        key, partition = message.key(), message.partition()
        self._refused(key.decode() if isinstance(key, bytes) else str(key), error)
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and failed is not None and partition is not None:
            self._send(failed, encode_scrape(failed), partition)

    def _refused(self, key: str, error: KafkaError) -> None:
        telemetry.records.labels("failed").inc()
        self._refusals.append(f"{key}: {error.str()}")

    @property
    def _too_large_for_topic(self) -> str:
        return (
            f"the topic {self._topic.name} takes no record of this size:"
            f" raise its max.message.bytes to {MAX_RECORD_BYTES}"
        )


def _failed(scrape: NodeScrape, reason: str) -> NodeScrape:
    return replace(scrape, document=None, error=reason, pods=(), namespaces=(), workloads=(), cadvisor=None)
