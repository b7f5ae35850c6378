from dataclasses import replace

import pytest

from schemas.topics import Topic, changelog, replay_topics, topics

LIVE = topics()


def test_the_prefix_is_added_to_every_name() -> None:
    assert [topic.name for topic in topics("team-a.").all] == [f"team-a.{topic.name}" for topic in LIVE.all]
    assert replay_topics("-again", "team-a.").derived_metrics.name == "team-a.derived-metrics-again"
    assert replay_topics("-again", "team-a.").kubelet_stats.name == "team-a.kubelet-stats"


@pytest.mark.parametrize(
    "topic", [*LIVE.all, *replay_topics("-again").all, changelog("c")], ids=lambda topic: str(topic.name)
)
def test_a_topic_with_our_settings_needs_no_change(topic: Topic) -> None:
    assert topic.wrong_settings(topic.all_settings) == {}


@pytest.mark.parametrize(
    ("topic", "found", "needed"),
    [
        pytest.param(
            LIVE.kubelet_stats,
            {"max.message.bytes": "1048588"},
            {"max.message.bytes": "8388608"},
            id="records of large nodes would be refused",
        ),
        pytest.param(
            LIVE.kubelet_stats,
            {"cleanup.policy": "compact"},
            {"cleanup.policy": "delete"},
            id="compaction would keep one scrape per node",
        ),
        pytest.param(
            changelog("c"),
            {"cleanup.policy": "delete"},
            {"cleanup.policy": "compact"},
            id="retention would delete rows of a table",
        ),
        pytest.param(
            changelog("c"),
            {"cleanup.policy": "compact,delete"},
            {"cleanup.policy": "compact"},
            id="retention and compaction would delete rows of a table",
        ),
        pytest.param(
            changelog("c"),
            {"min.compaction.lag.ms": "0"},
            {"min.compaction.lag.ms": "600000"},
            id="compaction would keep a late write of a lower offset",
        ),
        pytest.param(
            LIVE.group_sums,
            {"message.timestamp.type": "CreateTime", "max.message.bytes": "1"},
            {"max.message.bytes": "8388608", "message.timestamp.type": "LogAppendTime"},
            id="retention would delete sums of old windows at once",
        ),
        pytest.param(
            LIVE.group_sums,
            {"message.timestamp.type": "CreateTime", "retention.ms": "-1"},
            {},
            id="no retention deletes nothing",
        ),
        pytest.param(
            LIVE.kubelet_stats,
            {"message.timestamp.after.max.ms": "3600000"},
            {"message.timestamp.after.max.ms": "9223372036854775807"},
            id="records of a scraper with a fast clock would be refused",
        ),
        pytest.param(LIVE.kubelet_stats, {"max.message.bytes": "10000000"}, {}, id="higher values are accepted"),
        pytest.param(LIVE.kubelet_stats, {"retention.ms": "60000"}, {}, id="retention is up to the operator"),
        pytest.param(changelog("c"), {"segment.ms": "604800000"}, {}, id="segments are up to the operator"),
    ],
)
def test_settings_to_change_in_an_existing_topic(topic: Topic, found: dict[str, str], needed: dict[str, str]) -> None:
    existing = replace(topic, settings={**topic.settings, **found}).all_settings
    assert topic.wrong_settings(existing) == needed
