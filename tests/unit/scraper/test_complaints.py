import logging

import pytest

from scraper.complaints import Complaints

log = logging.getLogger("complaints")


def test_each_node_is_told_when_it_begins_and_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    complaints = Complaints(log=log, begins="failed", ends="well again")
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
