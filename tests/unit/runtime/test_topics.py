from collections.abc import Iterable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka.cimpl import NewTopic

from runtime import topics as runtime_topics
from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings
from runtime.topics import ensure_topics
from schemas.topics import topics

WANTED = topics().all


class SlowKafka:
    """An admin client that lists new topics only after some requests, like a busy Kafka."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self._created: dict[str, int] = {}

    def create_topics(self, wanted: Iterable[NewTopic], **_: object) -> dict[str, Future[None]]:
        self._created = {each.topic: each.num_partitions for each in wanted}
        return {name: done() for name in self._created}

    def list_topics(self, **_: object) -> Any:
        self.requests -= bool(self._created)
        listed = self._created if self.requests < 0 else {}
        return SimpleNamespace(
            topics={
                name: SimpleNamespace(error=None, partitions=dict.fromkeys(range(count)))
                for name, count in listed.items()
            }
        )


def done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future


def test_ensure_topics_waits_until_new_topics_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = SlowKafka(requests=3)
    monkeypatch.setattr(runtime_topics, "AdminClient", lambda *_, **__: kafka)
    assert ensure_topics(KafkaSettings("h:9092"), WANTED, partitions=4) == {topic.name: 4 for topic in WANTED}
    assert kafka.requests < 0


def test_topics_that_are_never_listed_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_topics, "AdminClient", lambda *_, **__: SlowKafka(requests=10_000))
    monkeypatch.setattr(runtime_topics, "_REQUEST_TIMEOUT_S", 0.1)
    with pytest.raises(UnavailableError, match=r"Kafka has created derived-metrics, .* but does not list it yet"):
        ensure_topics(KafkaSettings("h:9092"), WANTED)
