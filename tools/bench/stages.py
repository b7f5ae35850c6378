"""The pure stages: each one alone, on recorded records, on one core. No Kafka, no network."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

from processor.core.derive import derive
from processor.core.labels import LabelRules
from processor.state.transition import node_batch, node_sample
from schemas import metric_batch, node_scrape
from schemas import node_sample as samples
from schemas.metric_batch import decode_batch, encode_batch
from schemas.node_sample import NodeSample, decode_sample, encode_sample
from schemas.node_scrape import NodeScrape, decode_scrape, encode_scrape
from tools.bench import cluster
from tools.bench.floor import in_full, written_in_full
from tools.bench.machine import measured_core
from writer.lines.render import PointSchema, render

FLOOR: Final = "floor: fastavro, in full"
FLOOR_IN_COLUMNS: Final = "floor: fastavro, in columns"
PROCESS: Final = "processor: all of it"

_NODES: Final = 20
_WINDOW_END_NS: Final = 1_790_000_040_000_000_000  # a whole minute
_RULES: Final = LabelRules()

Figures: TypeAlias = dict[str, float]
"""Milliseconds of CPU a node-scrape, by stage."""


def measure(rounds: int) -> Figures:
    """The least of several rounds each: what disturbs only ever adds."""
    measured = stages()
    least: Figures = {}
    with _on_one_core():
        for _ in range(rounds):
            for name, (work, records) in measured.items():
                least[name] = min(least.get(name, 1e9), _milliseconds(work, records))
    return least


def sizes() -> dict[str, int]:
    """Bytes a node-scrape of each record, before Kafka compresses it."""
    [(scrape, sample)] = _recorded(1)
    result = derive(scrape, sample, _RULES)
    return {
        "NodeScrape": len(encode_scrape(scrape)),
        "MetricBatch": len(encode_batch(node_batch(scrape, result.sets, 1))),
        "NodeSample": len(encode_sample(node_sample(scrape, result, 1))),
    }


def stages(nodes: int = _NODES) -> dict[str, tuple[Callable[[Any], object], Sequence[Any]]]:
    """By name: what is done with each of its records, and these."""
    recorded = _recorded(nodes)
    scrapes = [scrape for scrape, _ in recorded]
    results = [(scrape, derive(scrape, sample, _RULES)) for scrape, sample in recorded]
    batches = [node_batch(scrape, result.sets, 1) for scrape, result in results]
    kept = [node_sample(scrape, result, 1) for scrape, result in results]
    raw = [encode_scrape(scrape) for scrape in scrapes]
    derived = [encode_batch(batch) for batch in batches]
    read = [decode_batch(data) for data in derived]
    rows = [encode_sample(sample) for sample in kept]
    full = [in_full(*pair) for pair in zip(batches, kept, strict=True)]
    avro = [
        (data, metric_batch.CODEC.decode(batch), samples.CODEC.decode(row))
        for data, batch, row in zip(raw, derived, rows, strict=True)
    ]
    before = [(data, encode_sample(sample)) for data, (_, sample) in zip(raw, recorded, strict=True)]
    return {
        FLOOR: (_in_full, list(zip(raw, full, strict=True))),
        FLOOR_IN_COLUMNS: (_in_columns, avro),
        "scraper: encode a scrape": (encode_scrape, scrapes),
        "processor: decode a scrape": (decode_scrape, raw),
        "processor: derive": (lambda pair: derive(pair[0], pair[1], _RULES), recorded),
        "processor: encode a batch": (encode_batch, batches),
        "processor: encode a sample": (encode_sample, kept),
        "processor: decode a sample": (decode_sample, rows),
        PROCESS: (_process, before),
        "writer: decode a batch": (decode_batch, derived),
        "writer: render": (lambda batch: render(batch, PointSchema()), read),
        "writer: render with fields": (lambda batch: render(batch, PointSchema(with_fields=True)), read),
    }


def _process(record: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """From bytes to bytes: a scrape and the sample before it, to a batch and a sample."""
    scrape = decode_scrape(record[0])
    result = derive(scrape, decode_sample(record[1]), _RULES)
    return encode_batch(node_batch(scrape, result.sets, 1)), encode_sample(node_sample(scrape, result, 1))


def _in_full(record: tuple[bytes, Any]) -> None:
    node_scrape.CODEC.decode(record[0])
    written_in_full(record[1])


def _in_columns(record: tuple[bytes, Any, Any]) -> None:
    node_scrape.CODEC.decode(record[0])
    metric_batch.CODEC.encode(record[1])
    samples.CODEC.encode(record[2])


def _recorded(nodes: int) -> list[tuple[NodeScrape, NodeSample]]:
    """Scrapes, each with the sample of the window before."""
    seen = cluster.snapshot(nodes)
    end_ns = _WINDOW_END_NS
    before = cluster.scrapes(seen, end_ns)
    kept = [node_sample(scrape, derive(scrape, None, _RULES), 0) for scrape in before]
    return list(zip(cluster.scrapes(seen, end_ns + cluster.RESOLUTION_NS), kept, strict=True))


def _milliseconds(work: Callable[[Any], object], records: Sequence[Any]) -> float:
    began_s = time.process_time()
    for record in records:
        work(record)
    return (time.process_time() - began_s) * 1000 / len(records)


@contextmanager
def _on_one_core() -> Iterator[None]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {measured_core()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
