"""What is in `kubelet-stats` already: whoever takes a partition over looks whether its last window has been scraped."""

from collections.abc import Collection
from typing import Final

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # imported there for us

from runtime.duration import NS_PER_MS
from runtime.kafka import KafkaSettings, client_log, client_settings
from schemas.topics import Topic

_LOOK_UP_S: Final = 2.0
_NONE: Final = -1


class ScrapedWindows:
    """Asks Kafka about the topic's records without reading them."""

    def __init__(self, kafka: KafkaSettings, topic: Topic) -> None:
        """A client of its own."""
        self._client = AdminClient(client_settings(kafka, "heapster-scraper"), logger=client_log)
        self._topic = topic

    def missing(self, partitions: Collection[int], since_ns: int) -> frozenset[int]:
        """Those without a record of that time or later; none if Kafka does not tell.

        Where several clusters share the topic, a record of another one counts too.
        """
        since = OffsetSpec.for_timestamp(since_ns // NS_PER_MS)
        wanted = {TopicPartition(self._topic.name, partition): since for partition in partitions}
        try:
            found = self._client.list_offsets(wanted, request_timeout=_LOOK_UP_S)
            return frozenset(each.partition for each, offset in found.items() if offset.result().offset == _NONE)
        except KafkaException:
            return frozenset()
