"""Create missing topics and check the settings of existing ones."""

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

_REQUEST_TIMEOUT_S: Final = 5.0  # less than the 10 s that a process has for its shutdown
_POLL_INTERVAL_S: Final = 0.1
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0
_NOT_ALLOWED: Final = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})


def ensure_topics(
    kafka: KafkaSettings, topics: Iterable[Topic], *, partitions: int | None = None, grow: bool = False
) -> Mapping[str, int]:
    """Create missing topics and return the number of partitions of each topic by name.

    New topics get `partitions` partitions, by default `kafka.partitions`. Existing topics are not changed, except that
    `grow` adds partitions to those with fewer.

    Raises:
        UnavailableError: Kafka does not answer.
        ConfigError: Kafka refuses, for example more replicas than brokers; or a topic's settings would lose records.
    """
    return _TopicAdmin(kafka, partitions or kafka.partitions).ensure(tuple(topics), grow=grow)


def existing_topics(kafka: KafkaSettings, topics: Iterable[Topic]) -> Mapping[str, int]:
    """The number of partitions of each topic that exists; creates none. Raises the errors of `ensure_topics`."""
    return _TopicAdmin(kafka, kafka.partitions).existing(tuple(topics))


def wait_for_topics(
    kafka: KafkaSettings,
    topics: Iterable[Topic],
    stopped: threading.Event,
    *,
    partitions: int | None = None,
    grow: bool = False,
) -> Mapping[str, int] | None:
    """Retry `ensure_topics` until Kafka answers; None if `stopped` is set before."""
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
    """Partitions, replication factor and settings of an existing topic."""

    partitions: int
    replication_factor: int
    settings: Mapping[str, str]  # under Kafka's names; empty without the right to describe them


def describe_topics(kafka: KafkaSettings, topics: Iterable[Topic]) -> Mapping[str, TopicDescription]:
    """Describe the topics that exist, by name. Raises UnavailableError: Kafka does not answer."""
    return _TopicAdmin(kafka, kafka.partitions).describe(tuple(topics))


class _TopicAdmin:
    """Lists, describes and creates topics with an admin client."""

    def __init__(self, kafka: KafkaSettings, partitions: int) -> None:
        self._kafka = kafka
        self._partitions = partitions
        self._errors = ConnectionErrors(kafka)
        settings = {**client_settings(kafka, "heapster-stream-topics"), "error_cb": self._errors}
        self._admin = AdminClient(settings, logger=client_log)  # type: ignore[arg-type] # its type omits callbacks

    def existing(self, topics: tuple[Topic, ...]) -> Mapping[str, int]:
        found = self._partition_counts()
        self._check([topic for topic in topics if topic.name in found])
        return {topic.name: found[topic.name] for topic in topics if topic.name in found}

    def ensure(self, topics: tuple[Topic, ...], *, grow: bool) -> Mapping[str, int]:
        found = dict(self.existing(topics))
        missing = [topic for topic in topics if topic.name not in found]
        if missing:
            self._create(missing)
            found = self._wait_until_listed({topic.name for topic in topics})
        for name in (topic.name for topic in topics if grow):
            if found[name] < self._partitions:
                self._grow(name)
                found[name] = self._partitions
        return {topic.name: found[topic.name] for topic in topics}

    def describe(self, topics: tuple[Topic, ...]) -> Mapping[str, TopicDescription]:
        metadata = self._metadata()
        existing = [topic for topic in topics if topic.name in metadata]
        settings = {topic.name: found for topic, found in self._settings(existing)}
        return {
            topic.name: TopicDescription(
                len(metadata[topic.name].partitions),
                min(len(partition.replicas) for partition in metadata[topic.name].partitions.values()),
                settings.get(topic.name, {}),
            )
            for topic in existing
        }

    def _partition_counts(self) -> dict[str, int]:
        return {name: len(topic.partitions) for name, topic in self._metadata().items()}

    def _metadata(self) -> dict[str, TopicMetadata]:
        try:
            metadata = self._admin.list_topics(timeout=_REQUEST_TIMEOUT_S)
        except KafkaException as error:
            self._admin.poll(0)  # calls error_cb
            raise self._errors.to_exception(error.args[0]) from error
        return {name: topic for name, topic in metadata.topics.items() if topic.error is None}

    def _wait_until_listed(self, names: set[str]) -> dict[str, int]:
        """Wait until Kafka lists the new topics; a processor would otherwise start without its changelogs."""
        deadline_s = time.monotonic() + _REQUEST_TIMEOUT_S
        while missing := names - (found := self._partition_counts()).keys():
            if time.monotonic() > deadline_s:
                raise UnavailableError(f"Kafka has created {', '.join(sorted(missing))} but does not list it yet")
            time.sleep(_POLL_INTERVAL_S)
        return found

    def _check(self, topics: list[Topic]) -> None:
        for topic, found in self._settings(topics):
            if wrong := topic.wrong_settings(found):
                raise ConfigError(self._settings_error(topic.name, found, wrong))

    def _settings(self, topics: list[Topic]) -> Iterator[tuple[Topic, Mapping[str, str]]]:
        """The settings of each topic that this client is allowed to describe."""
        if not topics:
            return
        resources = {ConfigResource(ConfigResource.Type.TOPIC, topic.name): topic for topic in topics}
        answers = self._admin.describe_configs(list(resources), request_timeout=_REQUEST_TIMEOUT_S)
        for resource, answer in answers.items():
            topic = resources[resource]
            try:
                yield topic, {name: str(entry.value) for name, entry in answer.result().items()}
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.code() not in _NOT_ALLOWED:
                    raise UnavailableError(f"Kafka does not describe {topic.name}: {reason.str()}") from error
                log.info("topic settings not checked: not allowed", extra={"topic": topic.name, "answer": reason.str()})

    def _settings_error(self, name: str, found: Mapping[str, str], needed: Mapping[str, str]) -> str:
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
                if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another service has created it meanwhile
                    continue
                raise _request_error(f"create the topic {name}", reason) from error
            log.info("topic created", extra={"topic": name, "partitions": self._partitions})

    def _grow(self, name: str) -> None:
        request = [NewPartitions(name, self._partitions)]
        (added,) = self._admin.create_partitions(request, request_timeout=_REQUEST_TIMEOUT_S).values()
        try:
            added.result()
        except KafkaException as error:
            if error.args[0].code() == KafkaError.INVALID_PARTITIONS:  # another process has added them meanwhile
                return
            raise _request_error(f"grow the topic {name} to {self._partitions} partitions", error.args[0]) from error
        log.info("partitions added", extra={"topic": name, "partitions": self._partitions})


def _request_error(request: str, reason: KafkaError) -> UnavailableError | ConfigError:
    if reason.retriable() or reason.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}:  # noqa: SLF001
        return UnavailableError(f"Kafka did not {request}: {reason.str()}")
    return ConfigError(f"Kafka refuses to {request}: {reason.str()}")
