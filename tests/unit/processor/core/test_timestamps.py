from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.timestamps import parse_time_ns, whole_ms

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "expected_ns"),
    [
        pytest.param("2017-08-13T10:51:00Z", 1502621460 * SECOND_NS, id="as the kubelet writes it"),
        pytest.param("2017-08-13T10:51:00.5Z", 1502621460_500_000_000, id="a fraction"),
        pytest.param("2017-08-13T10:51:00.123456789Z", 1502621460_123_456_789, id="nanoseconds"),
        pytest.param("2017-08-13T10:51:00.1234567899Z", 1502621460_123_456_789, id="the tenth digit is dropped"),
        pytest.param("2017-08-13T12:51:00+02:00", 1502621460 * SECOND_NS, id="an offset to the east"),
        pytest.param("2017-08-13T05:21:00-05:30", 1502621460 * SECOND_NS, id="an offset to the west"),
        pytest.param("1970-01-01T00:00:00Z", 0, id="the epoch is a time"),
        pytest.param("1969-12-31T23:59:59.5Z", -500_000_000, id="before the epoch"),
        pytest.param("0001-01-01T00:00:00Z", None, id="Go's zero time means no time"),
        pytest.param("0001-01-01T02:00:00+02:00", None, id="Go's zero time in another zone"),
    ],
)
def test_valid_times(text: str, expected_ns: int | None) -> None:
    assert parse_time_ns(text) == expected_ns


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1502621460",
        "2017-08-13",
        "2017-08-13T10:51:00",
        "2017-08-13 10:51:00Z",
        "2017-08-13T10:51Z",
        "2017-02-30T10:51:00Z",
        "2017-08-13T25:51:00Z",
        "2017-08-13T10:51:60Z",
        "2017-08-13T10:51:00.Z",
        "2017-08-13T10:51:00+24:00",
        "2017-08-13T10:51:00Z trailing",
        "2017-08-13T10:51:00.\u0665Z",  # an Arabic digit
        "0000-01-01T00:00:00Z",
        "1600-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ],
)
def test_invalid_times_and_times_past_64_bits_are_rejected(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time_ns(text)


@given(st.datetimes(datetime(1678, 1, 1), datetime(2262, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds are naive
def test_a_formatted_time_is_parsed_back(moment: datetime) -> None:
    expected_us = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 10**6
    found_ns = parse_time_ns(moment.isoformat())
    assert found_ns is not None
    assert found_ns % 1000 == 0
    assert abs(found_ns // 1000 - expected_us) < 10


@pytest.mark.parametrize(
    ("duration_ns", "expected_ms"),
    [(0, 0), (999_999, 0), (1_999_999, 1), (-1, 0), (-999_999, 0), (-1_999_999, -1), (-2_000_000, -2)],
)
def test_durations_are_truncated_toward_zero(duration_ns: int, expected_ms: int) -> None:
    assert whole_ms(duration_ns) == expected_ms
