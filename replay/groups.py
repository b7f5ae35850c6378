"""The replay's consumer groups and topics: where they stand, where they begin, and their end."""

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
_BEGUN: Final = frozenset(
    {KafkaError.UNKNOWN_MEMBER_ID, KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS}
)
"""What Kafka answers when another worker of the replay is in the group."""


class ConsumerGroups:
    """Looks after groups and topics of one replay."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """In that Kafka."""
        self._kafka = kafka
        self._admin = AdminClient(client_settings(kafka, _CLIENT_ID), logger=client_log)
        self._readers: dict[str, TopicReader] = {}
        self._reader = TopicReader(kafka, _CLIENT_ID)

    def __enter__(self) -> Self:
        """To be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """No more questions."""
        for reader in (self._reader, *self._readers.values()):
            reader.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition the offsets a group has committed, of those it has.

        Raises UnavailableError: Kafka does not answer.
        """
        if group not in self._readers:
            self._readers[group] = TopicReader(self._kafka, _CLIENT_ID, group=group)
        return self._readers[group].committed(topic)

    def begin_at(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Have a new group begin there; one that has begun goes on where it is.

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
            if reason.code() not in _BEGUN:
                raise UnavailableError(f"Kafka does not let {group} begin: {reason.str()}") from error
            log.info("the replay has begun", extra={"group": group, "answer": reason.str()})
        finally:
            consumer.close()

    def ends(self, topic: str) -> dict[int, int]:
        """By partition the end of a topic. Raises UnavailableError: Kafka does not answer."""
        return {partition: end for partition, (_, end) in self._reader.bounds(topic).items()}

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
