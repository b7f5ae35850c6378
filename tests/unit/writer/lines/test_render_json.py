import json
import math
from collections.abc import Mapping

import pytest

from schemas.catalogue import Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version
from writer.lines.render_json import render_json

AT_NS = 1_502_621_460_000_000_000


def batch(
    values: Mapping[str, Number],
    *labeled: LabeledValues,
    labels: Mapping[str, str] | None = None,
    at_ns: int = AT_NS,
) -> MetricBatch:
    metric_set = MetricSet(key="node:n", type="node", labels=labels or {}, values=values, labeled=labeled)
    return MetricBatch(
        cluster="c",
        entity="n",
        window_end_ns=at_ns,
        resolution_ns=60_000_000_000,
        sets=(metric_set,),
        version=Version(1, 0),
    )


def test_a_point_renders_as_heapsters_message() -> None:
    labels = {"type": "node", "hostname": "h", "nodename": "n"}
    (line,) = render_json(batch({"cpu/usage_rate": 255}, labels=labels)).lines
    assert line == (
        '{"MetricsName":"cpu/usage_rate","MetricsValue":{"value":255},"MetricsTimestamp":"2017-08-13T10:51:00Z",'
        '"MetricsTags":{"hostname":"h","nodename":"n","type":"node"}}'
    )


def test_labeled_values_have_the_entitys_labels_too() -> None:
    rendered = render_json(batch({}, LabeledValues({"resource_id": "/"}, {"filesystem/usage": 7}), labels={"a": "b"}))
    (message,) = map(json.loads, rendered.lines)
    assert message["MetricsTags"] == {"a": "b", "resource_id": "/"}
    assert message["MetricsValue"] == {"value": 7}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-(2**63), "-9223372036854775808"),
        (2**63 - 1, "9223372036854775807"),
        (0.1, "0.1"),
        (2.0, "2"),
        (1.5e-7, "0.00000015"),
    ],
)
def test_numbers(value: Number, text: str) -> None:
    (line,) = render_json(batch({"m": value})).lines
    assert f'{{"value":{text}}}' in line
    assert json.loads(line)["MetricsValue"]["value"] == value


def test_a_value_that_is_not_finite_is_omitted_and_counted() -> None:
    rendered = render_json(batch({"a": math.nan, "b": math.inf, "c": 1.0, "d": -math.inf}))
    assert [json.loads(line)["MetricsName"] for line in rendered.lines] == ["c"]
    assert (rendered.points, rendered.problems) == (1, {"not_finite": 3})


def test_a_point_is_one_line_for_any_label() -> None:
    label = 'a "quote", a \\ and\na line\r\u2028 ä €'
    text = render_json(batch({"m": 1}, labels={"odd": label})).text
    assert text.count("\n") == 1
    assert json.loads(text)["MetricsTags"] == {"odd": label}


def test_the_timestamp_is_the_window_end() -> None:
    (line,) = render_json(batch({"m": 1}, at_ns=AT_NS + 250_000_000)).lines
    assert json.loads(line)["MetricsTimestamp"] == "2017-08-13T10:51:00.25Z"
