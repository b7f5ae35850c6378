import pytest
from hypothesis import given
from hypothesis import strategies as st

from writer.pipeline.write_requests import RecordLines, Request, body, expired, narrowed, requests, size, without


def piece(*lines: str, partition: int = 0, offset: int = 0) -> RecordLines:
    return RecordLines(partition, offset, "".join(f"{line}\n" for line in lines), len(lines))


def all_lines(*found: Request) -> list[tuple[int, int, str]]:
    return [(each.partition, each.offset, line) for request in found for each in request for line in each.lines]


CONFLICT = (
    'partial write: field type conflict: input field "value" on measurement "cpu/usage" is type float,'
    " already exists as type integer dropped={}"
)


def test_a_request_ends_where_the_next_record_would_be_too_much() -> None:
    one, two, three = piece("a", "b"), piece("c", "d", offset=1), piece("e", offset=2)
    assert requests([one, two, three], points=4) == [(one, two), (three,)]


def test_a_record_of_more_than_one_request_is_cut() -> None:
    assert requests([piece("a", "b", "c", "d", "e")], points=2) == [
        (piece("a", "b"),),
        (piece("c", "d"),),
        (piece("e"),),
    ]


def test_a_request_has_no_more_characters_than_allowed_but_for_a_single_line() -> None:
    found = requests([piece("aaaa", "bbbb", "cccccccccccc", "d")], characters=10)
    assert found == [(piece("aaaa", "bbbb"),), (piece("cccccccccccc"),), (piece("d"),)]


def test_nothing_to_write_is_no_request() -> None:
    assert requests([]) == []
    assert requests([piece()]) == []


def test_every_line_is_sent_with_its_end() -> None:
    assert body((piece("a"), piece("b é", "c"))) == "a\nb é\nc\n".encode()


def test_partitions_of_others_are_left_out() -> None:
    ours, theirs = piece("a", partition=1), piece("b", partition=2)
    assert without((ours, theirs), {2, 3}) == (ours,)
    assert without((ours, theirs), frozenset()) == (ours, theirs)


@given(
    st.lists(st.lists(st.text("xyz", max_size=9), max_size=9), max_size=9),
    st.integers(1, 5),
    st.integers(1, 30),
)
def test_requests_keep_every_line_in_its_order(records: list[list[str]], points: int, characters: int) -> None:
    pieces = [piece(*lines, offset=offset) for offset, lines in enumerate(records)]
    found = requests(pieces, points=points, characters=characters)
    assert all_lines(*found) == all_lines(tuple(pieces))
    for request in found:
        assert 0 < size(request) <= points
        assert len(body(request)) <= characters or size(request) == 1


@pytest.mark.parametrize(
    ("lines", "message", "expected"),
    [
        pytest.param(["a v=1 0"], "unable to parse", [], id="one line: it is the bad one"),
        pytest.param(
            ["a v=1 0", "b v=2 0"], "partial write: whatever dropped=2", [], id="all were dropped: all are bad"
        ),
        pytest.param(
            [r"a\ b,t=1\,2 v=1,w\,\ x=2i 0"],
            "partial write: whatever dropped=1",
            [[r"a\ b,t=1\,2 v=1 0", r"a\ b,t=1\,2 w\,\ x=2i 0"]],
            id="of one line each field by itself",
        ),
        pytest.param(
            ["a v=1,w=2 0", "b v=2 0"],
            "partial write: whatever dropped=2",
            [["a v=1 0", "a w=2 0", "b v=2 0"]],
            id="of many lines each field by itself",
        ),
        pytest.param(
            ["a 1", "b 2", "c 3"], "unable to parse 'b 2'", [["a 1"], ["b 2", "c 3"]], id="halves if nothing is known"
        ),
        pytest.param(["a 1", "b 2"], "partial write: it dropped=0", [["a 1"], ["b 2"]], id="parse errors drop none"),
        pytest.param(
            ["cpu/usage,x=1 1", "cpu/usage_rate,x=1 1", "cpu/usage 2", "uptime 1"],
            CONFLICT.format(1),
            [["cpu/usage,x=1 1", "cpu/usage 2"], ["cpu/usage_rate,x=1 1", "uptime 1"]],
            id="the measurement that is named, and the others",
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
            id="a measurement that is escaped in the line",
        ),
    ],
)
def test_a_refused_request_is_narrowed_down(lines: list[str], message: str, expected: list[list[str]]) -> None:
    parts = narrowed((piece(*lines),), message)
    assert [[line for each in part for line in each.lines] for part in parts] == expected


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=9), min_size=1, max_size=5).filter(any),
    st.sampled_from(["no idea", CONFLICT.format(0), CONFLICT.format(1)]),
)
def test_narrowing_ends_at_exactly_the_bad_lines(records: list[list[int]], message: str) -> None:
    """A server that refuses line 0, with a message that is no help."""
    pieces = tuple(
        piece(*(f"m{number},x={place} v=1 0" for place, number in enumerate(numbers)), offset=offset)
        for offset, numbers in enumerate(records)
        if numbers
    )
    refused: list[Request] = []
    waiting: list[Request] = [pieces]
    tries = 0
    while waiting:
        part = waiting.pop()
        tries += 1
        bad = [line for *_, line in all_lines(part) if line.startswith("m0,")]
        if bad:
            parts = narrowed(part, message if size(part) > 1 else "no idea")
            if message.endswith("dropped=1"):
                assert parts or size(part) == 1
            waiting.extend(parts)
            refused.extend([part] if not parts else [])
    assert sorted(all_lines(*refused)) == sorted(line for line in all_lines(pieces) if line[2].startswith("m0,"))
    assert tries <= 2 * size(pieces)


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
def test_points_that_retention_would_remove_at_once(message: str, points: int | None) -> None:
    assert expired(message) == points


def test_a_refused_line_of_another_form_is_not_taken_apart() -> None:
    line = '{"MetricsTags":{"labels":"a b c=d, e"}}'
    piece = RecordLines(0, 0, f"{line}\n", 1)
    assert narrowed((piece,), "Broker: Message size too large", by_field=False) == ()
    assert narrowed((piece, piece), "Broker: Message size too large", by_field=False) == ((piece,), (piece,))
