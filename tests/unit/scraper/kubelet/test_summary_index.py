import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.kubelet.summary_index import NotADocumentError, SummaryIndex, index_summary

SAMPLED = 1_502_621_459_000_000_000


def test_the_pods_and_the_newest_sample_time_are_read() -> None:
    document = b"""{"node":{"nodeName":"n1",
        "cpu":{"time":"2017-08-13T10:50:58Z"},"memory":{"time":"2017-08-13T12:50:59+02:00"},"network":{"rxBytes":1}},
        "pods":[{"podRef":{"name":"web-1","namespace":"shop","uid":"u"}},{"podRef":{"name":"web-2","namespace":"shop"}}]}"""
    assert index_summary(document) == SummaryIndex(frozenset({("shop", "web-1"), ("shop", "web-2")}), SAMPLED)


@pytest.mark.parametrize(
    "document",
    [
        b"null",
        b"{}",
        b' {"node":null,"pods":null}\n',
        b'{"node":[],"pods":{}}',
        b'{"node":{"cpu":{"time":null},"memory":5,"network":{"time":"soon"}},"pods":[null,{},{"podRef":[]},{"podRef":{"name":"a"}}]}',
        b'{"node":{"cpu":{"time":"9999999999"}},"pods":[{"podRef":{"name":1,"namespace":"shop"}}]}',
        b'{"node":{"memory":{"usageBytes":NaN,"rssBytes":-Infinity}}}',
        b'{"node":{"memory":{"usageBytes":123456789012345678901234567890}}}',
        b'{"node":{"memory":{"usageBytes":' + b"9" * 5000 + b"}}}",
        b'{"node":{"nodeName":"\xff"}}',
        b'{"node":{"nodeName":"\\ud800"}}',
    ],
)
def test_deviations_that_the_processor_tolerates_pass(document: bytes) -> None:
    assert index_summary(document) == SummaryIndex(frozenset(), None)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "not JSON: "),
        (b'{"node":{"nodeName":', "not JSON: "),
        (b"{} {}", "not JSON: "),
        (b"<html>", "not JSON: "),
        (b"\x1f\x8b\x08", "not JSON: "),
        (b"[" * 100_000, "not JSON: "),
        (b"[]", "a JSON object is expected, not list"),
        (b'"text"', "a JSON object is expected, not str"),
        (b"NaN", "a JSON object is expected, not float"),
    ],
)
def test_a_response_that_is_not_a_json_object_is_rejected(document: bytes, message: str) -> None:
    with pytest.raises(NotADocumentError) as raised:
        index_summary(document)
    assert str(raised.value).startswith(message)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_no_other_error(document: bytes) -> None:
    try:
        found = index_summary(document)
    except NotADocumentError:
        return
    assert found.pods == frozenset()


SOUND = (
    b'{"node":{"x":[1,-2.5e3,"\\u00e9"],"cpu":{"time":"2017-08-13T12:50:59Z"}},'
    b'"pods":[{"podRef":{"name":"a","namespace":"b"}}]}'
)


@given(at=st.integers(0, len(SOUND)), cut=st.integers(0, 2), put=st.binary(max_size=2))
def test_a_damaged_document_passes_if_it_is_still_json(at: int, cut: int, put: bytes) -> None:
    document = SOUND[:at] + put + SOUND[at + cut :]
    try:
        readable = isinstance(json.loads(document.decode("utf-8-sig", "replace")), dict)
    except ValueError:
        readable = False
    try:
        index_summary(document)
    except NotADocumentError:
        assert not readable
    else:
        assert readable or document.strip() == b"null"
