from typing import NamedTuple

import pytest

from tools.chaos.contents import Content, Database, QueryError, differences
from tools.chaos.gate import Gate


class Server(NamedTuple):
    url: str
    user: str = "root"
    password: str = "root"


def test_a_difference_is_told_with_its_point() -> None:
    found = {"cpu/usage": frozenset({"one", "two"}), "uptime": frozenset({"three"})}
    wanted = {"cpu/usage": frozenset({"one", "other"})}
    assert differences(found, wanted) == [
        "missing: cpu/usage other",
        "too much: cpu/usage two",
        "too much: uptime three",
    ]


@pytest.mark.parametrize("expected", [{}, {"uptime": frozenset()}])
def test_nothing_is_compared_with_nothing(expected: Content) -> None:
    with pytest.raises(ValueError, match="no point is expected"):
        differences({}, expected)


def test_an_error_is_no_empty_answer() -> None:
    with Gate("http://127.0.0.1:1") as gate:
        gate.mood = "unavailable"
        with pytest.raises(QueryError, match="not now"):
            Database(Server(gate.url), "k8s").content()
