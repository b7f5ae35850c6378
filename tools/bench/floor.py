"""The floor: what fastavro alone needs to read a scrape, and to write what comes of it.

In two layouts of the output: in full, every set with its names, as Avro has it without further thought; and in the
columns that are used. The first is what a processor is compared with: it does not move when a layout gets better.
"""

import io
from collections.abc import Mapping
from typing import Any, Final

import fastavro

from schemas.catalogue import BY_NAME, Number
from schemas.codec import ParsedVersion
from schemas.metric_batch import MetricBatch, MetricSet
from schemas.node_sample import EntitySample, NodeSample

_BATCH: Final = ParsedVersion.read("metric_batch", 2).schema
_SAMPLE: Final = ParsedVersion.read("node_sample", 3).schema


def written_in_full(records: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Encode a batch and a sample, made by `in_full`."""
    batch, sample = records
    fastavro.schemaless_writer(io.BytesIO(), _BATCH, batch)
    fastavro.schemaless_writer(io.BytesIO(), _SAMPLE, sample)


def in_full(batch: MetricBatch, sample: NodeSample) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both as records that need nothing but to be encoded."""
    common = {"cluster": batch.cluster, "window_end_ns": batch.window_end_ns, "resolution_ns": batch.resolution_ns}
    return (
        {
            **common,
            "entity": batch.entity,
            "nodes_counted": batch.nodes_counted,
            "nodes_expected": batch.nodes_expected,
            "version_nodes": batch.version.nodes,
            "version_offsets": batch.version.offsets,
            "sets": [_set(each) for each in batch.sets],
        },
        {
            **common,
            "node": sample.node,
            "offset": sample.offset,
            "reached_ns": sample.reached_ns,
            "contributions": [
                {
                    "group": each.group,
                    "sums": each.sums,
                    "nodes_expected": each.nodes_expected,
                    "namespace_id": each.namespace_id,
                }
                for each in sample.contributions
            ],
            "entities": [_entity(each) for each in sample.entities.values()],
            "disks": [],
        },
    )


def _set(metric_set: MetricSet) -> dict[str, Any]:
    return {
        "key": metric_set.key,
        "type": metric_set.type,
        "labels": dict(metric_set.labels),
        "collection_start_ns": metric_set.collection_start_ns,
        "entity_create_ns": metric_set.entity_create_ns,
        "scrape_ns": metric_set.scrape_ns,
        "values": _values(metric_set.values),
        "labeled": [{"labels": dict(each.labels), "values": _values(each.values)} for each in metric_set.labeled],
    }


def _values(values: Mapping[str, Number]) -> dict[str, Any]:
    ints = {BY_NAME[name].number: value for name, value in values.items() if isinstance(value, int)}
    floats = {BY_NAME[name].number: value for name, value in values.items() if isinstance(value, float)}
    return {
        "int_metrics": list(ints),
        "ints": list(ints.values()),
        "float_metrics": list(floats),
        "floats": list(floats.values()),
        "other_ints": {},
        "other_floats": {},
    }


def _entity(entity: EntitySample) -> dict[str, Any]:
    return {
        "key": entity.key,
        "scrape_ns": entity.scrape_ns,
        "start_ns": entity.start_ns,
        "metrics": [BY_NAME[name].number for name in entity.counters],
        "counters": list(entity.counters.values()),
    }
