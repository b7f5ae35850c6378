from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.json_block import Block, parse_document
from processor.core.problems import Problem, Problems
from schemas.codec import UndecodableError


def block(text: str | bytes, problems: Problems | None = None) -> Block:
    found: Problems = Counter() if problems is None else problems
    return Block(parse_document(text if isinstance(text, bytes) else text.encode(), found), found)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"<html>", "not JSON", id="a web page"),
        pytest.param(b'{"node":{', "not JSON", id="cut short"),
        pytest.param(b'{"node":{}} trailing', "not JSON", id="trailing text"),
        pytest.param(b"\x00\xff", "not JSON", id="bytes"),
        pytest.param(b"[" * 100_000, "not JSON", id="nested too deeply"),
        pytest.param(b"[]", "expected a JSON object, got a list", id="a list"),
        pytest.param(b'"node"', "expected a JSON object, got a string", id="a text"),
        pytest.param(b"7", "expected a JSON object, got a number", id="a number"),
        pytest.param(b"true", "expected a JSON object, got a boolean", id="true"),
    ],
)
def test_a_document_that_is_not_a_json_object_is_undecodable(document: bytes, reason: str) -> None:
    with pytest.raises(UndecodableError, match=f"kubelet document: {reason}"):
        parse_document(document, Counter())


@pytest.mark.parametrize("document", [b"{}", b"null", b" { } \n"])
def test_an_empty_document_is_accepted(document: bytes) -> None:
    problems: Problems = Counter()
    assert parse_document(document, problems) == {}
    assert not problems


@pytest.mark.parametrize(
    ("json_value", "expected", "problem"),
    [
        pytest.param("0", 0, None, id="zero"),
        pytest.param("9223372036854775807", 9223372036854775807, None, id="the greatest 64-bit number"),
        pytest.param("null", None, None, id="null is absent"),
        pytest.param("9223372036854775808", None, Problem.PAST_64_BITS, id="the greatest 64-bit number plus 1"),
        pytest.param("18446744073709551615", None, Problem.PAST_64_BITS, id="the greatest unsigned one"),
        pytest.param("18446744073709551616", None, Problem.PAST_64_BITS, id="past the unsigned 64-bit range"),
        pytest.param("1" + "0" * 5000, None, Problem.PAST_64_BITS, id="thousands of digits"),
        pytest.param("-1", None, Problem.NEGATIVE, id="negative"),
        pytest.param("1.5", None, Problem.NOT_A_WHOLE_NUMBER, id="fractional"),
        pytest.param("1.0", None, Problem.NOT_A_WHOLE_NUMBER, id="whole, but written as a fraction"),
        pytest.param("1e3", None, Problem.NOT_A_WHOLE_NUMBER, id="with an exponent"),
        pytest.param('"7"', None, Problem.NOT_A_WHOLE_NUMBER, id="quoted"),
        pytest.param("true", None, Problem.NOT_A_WHOLE_NUMBER, id="a truth value"),
        pytest.param("[7]", None, Problem.NOT_A_WHOLE_NUMBER, id="in a list"),
        pytest.param("NaN", None, Problem.NOT_A_WHOLE_NUMBER, id="not a number"),
        pytest.param("1e999", None, Problem.PAST_64_BITS, id="past what a float can hold"),
        pytest.param("-Infinity", None, Problem.PAST_64_BITS, id="infinite"),
    ],
)
def test_whole_numbers(json_value: str, expected: int | None, problem: Problem | None) -> None:
    problems: Problems = Counter()
    found = block(f'{{"n": {json_value}, "other": 1}}', problems)
    assert found.number("n") == expected
    assert found.number("other") == 1
    assert set(problems) - {Problem.LENIENT_JSON} == ({problem} if problem else set())


@pytest.mark.parametrize(
    ("json_value", "expected", "counted"),
    [
        pytest.param("2", 2.0, False, id="whole"),
        pytest.param("-2.5e1", -25.0, False, id="negative, with an exponent"),
        pytest.param("null", None, False, id="null is absent"),
        pytest.param("NaN", None, True, id="not a number"),
        pytest.param("Infinity", None, True, id="infinite"),
        pytest.param("1e999", None, True, id="past what a float can hold"),
        pytest.param("false", None, True, id="a truth value"),
        pytest.param('"2"', None, True, id="quoted"),
    ],
)
def test_real_numbers(json_value: str, expected: float | None, counted: bool) -> None:  # noqa: FBT001 - a table's column
    problems: Problems = Counter()
    found = block(f'{{"n": {json_value}}}', problems).real("n")
    assert found == expected
    assert isinstance(found, float) or found is None
    assert problems[Problem.NOT_A_NUMBER] == counted


@pytest.mark.parametrize("json_value", ['"yesterday"', '""', "1502621460", "true", "{}", '"9999-12-31T23:59:59Z"'])
def test_an_unreadable_time_is_absent_and_counted(json_value: str) -> None:
    problems: Problems = Counter()
    assert block(f'{{"time": {json_value}}}', problems).time_ns("time") is None
    assert problems == {Problem.UNREADABLE_TIME: 1}


def test_fields_of_the_wrong_type_read_as_empty_and_are_counted() -> None:
    problems: Problems = Counter()
    found = block('{"cpu": "fast", "pods": {"a": 1}, "volume": [1, {"n": 2}, null], "name": 7}', problems)
    assert found.block("cpu").number("n") is None
    assert found.blocks("pods") == []
    assert [each.number("n") for each in found.blocks("volume")] == [None, 2, None]
    assert found.text("name") == ""
    assert problems == {Problem.MALFORMED: 4}


def test_absent_fields_read_as_empty_and_are_not_counted() -> None:
    problems: Problems = Counter()
    found = block('{"cpu": null, "pods": null, "name": null}', problems)
    assert found.block("cpu").number("n", missing=0) == 0
    assert found.block("memory").block("deeper").text("name") == ""
    assert found.blocks("pods") == found.blocks("volumes") == []
    assert not problems


def test_names_match_in_any_case_and_the_exact_name_wins() -> None:
    found = block('{"USAGEBYTES": 1, "RssBytes": 2, "rssBytes": 3}')
    assert found.number("usageBytes") == 1
    assert found.number("rssBytes") == 3


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(b'{"name": "caf\xe9"}', "caf\ufffd", id="Latin-1"),
        pytest.param(b'{"name": "half \\ud83d of a pair"}', "half \ufffd of a pair", id="half a surrogate pair"),
        pytest.param(b'{"name": "\\ud83d\\ude00 \xff"}', "\U0001f600 \ufffd", id="a whole pair stays"),
    ],
)
def test_text_that_is_not_unicode_is_repaired_and_counted(document: bytes, expected: str) -> None:
    problems: Problems = Counter()
    assert block(document, problems).text("name") == expected
    assert problems == {Problem.LENIENT_JSON: 1}


@given(st.binary())
def test_arbitrary_bytes_are_a_document_or_undecodable(data: bytes) -> None:
    with suppress(UndecodableError):
        assert isinstance(parse_document(data, Counter()), dict)
