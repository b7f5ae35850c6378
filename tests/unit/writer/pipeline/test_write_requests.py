import pytest
from hypothesis import given
from hypothesis import strategies as st

from writer.pipeline.write_requests import (
    RecordLines,
    Request,
    expired_points,
    point_count,
    request_body,
    requests,
    split_refused,
    without_partitions,
)


def record_lines(*lines: str, partition: int = 0, offset: int = 0) -> RecordLines:
    return RecordLines(partition, offset, "".join(f"{line}\n" for line in lines), len(lines))


def all_lines(*found: Request) -> list[tuple[int, int, str]]:
    return [(each.partition, each.offset, line) for request in found for each in request for line in each.lines]


CONFLICT = (
    'partial write: field type conflict: input field "value" on measurement "cpu/usage" is type float,'
    " already exists as type integer dropped={}"
)


def test_a_request_ends_before_the_record_that_exceeds_the_limit() -> None:
    one, two, three = record_lines("a", "b"), record_lines("c", "d", offset=1), record_lines("e", offset=2)
    assert requests([one, two, three], points=4) == [(one, two), (three,)]


def test_a_record_larger_than_a_request_is_split() -> None:
    assert requests([record_lines("a", "b", "c", "d", "e")], points=2) == [
        (record_lines("a", "b"),),
        (record_lines("c", "d"),),
        (record_lines("e"),),
    ]


def test_a_request_keeps_the_character_limit_unless_it_is_a_single_line() -> None:
    found = requests([record_lines("aaaa", "bbbb", "cccccccccccc", "d")], characters=10)
    assert found == [(record_lines("aaaa", "bbbb"),), (record_lines("cccccccccccc"),), (record_lines("d"),)]


def test_no_lines_make_no_request() -> None:
    assert requests([]) == []
    assert requests([record_lines()]) == []


def test_a_request_body_has_a_line_break_after_every_line() -> None:
    assert request_body((record_lines("a"), record_lines("b é", "c"))) == "a\nb é\nc\n".encode()


def test_lines_of_dropped_partitions_are_removed() -> None:
    kept, dropped = record_lines("a", partition=1), record_lines("b", partition=2)
    assert without_partitions((kept, dropped), {2, 3}) == (kept,)
    assert without_partitions((kept, dropped), frozenset()) == (kept, dropped)


@given(
    st.lists(st.lists(st.text("xyz", max_size=9), max_size=9), max_size=9),
    st.integers(1, 5),
    st.integers(1, 30),
)
def test_requests_keep_every_line_in_order(records: list[list[str]], points: int, characters: int) -> None:
    sent = [record_lines(*lines, offset=offset) for offset, lines in enumerate(records)]
    found = requests(sent, points=points, characters=characters)
    assert all_lines(*found) == all_lines(tuple(sent))
    for request in found:
        assert 0 < point_count(request) <= points
        assert len(request_body(request)) <= characters or point_count(request) == 1


@pytest.mark.parametrize(
    ("lines", "message", "expected"),
    [
        pytest.param(["a v=1 0"], "unable to parse", [], id="one line: it is the bad line"),
        pytest.param(
            ["a v=1 0", "b v=2 0"], "partial write: whatever dropped=2", [], id="all were dropped: all are bad"
        ),
        pytest.param(
            [r"a\ b,t=1\,2 v=1,w\,\ x=2i 0"],
            "partial write: whatever dropped=1",
            [[r"a\ b,t=1\,2 v=1 0", r"a\ b,t=1\,2 w\,\ x=2i 0"]],
            id="one line: each field on its own",
        ),
        pytest.param(
            ["a v=1,w=2 0", "b v=2 0"],
            "partial write: whatever dropped=2",
            [["a v=1 0", "a w=2 0", "b v=2 0"]],
            id="several lines: each field on its own",
        ),
        pytest.param(
            ["a 1", "b 2", "c 3"],
            "unable to parse 'b 2'",
            [["a 1"], ["b 2", "c 3"]],
            id="halves if the message does not help",
        ),
        pytest.param(["a 1", "b 2"], "partial write: it dropped=0", [["a 1"], ["b 2"]], id="parse errors drop none"),
        pytest.param(
            ["cpu/usage,x=1 1", "cpu/usage_rate,x=1 1", "cpu/usage 2", "uptime 1"],
            CONFLICT.format(1),
            [["cpu/usage,x=1 1", "cpu/usage 2"], ["cpu/usage_rate,x=1 1", "uptime 1"]],
            id="lines of the named measurement, and the others",
        ),
        pytest.param(
            ["cpu/usage,x=1 1", "cpu/usage,x=2 1"],
            CONFLICT.format(1),
            [["cpu/usage,x=1 1"], ["cpu/usage,x=2 1"]],
            id="halves if all are of that measurement",
        ),
        pytest.param(
            [r"custom/a\ b\,c,x=1 1", "uptime 1", "uptime 2"],
            'field type conflict: input field "value" on measurement "custom/a b,c" is type float dropped=1',
            [[r"custom/a\ b\,c,x=1 1"], ["uptime 1", "uptime 2"]],
            id="the measurement is escaped in the line",
        ),
    ],
)
def test_a_refused_request_is_split(lines: list[str], message: str, expected: list[list[str]]) -> None:
    parts = split_refused((record_lines(*lines),), message)
    assert [[line for each in part for line in each.lines] for part in parts] == expected


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=5).filter(any),
    st.sampled_from(["no idea", CONFLICT.format(0), CONFLICT.format(1)]),
)
def test_splitting_finds_exactly_the_bad_lines(records: list[list[int]], message: str) -> None:
    """The server refuses lines of m0, with messages that help little or not at all."""
    sent = tuple(
        record_lines(*(f"m{number},x={place} v=1 0" for place, number in enumerate(numbers)), offset=offset)
        for offset, numbers in enumerate(records)
        if numbers
    )
    refused: list[Request] = []
    waiting: list[Request] = [sent]
    tries = 0
    while waiting:
        part = waiting.pop()
        tries += 1
        bad = [line for *_, line in all_lines(part) if line.startswith("m0,")]
        if bad:
            parts = split_refused(part, message if point_count(part) > 1 else "no idea")
            if message.endswith("dropped=1"):
                assert parts or point_count(part) == 1
            waiting.extend(parts)
            refused.extend([part] if not parts else [])
    assert sorted(all_lines(*refused)) == sorted(line for line in all_lines(sent) if line[2].startswith("m0,"))
    assert tries <= 2 * point_count(sent)


@pytest.mark.parametrize(
    ("message", "points"),
    [
        ("partial write: points beyond retention policy dropped=17", 17),
        (
            "failure writing points to database: partial write: dropped 2 points outside retention policy of 1h - …",
            2,
        ),
        ("partial write: points beyond retention policy", 0),
        (CONFLICT.format(3), None),
    ],
)
def test_number_of_points_older_than_the_retention(message: str, points: int | None) -> None:
    assert expired_points(message) == points


def test_a_refused_line_is_not_split_by_field_if_the_sink_has_no_fields() -> None:
    line = '{"MetricsTags":{"labels":"a b c=d, e"}}'
    message = RecordLines(0, 0, f"{line}\n", 1)
    assert split_refused((message,), "Broker: Message size too large", by_field=False) == ()
    halves = split_refused((message, message), "Broker: Message size too large", by_field=False)
    assert halves == ((message,), (message,))
