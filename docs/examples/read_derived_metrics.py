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
SCHEMAS = {}  # by what a record begins with; versions 1 and 2 are laid out in another way
for path in CONTRACT.glob("versions/metric_batch-[34].avsc"):
    avsc = json.loads(path.read_text())
    fingerprint = schema.fingerprint(schema.to_parsing_canonical_form(avsc), "CRC-64-AVRO")
    SCHEMAS[b"\xc3\x01" + bytes.fromhex(fingerprint)] = schema.parse_schema(avsc, named_schemas={})

if not sys.argv[1:] or sys.argv[1].startswith("-"):
    sys.exit(__doc__)
brokers, *topics = sys.argv[1:]
settings = {"group.id": "example", "auto.offset.reset": "earliest", "enable.auto.commit": False}
consumer = Consumer(settings | {"bootstrap.servers": brokers})
consumer.subscribe(topics or ["derived-metrics"])
while True:
    message = consumer.poll(1)
    if message is None:
        continue
    if message.error() or message.value()[:10] not in SCHEMAS:
        print(message.error() or f"not a MetricBatch of a version known here: {message.key()}", file=sys.stderr)
        continue
    batch = schemaless_reader(io.BytesIO(message.value()[10:]), SCHEMAS[message.value()[:10]])
    texts = iter(batch["texts"])
    ints, floats = struct.iter_unpack("<q", batch["ints"]), struct.iter_unpack("<d", batch["floats"])
    for shape in (batch["shapes"][row] for row in batch["rows"]):
        key = next(texts) if shape["type"] else None  # of the next set: a value with labels of its own
        labels = {name: next(texts) for name in shape["labels"]}
        values = {name: next(ints)[0] for name in shape["times"] + shape["ints"] + shape["other_ints"]}
        values |= {name: next(floats)[0] for name in shape["floats"] + shape["other_floats"]}
        named = {METRICS.get(name, name): value for name, value in values.items()}
        print(json.dumps([batch["cluster"], batch["window_end_ns"], key, labels, named]), flush=True)
