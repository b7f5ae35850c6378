"""Generate the tables of records in docs/topics.md from the schemas: run `python -m tests.topic_tables`.

Each block is between the lines `<!-- NAME -->` and `<!-- end -->`. The command also writes `schemas/metrics.json`, the
metric names by catalogue number for readers in other languages.
"""

import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from schemas import metric_batch, node_scrape
from schemas.catalogue import METRICS
from schemas.codec import MARKER, Codec, ParsedVersion
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version, encode_batch

ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = ROOT / "docs" / "topics.md"
METRIC_NAMES: Final = ROOT / "schemas" / "metrics.json"

RECORDS: Final = (node_scrape.CODEC, metric_batch.CODEC)
EXAMPLE: Final = MetricBatch(
    cluster="default",
    entity="n1",
    window_end_ns=60_000_000_000,
    resolution_ns=60_000_000_000,
    sets=(
        MetricSet(
            key="node:n1",
            type="node",
            labels={"type": "node", "nodename": "n1"},
            values={"cpu/usage_rate": 250, "memory/usage": 4096, "cpu/node_utilization": 0.125},
            labeled=(
                LabeledValues({"resource_id": "/"}, {"filesystem/usage": 7}),
                LabeledValues({"resource_id": "logs"}, {"filesystem/usage": 9}),
            ),
            scrape_ns=59_000_000_000,
        ),
    ),
    version=Version(1, 0),
)


def blocks() -> dict[str, str]:
    return {
        "versions": versions(),
        **{f"fields of {codec.name}": fields(codec.current) for codec in RECORDS},
        "columns": columns(),
    }


def versions() -> str:
    """A table of the first ten bytes of records, by schema version."""
    rows = [
        f"| `{codec.name}-{number}.avsc` | `{(MARKER + version.fingerprint).hex()}` |\n"
        for codec in RECORDS
        for number, version in enumerate(_versions(codec), 1)
    ]
    return "| schema | a record begins with |\n|---|---|\n" + "".join(rows)


def fields(version: ParsedVersion) -> str:
    rows = [f"| `{path}` | {kind} | {doc} |\n" for path, kind, doc in _fields(version.schema, "")]
    return "| field | type | |\n|---|---|---|\n" + "".join(rows)


def columns() -> str:
    """The columns of the example, decoded from its bytes."""
    record: Any = metric_batch.CODEC.decode(encode_batch(EXAMPLE))
    names = {metric.number: metric.name for metric in METRICS}
    lines = [f"shapes {number}  {_shape(shape, names)}" for number, shape in enumerate(record["shapes"])]
    lines += [
        f"rows      {record['rows']}",
        f"texts     {json.dumps(record['texts'])}",
        f"ints      {[number for (number,) in struct.iter_unpack('<q', record['ints'])]}",
        f"floats    {[number for (number,) in struct.iter_unpack('<d', record['floats'])]}",
    ]
    return "".join(f"    {line}\n" for line in lines)


def metric_names() -> str:
    return json.dumps({str(metric.number): metric.name for metric in METRICS}, indent=0) + "\n"


def current(text: str) -> str:
    """The document with its blocks generated again."""
    for name, block in blocks().items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->\n"
        text, found = re.subn(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _, new=begin + "\n" + block + "\n" + end: new,
            text,
            flags=re.DOTALL,
        )
        assert found == 1, name
    return text


def _versions(codec: Codec) -> Iterator[ParsedVersion]:
    number = 1
    while (ROOT / "schemas" / "versions" / f"{codec.name}-{number}.avsc").is_file():
        yield ParsedVersion.read(codec.name, number)
        number += 1


def _fields(record: Any, within: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, type and doc of each field; fields of a nested record follow the field that contains it."""
    for field in record["fields"]:
        assert field.get("doc"), f"{record['name']}.{field['name']} has no doc in its schema"
        kind, nested = _type(field["type"])
        path = f"{within}{field['name']}"
        yield path, kind, field["doc"]
        if nested is not None:
            yield from _fields(nested, f"{path}[].")


def _type(kind: Any) -> tuple[str, Any]:
    """The type in words, and the record schema if it is an array of records."""
    match kind:
        case str():
            return kind, None
        case ["null", other]:
            return f"{_type(other)[0]} or null", None
        case {"type": "map", "values": values}:
            return f"map of {_type(values)[0]}", None
        case {"type": "enum", "symbols": symbols}:
            return f"one of {', '.join(symbols)}", None
        case {"type": "array", "items": {"type": "record"} as items}:
            return "array of records", items
        case {"type": "array", "items": items}:
            return f"array of {_type(items)[0]}", None
    raise AssertionError(kind)


def _shape(shape: Any, names: dict[int, str]) -> str:
    named = {**shape, "ints": [f"{number} ({names[number]})" for number in shape["ints"]]}
    named["floats"] = [f"{number} ({names[number]})" for number in shape["floats"]]
    shown = {name: value for name, value in named.items() if value or name == "type"}
    return "  ".join(f"{name}: {_plain(value)}" for name, value in shown.items())


def _plain(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value or "null")


if __name__ == "__main__":
    DOCUMENT.write_text(current(DOCUMENT.read_text()))
    METRIC_NAMES.write_text(metric_names())
