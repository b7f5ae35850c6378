"""The export: every entity's newest values in one document, and the schema that describes them (docs/api.md)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import orjson

from api.http.pieces import enclosed
from api.store.row import Reading
from api.store.times import NO_TIME, time_text
from schemas.catalogue import BY_NAME, NODE, POD, POD_CONTAINER, SYS_CONTAINER, Metric

_ENTITIES: Final = frozenset({NODE, POD, POD_CONTAINER, SYS_CONTAINER})
_SHOWN_AS: Final = {NODE: "machine", POD: "/pod"}

# name, unit as it is declared (none for what is merely counted), description
_METRICS: Final = """
uptime                    ms     Number of milliseconds since the container was started
cpu/usage                 ns     Cumulative CPU usage on all cores
cpu/load                  -      CPU load
ephemeral_storage/usage   bytes  Ephemeral storage usage
memory/usage              bytes  Total memory usage
memory/rss                bytes  RSS memory
memory/cache              bytes  Cache memory
memory/working_set        bytes  Total working set usage. Working set is the memory being used and not easily dropped by the kernel
memory/page_faults        -      Number of page faults
memory/major_page_faults  -      Number of major page faults
network/rx                bytes  Cumulative number of bytes received over the network
network/rx_errors         -      Cumulative number of errors while receiving over the network
network/tx                bytes  Cumulative number of bytes sent over the network
network/tx_errors         -      Cumulative number of errors while sending over the network
cpu/limit                 -      CPU hard limit in millicores.
memory/limit              bytes  Memory hard limit in bytes.
disk/io_read_bytes        bytes  Cumulative number of bytes read over disk
disk/io_read_bytes_rate   -      Rate of bytes read over disk in bytes per second
disk/io_write_bytes       bytes  Cumulative number of bytes write over disk
disk/io_write_bytes_rate  -      Rate of bytes written over disk in bytes per second
filesystem/usage          bytes  Total number of bytes consumed on a filesystem
filesystem/limit          bytes  The total size of filesystem in bytes
filesystem/available      bytes  The number of available bytes remaining in a the filesystem
filesystem/inodes         bytes  Total number of inodes on a filesystem
filesystem/inodes_free    bytes  Free number of inodes on a filesystem
accelerator/memory_total  bytes  Total accelerator memory (in bytes)
accelerator/memory_used   bytes  Total accelerator memory allocated (in bytes)
accelerator/duty_cycle    -      Percent of time over the past sample period (10s) during which the accelerator was actively processing
"""  # noqa: E501 - Heapster's own words, misspelt and all
_RESOURCE_ID: Final = {"resource_id": "Identifier(s) specific to a metric"}
_ACCELERATOR: Final = {
    "make": "Make of the accelerator (nvidia, amd, google etc.)",
    "model": "Model of the accelerator (tesla-p100, tesla-k80 etc.)",
    "accelerator_id": "ID of the accelerator",
}
_COMMON_LABELS: Final = {
    "nodename": "nodename where the container ran",
    "hostname": "Hostname where the container ran",
    "host_id": "Identifier specific to a host. Set by cloud provider or user",
    "container_name": "User-provided name of the container or full container name for system containers",
    "container_base_image": "User-defined image name that is run inside the container",
}
_POD_LABELS: Final = {
    "pod_name": "The name of the pod",
    "pod_id": "The unique ID of the pod",
    "namespace_id": "The UID of namespace of the pod",
    "labels": "Comma-separated list of user-provided labels",
}


def export_text(listed: Iterable[Reading | None]) -> Iterator[str]:
    """All of them, in pieces; `null` if there are none."""
    exported = (
        orjson.dumps(_exported(each)).decode() if each is not None and each.entity.type in _ENTITIES else None
        for each in listed
    )
    return enclosed(exported, begin="[", comma=",", end="]\n", empty="null\n")


def schema_document() -> dict[str, object]:
    """What the export consists of."""
    rows = [line.split(maxsplit=2) for line in _METRICS.strip().splitlines()]
    return {
        "metrics": [_described(BY_NAME[name], unit, description) for name, unit, description in rows],
        "common_labels": _labels(_COMMON_LABELS),
        "pod_labels": _labels(_POD_LABELS),
    }


_EXPORTED: Final = {name: BY_NAME[name] for name in (line.split()[0] for line in _METRICS.strip().splitlines())}


def _exported(reading: Reading) -> dict[str, object]:
    metrics: dict[str, list[dict[str, object]]] = {}
    end = time_text(reading.window_end_ns)
    started_ns = reading.entity.collection_start_ns
    started = NO_TIME if started_ns is None else time_text(started_ns)
    for own in reading.labeled():
        for name, value in own.values.items():
            if name in _EXPORTED:
                point: dict[str, object] = {"start": started if _since_start(_EXPORTED[name]) else end, "end": end}
                if own.labels:
                    point["labels"] = own.labels
                point["value"] = int(value) if isinstance(value, float) and value.is_integer() else value
                metrics.setdefault(name, []).append(point)
    labels = {
        name: value for name, value in reading.entity.labels.items() if name in _COMMON_LABELS or name in _POD_LABELS
    }
    if reading.entity.type in _SHOWN_AS:
        labels["container_name"] = _SHOWN_AS[reading.entity.type]
    return {"metrics": metrics, "labels": labels}


def _since_start(metric: Metric) -> bool:
    """Whether its values count from the entity's start; those of `disk/*` are tagged as gauges, though they do."""
    return metric.kind == "cumulative" and not metric.labeled


def _described(metric: Metric, unit: str, description: str) -> dict[str, object]:
    labels = _ACCELERATOR if metric.name.startswith("accelerator/") else _RESOURCE_ID
    return {
        "name": metric.name,
        "description": description,
        **({"labels": _labels(labels)} if metric.labeled else {}),
        "type": metric.kind,
        "value_type": {"int": "int64", "float": "double"}[metric.value],
        **({} if unit == "-" else {"units": unit}),
    }


def _labels(described: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "description": description} for key, description in described.items()]
