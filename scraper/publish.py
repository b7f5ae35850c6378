"""Scrapes to Kafka: key and partition of their node, the window's end as their time, nothing given up."""

import logging
import threading
from dataclasses import replace
from typing import Final

from confluent_kafka import KafkaError, Message, Producer

from runtime.duration import NS_PER_MS
from runtime.kafka import client_log, producer_settings
from schemas.node_scrape import NodeScrape, encode_scrape
from schemas.topics import MAX_RECORD_BYTES, Topic
from scraper import telemetry

log = logging.getLogger(__name__)

MOST_WAITING_KBYTES: Final = 256 * 1024
"""Records that wait for Kafka, in memory; more, and the rounds wait too."""

_OVERHEAD_BYTES: Final = 4096


class Publisher:
    """Hands scrapes to Kafka and counts what came of them."""

    def __init__(self, brokers: str, topic: Topic, stopped: threading.Event) -> None:
        """A producer of its own."""
        settings = producer_settings(brokers, "heapster-scraper") | {
            "queue.buffering.max.kbytes": MOST_WAITING_KBYTES,
            "queue.buffering.max.messages": 100_000,
        }
        self._producer = Producer(settings, logger=client_log)
        self._topic = topic
        self._stopped = stopped

    def publish(self, scrape: NodeScrape, partition: int) -> None:
        """Send a scrape; waits while too many wait already. Too large a one becomes a failed scrape."""
        value = encode_scrape(scrape)
        if len(value) > MAX_RECORD_BYTES - _OVERHEAD_BYTES:
            reason = f"node {scrape.node}: the record has {len(value)} bytes, Kafka takes {MAX_RECORD_BYTES}"
            log.error("scrape too large", extra={"node": scrape.node, "bytes": len(value)})
            scrape = replace(scrape, document=None, error=reason, pods=(), namespaces=())
            value = encode_scrape(scrape)
        while not self._stopped.is_set():
            try:
                self._producer.produce(
                    self._topic.name,
                    key=scrape.key,
                    value=value,
                    partition=partition,
                    timestamp=scrape.window_end_ns // NS_PER_MS,
                    on_delivery=_delivered,
                )
            except BufferError:
                self._producer.poll(0.5)
                continue
            self._producer.poll(0)
            return

    def waiting(self) -> int:
        """How many records Kafka has not acknowledged yet."""
        self._producer.poll(0)
        return len(self._producer)

    def flush(self, timeout_s: float) -> int:
        """Wait for the rest to be acknowledged; how many were not."""
        return self._producer.flush(timeout_s)


def _delivered(error: KafkaError | None, message: Message) -> None:
    if error is None:
        telemetry.records.labels("delivered").inc()
        return
    telemetry.records.labels("failed").inc()
    key = message.key()
    log.error(
        "record not delivered",
        extra={
            "key": key.decode() if isinstance(key, bytes) else key,
            "partition": message.partition(),
            "error": error.str(),
        },
    )
