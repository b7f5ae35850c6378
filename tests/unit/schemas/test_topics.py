from dataclasses import replace

import pytest

from schemas.topics import Topic, changelog, replay_topics, topics

LIVE = topics()


def test_a_prefix_begins_every_name() -> None:
    assert [topic.name for topic in topics("team-a.").all] == [f"team-a.{topic.name}" for topic in LIVE.all]
    assert replay_topics("-again", "team-a.").derived_metrics.name == "team-a.derived-metrics-again"
    assert replay_topics("-again", "team-a.").kubelet_stats.name == "team-a.kubelet-stats"


@pytest.mark.parametrize(
    "topic", [*LIVE.all, *replay_topics("-again").all, changelog("c")], ids=lambda topic: str(topic.name)
)
def test_a_topic_as_we_create_it_is_suitable(topic: Topic) -> None:
    assert topic.wrong_settings(topic.all_settings) == {}


@pytest.mark.parametrize(
    ("topic", "found", "needed"),
    [
        pytest.param(
            LIVE.kubelet_stats,
            {"max.message.bytes": "1048588"},
            {"max.message.bytes": "8388608"},
            id="large nodes would be refused",
        ),
        pytest.param(
            LIVE.kubelet_stats,
            {"cleanup.policy": "compact"},
            {"cleanup.policy": "delete"},
            id="compaction would leave one scrape a node",
        ),
        pytest.param(
            changelog("c"),
            {"cleanup.policy": "delete"},
            {"cleanup.policy": "compact"},
            id="rows of a table would be deleted by age",
        ),
        pytest.param(
            changelog("c"),
            {"cleanup.policy": "compact,delete"},
            {"cleanup.policy": "compact"},
            id="the same, besides being compacted",
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
            id="sums of old windows would be deleted at once",
        ),
        pytest.param(
            LIVE.group_sums,
            {"message.timestamp.type": "CreateTime", "retention.ms": "-1"},
            {},
            id="but not where nothing is deleted",
        ),
        pytest.param(
            LIVE.kubelet_stats,
            {"message.timestamp.after.max.ms": "3600000"},
            {"message.timestamp.after.max.ms": "9223372036854775807"},
            id="what a scraper with a fast clock says would be refused",
        ),
        pytest.param(LIVE.kubelet_stats, {"max.message.bytes": "10000000"}, {}, id="more is as good"),
        pytest.param(LIVE.kubelet_stats, {"retention.ms": "60000"}, {}, id="retention is whoever's runs the Kafka"),
        pytest.param(changelog("c"), {"segment.ms": "604800000"}, {}, id="segments too"),
    ],
)
def test_what_has_to_be_changed_in_an_existing_topic(
    topic: Topic, found: dict[str, str], needed: dict[str, str]
) -> None:
    existing = replace(topic, settings={**topic.settings, **found}).all_settings
    assert topic.wrong_settings(existing) == needed
