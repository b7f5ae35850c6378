"""The replay's consumer groups and topics: start offsets, committed offsets, end offsets, deletion."""

import logging
from collections.abc import Iterable, Mapping
from typing import Final, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings, client_log, client_settings, consumer_settings
from runtime.topic_reader import TopicReader

log = logging.getLogger(__name__)

_CLIENT_ID: Final = "heapster-replay"
_TIMEOUT_S: Final = 20.0
_ALREADY_STARTED: Final = frozenset(
    {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS}
)
"""Kafka's errors if another worker of the replay is already in the group."""


class ConsumerGroups:
    """Reads and changes the consumer groups and topics of one replay."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Create the clients without a request."""
        self._kafka = kafka
        self._admin = AdminClient(client_settings(kafka, _CLIENT_ID), logger=client_log)
        self._readers: dict[str, TopicReader] = {}
        self._reader = TopicReader(kafka, _CLIENT_ID)

    def __enter__(self) -> Self:
        """Return itself; the `with` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the clients."""
        self.close()

    def close(self) -> None:
        """Close the clients."""
        for reader in (self._reader, *self._readers.values()):
            reader.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The group's committed offset of each partition that has one.

        Raises UnavailableError: Kafka does not answer.
        """
        if group not in self._readers:
            self._readers[group] = TopicReader(self._kafka, _CLIENT_ID, group=group)
        return self._readers[group].committed(topic)

    def begin_at(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Commit the start offsets of a new group; a group with committed offsets is not changed.

        Raises UnavailableError: Kafka does not answer.
        """
        if self.committed(group, topic):
            return
        consumer = Consumer(consumer_settings(self._kafka, _CLIENT_ID, group), logger=client_log)
        wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
        try:
            consumer.commit(offsets=wanted, asynchronous=False)
        except KafkaException as error:
            reason = error.args[0]
            if reason.code() not in _ALREADY_STARTED:
                raise UnavailableError(f"Kafka did not commit start offsets of {group}: {reason.str()}") from error
            log.info("another worker has started the replay", extra={"group": group, "answer": reason.str()})
        finally:
            consumer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """The end offset of each partition of a topic. Raises UnavailableError: Kafka does not answer."""
        return {partition: end for partition, (_, end) in self._reader.bounds(topic).items()}

    def in_use(self, group: str) -> bool:
        """Return whether the group still has members."""
        (answer,) = self._admin.describe_consumer_groups([group], request_timeout=_TIMEOUT_S).values()
        try:
            return bool(answer.result().members)
        except KafkaException:
            return False

    def remove(self, groups: Iterable[str], topics: Iterable[str]) -> None:
        """Delete groups and topics; missing ones are ignored."""
        answers = {
            **self._admin.delete_consumer_groups(list(groups), request_timeout=_TIMEOUT_S),
            **self._admin.delete_topics(list(topics), request_timeout=_TIMEOUT_S),
        }
        for name, answer in answers.items():
            try:
                answer.result()
            except KafkaException as error:
                log.info("group or topic not deleted", extra={"what": name, "answer": error.args[0].str()})


def reached(committed: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    """Return whether all records up to the offsets `ends` are committed."""
    return all(committed.get(partition, 0) >= end for partition, end in ends.items())
