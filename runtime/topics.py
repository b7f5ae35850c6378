"""Topics: created where they are missing, and looked at whether they are what the pipeline needs."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, TopicMetadata  # type: ignore[attr-defined] # imported there for us
from confluent_kafka.cimpl import NewPartitions, NewTopic

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import ConnectionErrors, KafkaSettings, client_log, client_settings
from schemas.topics import Topic

log = logging.getLogger(__name__)

_REQUEST_TIMEOUT_S: Final = 5.0  # less than the 10 s that a process has to end
_LOOK_EVERY_S: Final = 0.1
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_NOT_ALLOWED: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})


def ensure_topics(
    kafka: KafkaSettings, topics: Iterable[Topic], *, partitions: int | None = None, grow: bool = False
) -> Mapping[str, int]:
    """Create those that are missing; how many partitions each has, by name.

    New ones get `partitions`, or as many as the settings say. Existing ones stay as they are; with `grow` they get the
    partitions that they lack.

    Raises:
        UnavailableError: Kafka does not answer.
        ConfigError: Kafka refuses, as for more replicas than it has brokers; or a topic's settings would lose records.
    """
    return _Topics(kafka, partitions or kafka.partitions).ensure(tuple(topics), grow=grow)


def existing_topics(kafka: KafkaSettings, topics: Iterable[Topic]) -> Mapping[str, int]:
    """How many partitions those have that exist; nothing is created. Raises as `ensure_topics`."""
    return _Topics(kafka, kafka.partitions).existing(tuple(topics))


def wait_for_topics(
    kafka: KafkaSettings,
    topics: Iterable[Topic],
    stopped: threading.Event,
    *,
    partitions: int | None = None,
    grow: bool = False,
) -> Mapping[str, int] | None:
    """`ensure_topics` until Kafka answers; None if the process is to stop before that."""
    wanted = tuple(topics)
    pause_s = _FIRST_PAUSE_S
    while not stopped.is_set():
        try:
            return ensure_topics(kafka, wanted, partitions=partitions, grow=grow)
        except UnavailableError as error:
            log.warning("waiting for Kafka", extra={"error": str(error), "again_in_s": pause_s})
        stopped.wait(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return None


class TopicDescription(NamedTuple):
    """A topic as it is."""

    partitions: int
    replication_factor: int
    settings: Mapping[str, str]  # as Kafka names them; empty if there is no right to look


def describe_topics(kafka: KafkaSettings, topics: Iterable[Topic]) -> Mapping[str, TopicDescription]:
    """Those that are there, by name. Raises UnavailableError: Kafka does not answer."""
    return _Topics(kafka, kafka.partitions).look(tuple(topics))


class _Topics:
    """One look at Kafka's topics, and what comes of it."""

    def __init__(self, kafka: KafkaSettings, partitions: int) -> None:
        self._kafka = kafka
        self._partitions = partitions
        self._reasons = ConnectionErrors(kafka)
        settings = {**client_settings(kafka, "heapster-stream-topics"), "error_cb": self._reasons}
        self._admin = AdminClient(settings, logger=client_log)  # type: ignore[arg-type] # takes callbacks as others do

    def existing(self, topics: tuple[Topic, ...]) -> Mapping[str, int]:
        found = self._found()
        self._check([topic for topic in topics if topic.name in found])
        return {topic.name: found[topic.name] for topic in topics if topic.name in found}

    def ensure(self, topics: tuple[Topic, ...], *, grow: bool) -> Mapping[str, int]:
        found = dict(self.existing(topics))
        missing = [topic for topic in topics if topic.name not in found]
        if missing:
            self._create(missing)
            found = self._listed({topic.name for topic in topics})
        for name in (topic.name for topic in topics if grow):
            if found[name] < self._partitions:
                self._grow(name)
                found[name] = self._partitions
        return {topic.name: found[topic.name] for topic in topics}

    def look(self, topics: tuple[Topic, ...]) -> Mapping[str, TopicDescription]:
        there = self._metadata()
        known = [topic for topic in topics if topic.name in there]
        settings = {topic.name: found for topic, found in self._settings(known)}
        return {
            topic.name: TopicDescription(
                len(there[topic.name].partitions),
                min(len(partition.replicas) for partition in there[topic.name].partitions.values()),
                settings.get(topic.name, {}),
            )
            for topic in known
        }

    def _found(self) -> dict[str, int]:
        return {name: len(topic.partitions) for name, topic in self._metadata().items()}

    def _metadata(self) -> dict[str, TopicMetadata]:
        try:
            metadata = self._admin.list_topics(timeout=_REQUEST_TIMEOUT_S)
        except KafkaException as error:
            self._admin.poll(0)  # hands out what was heard
            raise self._reasons.error(error.args[0]) from error
        return {name: topic for name, topic in metadata.topics.items() if topic.error is None}

    def _listed(self, names: set[str]) -> dict[str, int]:
        """Wait until clients find what has been created: a processor would take over without its tables."""
        ends_s = time.monotonic() + _REQUEST_TIMEOUT_S
        while missing := names - (found := self._found()).keys():
            if time.monotonic() > ends_s:
                raise UnavailableError(f"Kafka has created {', '.join(sorted(missing))} and does not list it yet")
            time.sleep(_LOOK_EVERY_S)
        return found

    def _check(self, topics: list[Topic]) -> None:
        for topic, found in self._settings(topics):
            if wrong := topic.wrong_settings(found):
                raise ConfigError(self._advice(topic.name, found, wrong))

    def _settings(self, topics: list[Topic]) -> Iterator[tuple[Topic, Mapping[str, str]]]:
        """Those of each topic that we may look at."""
        if not topics:
            return
        asked = {ConfigResource(ConfigResource.Type.TOPIC, topic.name): topic for topic in topics}
        answers = self._admin.describe_configs(list(asked), request_timeout=_REQUEST_TIMEOUT_S)
        for resource, answer in answers.items():
            topic = asked[resource]
            try:
                yield topic, {name: str(entry.value) for name, entry in answer.result().items()}
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.code() not in _NOT_ALLOWED:
                    raise UnavailableError(f"Kafka does not describe {topic.name}: {reason.str()}") from error
                log.info("settings not looked at: no right to", extra={"topic": topic.name, "answer": reason.str()})

    def _advice(self, name: str, found: Mapping[str, str], needed: Mapping[str, str]) -> str:
        has = ", ".join(f"{setting}={found.get(setting, '')}" for setting in needed)
        change = ",".join(f"{setting}={value}" for setting, value in needed.items())
        return (
            f"the topic {name} has {has}: records would be lost or refused. Run kafka-configs.sh --bootstrap-server"
            f" {self._kafka.brokers} --alter --entity-type topics --entity-name {name} --add-config {change}"
        )

    def _create(self, missing: Iterable[Topic]) -> None:
        requests = [
            NewTopic(topic.name, self._partitions, self._kafka.replication_factor, config=dict(topic.all_settings))
            for topic in missing
        ]
        for name, future in self._admin.create_topics(requests, request_timeout=_REQUEST_TIMEOUT_S).items():
            try:
                future.result()
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another service was faster
                    continue
                raise _refusal(f"create the topic {name}", reason) from error
            log.info("topic created", extra={"topic": name, "partitions": self._partitions})

    def _grow(self, name: str) -> None:
        request = [NewPartitions(name, self._partitions)]
        (added,) = self._admin.create_partitions(request, request_timeout=_REQUEST_TIMEOUT_S).values()
        try:
            added.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.INVALID_PARTITIONS:  # another process was faster
                return
            raise _refusal(f"give the topic {name} {self._partitions} partitions", error.args[0]) from error
        log.info("partitions added", extra={"topic": name, "partitions": self._partitions})


def _refusal(what: str, reason: KafkaError) -> UnavailableError | ConfigError:
    if reason.retriable() or reason.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}:  # noqa: SLF001
        return UnavailableError(f"Kafka did not {what}: {reason.str()}")
    return ConfigError(f"Kafka refuses to {what}: {reason.str()}")
