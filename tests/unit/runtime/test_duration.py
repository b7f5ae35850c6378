import pytest

from runtime.duration import go_duration_ns, influx_duration_ns

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("60s", 60 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("500ms", SECOND // 2),
        (".5s", SECOND // 2),
        ("0", 0),
    ],
)
def test_go_durations(text: str, expected: int) -> None:
    assert go_duration_ns(text) == expected


@pytest.mark.parametrize("text", ["", "60", "s", "-5s", "1 m", "5d", "1m30", "٣s", "1e3s", "5S"])
def test_an_invalid_go_duration_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration like 60s"):
        go_duration_ns(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4h", 4 * 3600 * SECOND), ("7d", 7 * 86400 * SECOND), ("1w", 604800 * SECOND), ("0", 0), ("INF", 0), ("inf", 0)],
)
def test_influxql_durations(text: str, expected: int) -> None:
    assert influx_duration_ns(text) == expected


@pytest.mark.parametrize("text", ["", "7", "d", "7 d", "7days"])
def test_an_invalid_influxql_duration_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="7d"):
        influx_duration_ns(text)
