import pytest

from replay import groups
from replay.groups import ConsumerGroups
from runtime.kafka import KafkaSettings


class TopicReader:
    opened: int = 0

    def __init__(self, *_: object, **__: object) -> None:
        TopicReader.opened += 1

    def committed(self, _: str) -> dict[int, int]:
        return {}

    def close(self) -> None:
        TopicReader.opened -= 1


def test_all_readers_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "TopicReader", TopicReader)
    with ConsumerGroups(KafkaSettings("h:9092")) as opened:
        opened.committed("one", "topic")
        opened.committed("another", "topic")
        opened.committed("another", "topic")
        assert TopicReader.opened == 3
    assert TopicReader.opened == 0
