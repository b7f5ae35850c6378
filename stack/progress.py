"""How far the pipeline is, read from Kafka, not told by the services."""

import logging
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # not in its __all__

from processor.config import GROUP as PROCESSOR_GROUP
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape
from schemas.topics import Topic, topics
from writer.consume import GROUP_PREFIX as WRITER_GROUPS

_TIMEOUT_S: Final = 5.0
_RECORDS_AT_ONCE: Final = 1000

_LATEST: Final = OffsetSpec.latest()  # type: ignore[no-untyped-call]

_Ends = Mapping[TopicPartition, int]


class Progress:
    """Of the live pipeline on one Kafka. Every method raises KafkaException: it does not answer."""

    def __init__(self, brokers: str) -> None:
        """Nothing is asked yet."""
        silent = logging.getLogger("librdkafka of the demo")  # what matters shows in the figures
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        common: dict[str, str | int | float | bool] = {"bootstrap.servers": brokers}
        self._admin = AdminClient(common, logger=silent)
        self._reader = Consumer(common | {"group.id": "heapster-demo", "enable.auto.commit": False}, logger=silent)
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

    def _ends(self, topic: Topic) -> _Ends:
        (described,) = self._admin.describe_topics(TopicCollection([topic.name]), request_timeout=_TIMEOUT_S).values()
        try:
            partitions = described.result().partitions
        except KafkaException:  # not there yet
            return {}
        latest = {TopicPartition(topic.name, partition.id): _LATEST for partition in partitions}
        asked = self._admin.list_offsets(latest, request_timeout=_TIMEOUT_S)
        return {partition: answer.result().offset for partition, answer in asked.items()}

    def _lag(self, topic: Topic, group_prefix: str) -> int:
        listed = self._admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result().valid
        done: dict[int, int] = {}
        for group in (each.group_id for each in listed if each.group_id.startswith(group_prefix)):
            (answer,) = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group)], request_timeout=_TIMEOUT_S
            ).values()
            committed = answer.result().topic_partitions
            done |= {each.partition: each.offset for each in committed if each.topic == topic.name}
        # ends after commits: what is done in between must not make the lag negative
        return sum(end - max(0, done.get(each.partition, 0)) for each, end in self._ends(topic).items())

    def _read_along(self) -> None:
        if not self._reads:
            partitions = [TopicPartition(each.topic, each.partition, 0) for each in self._ends(topics().kubelet_stats)]
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
        nodes = self._answered.setdefault(scrape.window_end_ns, set())
        if scrape.document is not None:
            nodes.add(scrape.node)
