"""The replay's consumer groups and topics: where they stand, where they begin, and their end."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.kafka import client_log, client_settings, consumer_settings
from runtime.reader import Reader

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 20.0


class Groups:
    """Looks after groups and topics of one replay."""

    def __init__(self, brokers: str) -> None:
        """At those brokers."""
        self._brokers = brokers
        self._admin = AdminClient(client_settings(brokers, "heapster-replay"), logger=client_log)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition the offsets a group has committed, of those it has."""
        try:
            (answer,) = self._admin.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group)], request_timeout=_TIMEOUT_S
            ).values()
            found = answer.result().topic_partitions
        except KafkaException:
            return {}
        return {each.partition: each.offset for each in found if each.topic == topic and each.offset >= 0}

    def begin_at(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Have a new group begin there; one that has begun goes on where it is."""
        if self.committed(group, topic):
            return
        consumer = Consumer(consumer_settings(self._brokers, "heapster-replay", group), logger=client_log)
        wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        try:
            consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as error:  # another worker of this replay has begun
            log.info("the replay has begun", extra={"group": group, "answer": error.args[0].str()})
        finally:
            consumer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """By partition the end of a topic."""
        with Reader(self._brokers, "heapster-replay") as reader:
            return {partition: end for partition, (_, end) in reader.bounds(topic).items()}

    def in_use(self, group: str) -> bool:
        """Whether somebody is in the group still."""
        (answer,) = self._admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S).values()
        try:
            return bool(answer.result().members)
        except KafkaException:
            return False

    def remove(self, groups: Iterable[str], topics: Iterable[str]) -> None:
        """Delete groups and topics; one that is gone already is no matter."""
        answers = {
            **self._admin.delete_consumer_groups(list(groups), request_timeout=_TIMEOUT_S),
            **self._admin.delete_topics(list(topics), request_timeout=_TIMEOUT_S),
        }
        for name, answer in answers.items():
            try:
                answer.result()
            except KafkaException as error:
                log.info("not deleted", extra={"what": name, "answer": error.args[0].str()})


def reached(committed: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Whether everything up to `ends` is done; partitions without records are."""
    return all(committed.get(partition, 0) >= end for partition, end in ends.items())
