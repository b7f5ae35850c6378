"""Prints each metric set of `derived-metrics`, and those that come, until Ctrl-C. See docs/topics.md.

python docs/examples/read_derived_metrics.py BROKER:PORT [TOPIC]
"""

import io
import json
import struct
import sys
from pathlib import Path

from confluent_kafka import Consumer
from fastavro import schema, schemaless_reader

CONTRACT = Path(__file__).parents[2] / "schemas"
METRICS = {int(number): name for number, name in json.loads((CONTRACT / "metrics.json").read_text()).items()}
SCHEMAS = {}  # by fingerprint; versions 1 and 2 are laid out in another way
for version in (3, 4):
    written_with = json.loads((CONTRACT / "versions" / f"metric_batch-{version}.avsc").read_text())
    fingerprint = schema.fingerprint(schema.to_parsing_canonical_form(written_with), "CRC-64-AVRO")
    SCHEMAS[bytes.fromhex(fingerprint)] = schema.parse_schema(written_with, named_schemas={})


def metric_sets(batch):
    """Key (None: of the next set), labels and values of each row."""
    texts = iter(batch["texts"])
    ints = (number for (number,) in struct.iter_unpack("<q", batch["ints"]))
    floats = (number for (number,) in struct.iter_unpack("<d", batch["floats"]))
    for shape in (batch["shapes"][row] for row in batch["rows"]):
        key = next(texts) if shape["type"] else None
        labels = {name: next(texts) for name in shape["labels"]}
        values = {name: next(ints) for name in shape["times"] + shape["ints"] + shape["other_ints"]}
        values |= {name: next(floats) for name in shape["floats"] + shape["other_floats"]}
        yield key, labels, {METRICS.get(name, name): value for name, value in values.items()}


def main(brokers, topic="derived-metrics"):
    """Read from the beginning; nothing is committed."""
    settings = {"bootstrap.servers": brokers, "group.id": "example", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings | {"enable.auto.commit": False})
    consumer.subscribe([topic])
    while True:
        message = consumer.poll(1)
        if message is None or message.error():
            continue
        marker, fingerprint, body = message.value()[:2], message.value()[2:10], message.value()[10:]
        if marker != b"\xc3\x01" or fingerprint not in SCHEMAS:
            print("not of a version known here:", message.key(), file=sys.stderr)
            continue
        batch = schemaless_reader(io.BytesIO(body), SCHEMAS[fingerprint])
        for key, labels, values in metric_sets(batch):
            print(json.dumps([batch["cluster"], batch["window_end_ns"], key, labels, values]), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
