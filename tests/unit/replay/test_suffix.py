import pytest

from replay.suffix import checked_suffix
from schemas.topics import replay_topics, topics


@pytest.mark.parametrize("text", ["-again", "-replay-20260101T000000Z", ".2", "_x", "dead-letter", "-"])
def test_a_valid_suffix_is_returned_unchanged(text: str) -> None:
    assert checked_suffix(text) == text


@pytest.mark.parametrize("text", ["-ä", "a b", "-a/b", "-a:b", "-a\n", 101 * "x", ""])
def test_invalid_characters_and_lengths_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid suffix"):
        checked_suffix(text)


@pytest.mark.parametrize("text", ["-dead-letter", "-dead-letter-again"])
def test_a_suffix_that_gives_names_of_other_topics_is_rejected(text: str) -> None:
    others = {topic.name for topic in (*topics().all, *replay_topics("-again").all)} - {topics().kubelet_stats.name}
    assert others & {topic.name for topic in replay_topics(text).all}
    with pytest.raises(ValueError, match="names of other topics"):
        checked_suffix(text)
