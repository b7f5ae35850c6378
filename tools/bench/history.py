"""A history: some windows of the measured cluster in `kubelet-stats`, as scrapers leave them there."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from confluent_kafka import Producer

from runtime.kafka import KafkaSettings, client_log, producer_settings
from runtime.topics import ensure_topics
from schemas.node_scrape import encode_scrape
from schemas.topics import topics
from scraper.rounds.assignment import partition_of
from tools.bench import cluster

RESOLUTION_S: Final = cluster.RESOLUTION_NS // 1_000_000_000
_NS_PER_S: Final = 1_000_000_000
_ROOM_S: Final = 0.05


class History(NamedTuple):
    """What was written."""

    scrapes: int
    first_s: int  # ends of its first and its last window
    last_s: int


def record(kafka: KafkaSettings, nodes: int, windows: int, tell: Callable[[str], None]) -> History:
    """Write it, one window after the other, the last one just over.

    Older windows would be removed by retention while they are read.
    """
    first_s = int(time.time()) // RESOLUTION_S * RESOLUTION_S - (windows - 1) * RESOLUTION_S
    live = topics()
    partitions = ensure_topics(kafka, live.all)[live.kubelet_stats.name]
    producer = Producer(producer_settings(kafka, "bench"), logger=client_log)
    seen = cluster.snapshot(nodes)
    for window in range(windows):
        tell(f"recording window {window + 1} of {windows}, {nodes} nodes")
        end_ns = (first_s + window * RESOLUTION_S) * _NS_PER_S
        for scrape in cluster.scrapes(seen, end_ns):
            _send(
                producer,
                live.kubelet_stats.name,
                key=scrape.key,
                value=encode_scrape(scrape),
                partition=partition_of(scrape.cluster, scrape.node, partitions),
                timestamp=end_ns // 1_000_000,
            )
    producer.flush()
    return History(nodes * windows, first_s, first_s + (windows - 1) * RESOLUTION_S)


def topic_bytes(data: Path, names: Iterable[str]) -> dict[str, int]:
    """What each topic takes on a broker's disk."""
    return {
        name: sum(log.stat().st_size for log in data.glob(f"{name}-*/*.log") if _is_of(name, log.parent.name))
        for name in names
    }


def _is_of(topic: str, folder: str) -> bool:
    return folder.removeprefix(f"{topic}-").isdecimal()


def _send(producer: Producer, topic: str, **record: str | bytes | int) -> None:
    while True:
        try:
            producer.produce(topic, **record)  # type: ignore[arg-type]
        except BufferError:
            producer.poll(_ROOM_S)
        else:
            producer.poll(0)
            return
