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
NAMES = {int(number): name for number, name in json.loads((CONTRACT / "metrics.json").read_text()).items()}
BATCH = schema.load_schema(str(CONTRACT / "versions" / "metric_batch-4.avsc"))
MARK = b"\xc3\x01" + bytes.fromhex(schema.fingerprint(schema.to_parsing_canonical_form(BATCH), "CRC-64-AVRO"))
brokers, *topics = sys.argv[1:] or sys.exit(__doc__)
settings = {"group.id": "example", "auto.offset.reset": "earliest", "enable.auto.commit": False}
consumer = Consumer(settings | {"bootstrap.servers": brokers})
consumer.subscribe(topics or ["derived-metrics"])
for message in iter(consumer.poll, None):
    if message.error() or message.value()[:10] != MARK:
        print(message.error() or f"of another version than is read here: {message.key()}", file=sys.stderr)
        continue
    batch = schemaless_reader(io.BytesIO(message.value()[10:]), BATCH)
    ints, floats = struct.iter_unpack("<q", batch["ints"]), struct.iter_unpack("<d", batch["floats"])
    texts = iter(batch["texts"])
    for shape in (batch["shapes"][row] for row in batch["rows"]):
        key = next(texts) if shape["type"] else None  # of the next set: a value with labels of its own
        labels = {name: next(texts) for name in shape["labels"]}
        values = {NAMES.get(name, name): next(ints)[0] for name in shape["times"] + shape["ints"] + shape["other_ints"]}
        values |= {NAMES.get(name, name): next(floats)[0] for name in shape["floats"] + shape["other_floats"]}
        print(json.dumps([batch["cluster"], batch["window_end_ns"], key, labels, values]), flush=True)
