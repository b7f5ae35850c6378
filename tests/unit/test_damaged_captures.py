"""Real documents with random damage: only the damaged part is lost, never the node."""

import copy
import json
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.state.transition import node_batch, node_sample
from schemas.codec import UndecodableError
from schemas.metric_batch import MetricSet, decode_batch, encode_batch
from schemas.node_sample import NodeSample, decode_sample, encode_sample
from schemas.node_scrape import NodeScrape
from scraper.kubelet.summary_index import NotADocumentError, index_summary
from tests.scrapes import summary_scrape
from writer.lines.render import PointSchema, render

CAPTURES = Path(__file__).parents[1] / "fixtures" / "captures"
DOCUMENTS = sorted(
    [*CAPTURES.rglob("stats*summary.json"), *CAPTURES.rglob("kubelet_*summary*.json")],
    key=lambda path: path.as_posix(),
)

JsonPath: TypeAlias = tuple[str | int, ...]

ODD = [
    -1,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    10**400,
    1e308,
    -0.0,
    1.5,
    float("nan"),
    float("inf"),
    True,
    None,
    "",
    "12",
    "\ud800",
    "x" * 70_000,
    "a\nb,c=d\\",
    "0001-01-01T00:00:00Z",
    "1677-09-21T00:12:43Z",
    "2262-04-12T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2025-02-30T00:00:00Z",
    "2025-11-04T19:15:30+99:99",
    {},
    [],
    [[]],
    {"time": None},
    {"": {"": [None]}},
]
values = st.sampled_from(ODD) | st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)
DROP = object()


@cache
def original(document: Path) -> Any:
    return json.loads(document.read_bytes())


@cache
def paths(document: Path) -> list[JsonPath]:
    """The paths of all values in a document."""

    def paths_below(value: Any, path: JsonPath) -> Iterator[JsonPath]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, each in inner:
            yield (*path, name)
            yield from paths_below(each, (*path, name))

    return list(paths_below(original(document), ()))


def damaged(document: Any, path: JsonPath, value: Any) -> Any:
    """The document with another value at this path, or without it."""
    result = copy.deepcopy(document)
    parent = result
    for name in path[:-1]:
        parent = parent[name]
    if value is DROP:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return result


def scrape_of(document: Any) -> NodeScrape:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return summary_scrape(body, node="n1")


@cache
def earlier(document: Path) -> NodeSample:
    """An earlier sample of the same node with the same counters."""
    scrape = scrape_of(original(document))
    result = derive(scrape, None, LabelRules(), extended=True)
    return node_sample(scrape, result, 0)


def processed(scrape: NodeScrape, previous: NodeSample | None, *, extended: bool) -> NodeResult:
    """Process a record as the whole pipeline does, from document to lines; no content may raise an error."""
    result = derive(scrape, previous, LabelRules(), extended=extended)
    batch = node_batch(scrape, result.sets, 1)
    assert decode_batch(encode_batch(batch)) == batch
    sample = node_sample(scrape, result, 1)
    assert decode_sample(encode_sample(sample)) == sample
    for schema in (PointSchema(), PointSchema(with_fields=True, tag_set="1.3")):
        for line in render(batch, schema).lines:
            assert "\n" not in line
            line.encode()
    return result


def sets_of(result: NodeResult) -> Mapping[str, MetricSet]:
    return {each.key: each for each in result.sets}


def key_prefix_of(document: Any, path: JsonPath) -> str | None:
    """The prefix of the keys of the entities that this part of a document describes; None: all of them."""
    if path[0] == "node":
        return "node:"
    if path[0] != "pods" or len(path) == 1:
        return None
    reference = document["pods"][path[1]]["podRef"]
    return f"namespace:{reference['namespace']}/pod:{reference['name']}"


