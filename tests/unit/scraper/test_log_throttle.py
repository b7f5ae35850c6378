import logging

import pytest

from scraper.log_throttle import LogThrottle

log = logging.getLogger("throttled")


def test_each_node_is_logged_at_start_and_end_of_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    throttle = LogThrottle(log=log, begins="failed", ends="solved")
    with caplog.at_level(logging.INFO):
        throttle.update({"a": "why a", "b": "why b"}, {"a", "b", "c"})
        throttle.update({"a": "another reason"}, {"a", "c"})  # b belongs to another worker now
        throttle.update({"b": "why b"}, {"a", "b"})
        throttle.update({}, {"b"})
    assert [(record.levelname, record.getMessage(), vars(record)["node"]) for record in caplog.records] == [
        ("WARNING", "failed", "a"),
        ("WARNING", "failed", "b"),
        ("INFO", "solved", "a"),
        ("INFO", "solved", "b"),
    ]
    assert vars(caplog.records[0])["reason"] == "why a"
    assert throttle.active == set()


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, object, object, object]]:
    """Message, nodes, first nodes and reason of each line."""
    lines = [vars(record) for record in caplog.records]
    caplog.clear()
    return [(line["msg"], line.get("nodes", line.get("node")), line.get("first"), line.get("reason")) for line in lines]


def test_many_nodes_are_one_line_at_start_and_one_at_end(caplog: pytest.LogCaptureFixture) -> None:
    throttle = LogThrottle(log=log, begins="failed", ends="solved")
    names = [f"n{number:03}" for number in range(300)]
    first = ["n000", "n001", "n002", "n003", "n004"]
    refused = {name: f"https://10.0.{number}.1:10250/stats: refused" for number, name in enumerate(names)}
    with caplog.at_level(logging.INFO):
        throttle.update(refused, names)
        assert logged(caplog) == [("failed", 300, first, "refused")]
        throttle.update(refused, names)
        assert logged(caplog) == []
        throttle.update({"n007": refused["n007"]}, names)
        assert logged(caplog) == [("solved", 299, first, None)]
        throttle.update({}, names)
        assert logged(caplog) == [("solved", "n007", None, None)]


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        pytest.param(3, ["n0", "n1", "n2"], id="three nodes: a line each"),
        pytest.param(4, [4], id="four nodes: one line"),
    ],
)
def test_more_than_three_nodes_are_one_line(caplog: pytest.LogCaptureFixture, count: int, lines: list[object]) -> None:
    throttle = LogThrottle(log=log, begins="failed", ends="solved")
    names = [f"n{number}" for number in range(count)]
    with caplog.at_level(logging.INFO):
        throttle.update(dict.fromkeys(names, "refused"), names)
        assert [(message, nodes) for message, nodes, _, _ in logged(caplog)] == [("failed", line) for line in lines]
        throttle.update({}, names)
        assert [(message, nodes) for message, nodes, _, _ in logged(caplog)] == [("solved", line) for line in lines]


def test_each_reason_has_its_own_line_and_numbers_are_ignored(caplog: pytest.LogCaptureFixture) -> None:
    throttle = LogThrottle(log=log, begins="failed", ends="solved")
    late = {f"a{number}": f"no answer within {number}.5 s" for number in range(4)}
    throttle.update({**late, "b": "http://b:10255/stats: refused"}, [*late, "b"])
    assert logged(caplog) == [
        ("failed", 4, ["a0", "a1", "a2", "a3"], "no answer within 0.5 s"),
        ("failed", "b", None, "http://b:10255/stats: refused"),
    ]


def test_rare_reasons_share_the_last_line(caplog: pytest.LogCaptureFixture) -> None:
    throttle = LogThrottle(log=log, begins="failed", ends="solved")
    wrong = {f"{letter}{number}": f"reason {letter}" for letter in "abcdefg" for number in range(4)}
    throttle.update(wrong, wrong)
    assert [(nodes, reason) for _, nodes, _, reason in logged(caplog)] == [
        (4, "reason a"),
        (4, "reason b"),
        (4, "reason c"),
        (4, "reason d"),
        (12, "reason e"),
    ]
