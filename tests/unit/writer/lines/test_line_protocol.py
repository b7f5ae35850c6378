"""Rendered lines read back with an independent parser."""

import math
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version, decode_batch, encode_batch
from writer.lines.render import PointSchema, render


class Point(NamedTuple):
    measurement: str
    tags: dict[str, str]
    field: str
    value: Number
    time: int


def cut(text: str, end: str) -> tuple[str, str]:
    """Split before the first unescaped character of `end`."""
    at = 0
    while at < len(text) and (text[at] not in end or (at > 0 and text[at - 1] == "\\")):
        at += 1
    return text[:at], text[at:]


def plain(text: str, escaped: str) -> str:
    for character in escaped:
        text = text.replace("\\" + character, character)
    return text


def parse(line: str) -> Point:
    measurement, rest = cut(line, ", ")
    tags: dict[str, str] = {}
    while rest.startswith(","):
        name, rest = cut(rest[1:], "=")
        value, rest = cut(rest[1:], ", ")
        tags[plain(name, ",= ")] = plain(value, ",= ")
    field, rest = cut(rest[1:], "=")
    value, _, time = rest[1:].partition(" ")
    number = int(value[:-1]) if value.endswith("i") else float(value)
    return Point(plain(measurement, ", "), tags, plain(field, ',= "'), number, int(time))


ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
AWKWARD = st.text(alphabet=',= \\"\nai', max_size=8)
TEXT = ANY | AWKWARD
NAME = TEXT.filter(lambda text: text.strip("\\\n ") and "\n" not in text and not text.endswith("\\"))
INTS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def batch(labels: dict[str, str], values: dict[str, Number]) -> MetricBatch:
    only = MetricSet(key="k", type="pod", labels=labels, labeled=(LabeledValues({}, values),))
    return MetricBatch(
        cluster="c",
        entity="n",
        window_end_ns=1502621460000000000,
        resolution_ns=1,
        sets=(only,),
        version=Version(1, 0),
    )


def written(text: str) -> str:
    """The part of a tag that line protocol can express."""
    return text.replace("\n", " ").rstrip("\\") if text.endswith("\\") else text.replace("\n", " ")


@given(labels=st.dictionaries(NAME, TEXT, max_size=5), metric=NAME, value=INTS | FLOATS)
def test_tags_measurements_and_values_read_back(labels: dict[str, str], metric: str, value: Number) -> None:
    (line,) = render(batch(labels, {metric: value}), PointSchema(tag_set="1.3")).lines
    assert "\n" not in line
    point = parse(line)
    expected = {name: written(text) for name, text in labels.items() if written(text)} | {"cluster_name": "c"}
    if labels.get("namespace_name"):
        expected["pod_namespace"] = written(labels["namespace_name"])
    assert point == Point(metric, expected, "value", value, 1502621460000000000)
    assert type(point.value) is type(value)


@given(group=NAME.filter(lambda name: "/" not in name), field=NAME, value=INTS)
def test_fields_read_back(group: str, field: str, value: int) -> None:
    (line,) = render(batch({}, {f"{group}/{field}": value}), PointSchema(with_fields=True)).lines
    assert parse(line) == Point(group, {"cluster_name": "c"}, field, value, 1502621460000000000)


@given(st.dictionaries(TEXT, TEXT, max_size=5), st.dictionaries(TEXT, INTS | st.floats(), max_size=5))
def test_every_point_is_one_line_for_any_names_and_values(labels: dict[str, str], values: dict[str, Number]) -> None:
    rendered = render(batch(labels, values), PointSchema())
    assert len(rendered.lines) + rendered.problems.get("not_finite", 0) == len(values)
    assert not any("\n" in line for line in rendered.lines)


@given(FLOATS)
def test_floats_read_back_to_the_bit_and_have_no_exponent(value: float) -> None:
    (line,) = render(batch({}, {"m": value}), PointSchema()).lines
    text = line.split("value=")[1].split(" ")[0]
    assert set(text) <= set("-.0123456789")
    assert math.copysign(1, float(text)) == math.copysign(1, value)
    assert float(text) == value


def test_a_problem_that_only_splitting_the_name_causes_is_counted() -> None:
    """The measurement is `queue\\`: its backslash would escape the comma after it."""
    read = decode_batch(encode_batch(batch({}, {"queue\\/length": 1})))
    assert render(read, PointSchema(with_fields=True)).problems == {"trailing_backslash": 1}
    assert render(read, PointSchema()).problems == {}