@settings(suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
@given(data=st.data())
def test_a_damaged_part_changes_only_its_own_entities(document: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(paths(document)))
    value = data.draw(st.just(DROP) | values)
    extended = data.draw(st.booleans())
    whole = sets_of(processed(scrape_of(original(document)), earlier(document), extended=extended))
    scrape = scrape_of(damaged(original(document), path, value))
    found = sets_of(processed(scrape, earlier(document), extended=extended))
    assert f"node:{scrape.node}" in found
    prefix = key_prefix_of(original(document), path)
    if prefix is None:
        return
    for key, metric_set in whole.items():
        if not key.startswith((prefix, "node:")):
            assert found[key] == metric_set, key
        elif key.startswith("node:") and not prefix.startswith("node:"):
            assert found[key].values.items() >= measured(metric_set).items()


def measured(metric_set: MetricSet) -> dict[str, float]:
    """The metrics that are neither sums over pods nor computed from such sums."""
    derived = ("request", "limit", "reservation", "sample_age")
    return {name: value for name, value in metric_set.values.items() if not name.endswith(derived)}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_document_with_several_damaged_parts_is_processed(data: st.DataObject) -> None:
    """Damage includes duplicated pods, containers and other parts, and parts in the wrong place."""
    document = data.draw(st.sampled_from(DOCUMENTS))
    found = original(document)
    parts = st.sampled_from(paths(document)).map(lambda path: reduce(getitem, path, original(document)))
    for path in data.draw(st.lists(st.sampled_from(paths(document)), min_size=2, max_size=12, unique=True)):
        try:
            found = damaged(found, path, data.draw(st.just(DROP) | values | parts))
        except (KeyError, IndexError, TypeError):
            continue  # inside a part that is already damaged
    processed(scrape_of(found), earlier(document), extended=True)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_random_bytes_are_json_or_undecodable(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(DOCUMENTS)).read_bytes())
    at = data.draw(st.integers(0, len(body) - 1))
    until = data.draw(st.integers(at, min(len(body), at + 200)))
    body[at:until] = data.draw(st.binary(max_size=20))
    if accepted_by_scraper(bytes(body)):
        processed(scrape_of(bytes(body)), None, extended=True)
    else:
        with pytest.raises(UndecodableError):
            processed(scrape_of(bytes(body)), None, extended=True)


def accepted_by_scraper(body: bytes) -> bool:
    """Whether a scraper accepts the body; only then can the processor decode it."""
    try:
        index_summary(body)
    except NotADocumentError:
        return False
    return True


DOCUMENT = b'{"node":{"nodeName":"n1","memory":{"usageBytes":5}},"pods":[]}'


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"\xef\xbb\xbf" + DOCUMENT, id="a byte order mark"),
        pytest.param(DOCUMENT.replace(b"n1", b"n\xff"), id="bytes that are not UTF-8"),
        pytest.param(DOCUMENT[:-1] + b',"pods":[],"x":' + b"[" * 900 + b"]" * 900 + b"}", id="nested deeply"),
        pytest.param(DOCUMENT.replace(b"[]", b"[null,7,[],{}]"), id="entries that are not pods"),
        pytest.param(DOCUMENT.replace(b"5}", b'5,"usageBytes":5}'), id="a field twice"),
        pytest.param(b"\n\t " + DOCUMENT + b"\n\n", id="surrounded by white space"),
    ],
)
def test_an_unusual_but_readable_document_loses_no_value(body: bytes) -> None:
    assert accepted_by_scraper(body)
    for extended in (False, True):
        found = sets_of(processed(scrape_of(body), None, extended=extended))
        assert found["node:n1"].values["memory/usage"] == 5


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(DOCUMENT[:-1], id="cut short"),
        pytest.param(DOCUMENT + b"x", id="trailing text"),
        pytest.param(b"[" * 200_000, id="endless brackets"),
        pytest.param(DOCUMENT.decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b"<html></html>", id="HTML"),
        pytest.param(b"7", id="a number"),
    ],
)
def test_a_document_that_is_not_a_json_object_is_undecodable(body: bytes) -> None:
    assert not accepted_by_scraper(body)
    with pytest.raises(UndecodableError, match="kubelet document: "):
        processed(scrape_of(body), None, extended=True)
