"""How far the pipeline is, read from Kafka, not told by the services."""

import logging
from typing import Final

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from processor.config import GROUP as PROCESSOR_GROUP
from runtime.kafka import KafkaSettings, client_log, client_settings
from runtime.topic_reader import TopicReader
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape
from schemas.topics import Topic, topics
from writer.pipeline.sink_worker import GROUP_PREFIX as WRITER_GROUPS

_CLIENT_ID: Final = "heapster-demo"
_TIMEOUT_S: Final = 5.0
_RECORDS_AT_ONCE: Final = 1000


class Progress:
    """Of the live pipeline on one Kafka.

    Every method raises UnavailableError or KafkaException: it does not answer.
    """

    def __init__(self, kafka: KafkaSettings, cluster: str = "default") -> None:
        """Nothing is asked yet."""
        client_log.addHandler(logging.NullHandler())  # what matters shows in the figures
        client_log.propagate = False
        self._kafka = kafka
        self._cluster = cluster  # others may be scraped into the same Kafka
        settings = client_settings(kafka, _CLIENT_ID)
        self._admin = AdminClient(settings, logger=client_log)
        self._looker = TopicReader(kafka, _CLIENT_ID)
        self._groups: dict[str, TopicReader] = {}
        self._reader = Consumer(settings | {"group.id": _CLIENT_ID, "enable.auto.commit": False}, logger=client_log)
        self._reads = False
        self._answered: dict[int, set[str]] = {}  # nodes by window end, of the newest two

    def records(self, topic: Topic) -> int:
        """How many records a topic has had."""
        return sum(self._ends(topic).values())

    def processor_lag(self) -> int:
        """How many scrapes have not been processed."""
        return self._lag(topics().kubelet_stats, PROCESSOR_GROUP)

    def writer_lag(self) -> int:
        """How many derived records have not been written."""
        return self._lag(topics().derived_metrics, WRITER_GROUPS)

    def nodes_scraped(self) -> int:
        """How many nodes have answered in the newest two windows: the newest one may still be going on."""
        self._read_along()
        return len(set().union(*self._answered.values()))

    def close(self) -> None:
        """Leave Kafka alone."""
        self._reader.close()
        for reader in (self._looker, *self._groups.values()):
            reader.close()

    def _ends(self, topic: Topic) -> dict[int, int]:
        return {partition: end for partition, (_, end) in self._looker.bounds(topic.name).items()}

    def _lag(self, topic: Topic, group_prefix: str) -> int:
        listed = self._admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result().valid
        done: dict[int, int] = {}
        for group in (each.group_id for each in listed if each.group_id.startswith(group_prefix)):
            if group not in self._groups:
                self._groups[group] = TopicReader(self._kafka, _CLIENT_ID, group=group)
            done |= self._groups[group].committed(topic.name)
        # ends after commits: what is done in between must not make the lag negative
        return sum(end - done.get(partition, 0) for partition, end in self._ends(topic).items())

    def _read_along(self) -> None:
        if not self._reads:
            topic = topics().kubelet_stats.name
            partitions = [TopicPartition(topic, partition, 0) for partition in self._looker.partitions(topic)]
            self._reader.assign(partitions)
            self._reads = bool(partitions)
        for message in self._reader.consume(_RECORDS_AT_ONCE, timeout=0) if self._reads else ():
            if message.error() is None:
                self._note(message.value())
        for window in sorted(self._answered)[:-2]:
            del self._answered[window]

    def _note(self, record: bytes | None) -> None:
        try:
            scrape = decode_scrape(record)
        except UndecodableError:  # the processor's business
            return
        if scrape.cluster != self._cluster:
            return
        nodes = self._answered.setdefault(scrape.window_end_ns, set())
        if scrape.document is not None:
            nodes.add(scrape.node)
