import logging

import pytest

from scraper.log_throttle import LogThrottle

log = logging.getLogger("complaints")


def test_each_node_is_told_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    complaints = LogThrottle(log=log, begins="failed", ends="well again")
    with caplog.at_level(logging.INFO):
        complaints.update({"a": "why a", "b": "why b"}, {"a", "b", "c"})
        complaints.update({"a": "another reason"}, {"a", "c"})  # b is somebody else's now
        complaints.update({"b": "why b"}, {"a", "b"})
        complaints.update({}, {"b"})
    told = [(record.levelname, record.getMessage(), vars(record)["node"]) for record in caplog.records]
    assert told == [
        ("WARNING", "failed", "a"),
        ("WARNING", "failed", "b"),
        ("INFO", "well again", "a"),
        ("INFO", "well again", "b"),
    ]
    assert vars(caplog.records[0])["reason"] == "why a"
    assert complaints.open == set()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object, object, object]]:
    """Message, nodes, the first of them and the reason, of each line."""
    lines = [vars(record) for record in caplog.records]
    caplog.clear()
    return [(line["msg"], line.get("nodes", line.get("node")), line.get("first"), line.get("reason")) for line in lines]


def test_many_nodes_at_once_are_one_line_when_it_begins_and_one_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    complaints = LogThrottle(log=log, begins="failed", ends="well again")
    names = [f"n{number:03}" for number in range(300)]
    first = ["n000", "n001", "n002", "n003", "n004"]
    refused = {name: f"https://10.0.{number}.1:10250/stats: refused" for number, name in enumerate(names)}
    with caplog.at_level(logging.INFO):
        complaints.update(refused, names)
        assert told(caplog) == [("failed", 300, first, "refused")]
        complaints.update(refused, names)
        assert told(caplog) == []
        complaints.update({"n007": refused["n007"]}, names)
        assert told(caplog) == [("well again", 299, first, None)]
        complaints.update({}, names)
        assert told(caplog) == [("well again", "n007", None, None)]


def test_each_reason_has_a_line_and_numbers_make_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    complaints = LogThrottle(log=log, begins="failed", ends="well again")
    late = {f"a{number}": f"no answer within {number}.5 s" for number in range(4)}
    complaints.update({**late, "b": "http://b:10255/stats: refused"}, [*late, "b"])
    assert told(caplog) == [
        ("failed", 4, ["a0", "a1", "a2", "a3"], "no answer within 0.5 s"),
        ("failed", "b", None, "http://b:10255/stats: refused"),
    ]


def test_too_many_reasons_share_the_last_line(caplog: pytest.LogCaptureFixture) -> None:
    complaints = LogThrottle(log=log, begins="failed", ends="well again")
    wrong = {f"{letter}{number}": f"reason {letter}" for letter in "abcdefg" for number in range(4)}
    complaints.update(wrong, wrong)
    assert [(nodes, reason) for _, nodes, _, reason in told(caplog)] == [
        (4, "reason a"),
        (4, "reason b"),
        (4, "reason c"),
        (4, "reason d"),
        (12, "reason e"),
    ]
