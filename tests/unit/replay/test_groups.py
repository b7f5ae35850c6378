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


def test_every_reader_is_closed_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "TopicReader", TopicReader)
    with ConsumerGroups(KafkaSettings("h:9092")) as asked:
        asked.committed("one", "topic")
        asked.committed("another", "topic")
        asked.committed("another", "topic")
        assert TopicReader.opened == 3
    assert TopicReader.opened == 0
