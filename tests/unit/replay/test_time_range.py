import pytest

from replay.time_range import RetainedRange, TimeRange, parse_time, rejection, time_text
from tests.scrapes import MINUTE_NS, time_ns

NOON_NS = time_ns("2026-01-01T12:00:00Z")
TOPIC = "kubelet-stats"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2026-01-01T12:00:00Z", id="in UTC"),
        pytest.param("2026-01-01t12:00:00z", id="lower case"),
        pytest.param("2026-01-01 12:00:00+00:00", id="a space between date and time"),
        pytest.param("2026-01-01T13:30:00+01:30", id="another time zone"),
        pytest.param("2026-01-01T12:00:00.999Z", id="fractions are cut off"),
    ],
)
def test_rfc_3339_times(text: str) -> None:
    assert parse_time(text) == NOON_NS


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("yesterday", id="a word"),
        pytest.param("2026-01-01", id="a day"),
        pytest.param("2026-01-01T12:00:00", id="no time zone"),
        pytest.param("2026-02-30T00:00:00Z", id="no such day"),
        pytest.param("2026-01-01T12:00:60Z", id="no such second"),
        pytest.param("٢٠٢٦-01-01T00:00:00Z", id="other digits"),
        pytest.param("9999-12-31T23:59:59-23:59", id="after the year 9999 in UTC"),
        pytest.param("0001-01-01T00:00:00+23:59", id="before the year 1 in UTC"),
    ],
)
def test_invalid_times_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time like 2026-01-01T00:00:00Z"):
        parse_time(text)


@pytest.mark.parametrize("text", ["2026-01-01T12:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_is_formatted_as_it_is_parsed(text: str) -> None:
    assert time_text(parse_time(text)) == text


def test_the_suffix_identifies_the_time_range() -> None:
    assert TimeRange(NOON_NS, NOON_NS + MINUTE_NS).suffix == "-replay-20260101T120000Z-20260101T120100Z"
    assert TimeRange(NOON_NS, NOON_NS).suffix != TimeRange(NOON_NS, NOON_NS + MINUTE_NS).suffix


COMPLETE, TRUNCATED = False, True


@pytest.mark.parametrize(
    ("time_range", "kept", "reason"),
    [
        pytest.param((5, 5), [(1, 9, COMPLETE)], None, id="one window"),
        pytest.param((1, 9), [(1, 4, COMPLETE), (3, 9, COMPLETE)], None, id="all windows"),
        pytest.param((5, 9), [(1, 9, COMPLETE), (4, 9, TRUNCATED)], None, id="after the deleted records"),
        pytest.param((1, 9), [], "the topic kubelet-stats is empty: there is nothing to replay", id="no records"),
        pytest.param(
            (0, 5),
            [(1, 9, COMPLETE)],
            "--from 2026-01-01T12:00:00Z is before the oldest record: the topic kubelet-stats has windows from"
            " 2026-01-01T12:01:00Z to 2026-01-01T12:09:00Z",
            id="too old",
        ),
        pytest.param(
            (4, 9),
            [(1, 9, COMPLETE), (4, 9, TRUNCATED)],
            "--from 2026-01-01T12:04:00Z is before the oldest complete window: the topic kubelet-stats has windows"
            " from 2026-01-01T12:01:00Z to 2026-01-01T12:09:00Z, complete ones after 2026-01-01T12:04:00Z",
            id="partly deleted",
        ),
        pytest.param(
            (10, 12),
            [(1, 9, COMPLETE)],
            "--from 2026-01-01T12:10:00Z is after the newest record: the topic kubelet-stats has windows from"
            " 2026-01-01T12:01:00Z to 2026-01-01T12:09:00Z",
            id="in the future",
        ),
    ],
)
def test_a_time_range_without_all_records_is_rejected_with_the_available_windows(
    time_range: tuple[int, int], kept: list[tuple[int, int, bool]], reason: str | None
) -> None:
    def at(minute: int) -> int:
        return NOON_NS + minute * MINUTE_NS

    found = [RetainedRange(at(first), at(last), truncated) for first, last, truncated in kept]
    assert rejection(TimeRange(at(time_range[0]), at(time_range[1])), found, TOPIC) == reason
