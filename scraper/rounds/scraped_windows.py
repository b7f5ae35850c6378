"""Looks up in `kubelet-stats` whether a partition has records of a window, without reading them."""

from collections.abc import Collection
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # imported there for us

from runtime.duration import NS_PER_MS
from runtime.kafka import KafkaSettings, client_log, client_settings
from schemas.topics import Topic

_REQUEST_TIMEOUT_S: Final = 2.0
_NO_OFFSET: Final = -1


class ScrapedWindows:
    """Offset lookups by timestamp with an admin client of its own."""

    def __init__(self, kafka: KafkaSettings, topic: Topic) -> None:
        """Look up offsets of this topic."""
        self._client = AdminClient(client_settings(kafka, "heapster-scraper"), logger=client_log)
        self._topic = topic

    def unscraped(self, partitions: Collection[int], since_ns: int) -> frozenset[int]:
        """The partitions without a record at or after `since_ns`; empty if Kafka does not answer.

        If several clusters share the topic, a record of any of them counts.
        """
        since = OffsetSpec.for_timestamp(since_ns // NS_PER_MS)
        wanted = {TopicPartition(self._topic.name, partition): since for partition in partitions}
        try:
            found = self._client.list_offsets(wanted, request_timeout=_REQUEST_TIMEOUT_S)
            return frozenset(each.partition for each, offset in found.items() if offset.result().offset == _NO_OFFSET)
        except KafkaException:
            return frozenset()
