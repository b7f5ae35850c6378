"""The metric catalogue: name, kind, value type, unit, entities and rate of every metric.

Records of `derived-metrics` contain a metric's `number` instead of its name: a number is never changed or reused.
New metrics are appended to the list below with the next number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Number: TypeAlias = int | float
Kind: TypeAlias = Literal["gauge", "cumulative"]
ValueType: TypeAlias = Literal["int", "float"]
EntityType: TypeAlias = Literal["cluster", "ns", "node", "pod", "pod_container", "sys_container", "workload"]

CLUSTER: Final = "cluster"
NAMESPACE: Final = "ns"
NODE: Final = "node"
POD: Final = "pod"
POD_CONTAINER: Final = "pod_container"
SYS_CONTAINER: Final = "sys_container"
WORKLOAD: Final = "workload"

MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric of the catalogue.

    `rate` names the metric with the counter's rate, None if it has none. A `labeled` metric has one value per
    `resource_id` (or accelerator, or interface), others have one per entity. `summary`: the kubelet's Summary API
    provides the data. `extended`: not one of Heapster's metrics, computed with --extended-metrics only.
    """

    number: int
    name: str
    kind: Kind
    value: ValueType
    unit: str
    entities: frozenset[EntityType]
    rate: str | None = None
    labeled: bool = False
    summary: bool = True
    extended: bool = False


_ENTITY_CODES: Final[Mapping[str, EntityType]] = MappingProxyType(
    {
        "cl": "cluster",
        "ns": "ns",
        "no": "node",
        "po": "pod",
        "pc": "pod_container",
        "sc": "sys_container",
        "wl": "workload",
    }
)
_KINDS: Final[Mapping[str, Kind]] = MappingProxyType({"G": "gauge", "C": "cumulative"})
_VALUES: Final[Mapping[str, ValueType]] = MappingProxyType({"int": "int", "float": "float"})

# number, name, kind, value type, unit, entities, then rate and attributes
_TABLE: Final = """
 1 cpu/usage                             C int   ns           no,po,pc,sc        rate=cpu/usage_rate
 2 cpu/usage_rate                        G int   millicores   cl,ns,wl,no,po,pc,sc
 3 cpu/load                              G int   threads*1000 no,po,pc,sc        cadvisor
 4 cpu/request                           G int   millicores   cl,ns,wl,no,po,pc
 5 cpu/limit                             G int   millicores   cl,ns,wl,no,po,pc
 6 cpu/node_capacity                     G float millicores   no
 7 cpu/node_allocatable                  G float millicores   no
 8 cpu/node_reservation                  G float ratio        no
 9 cpu/node_utilization                  G float ratio        no
10 memory/usage                          G int   bytes        cl,ns,wl,no,po,pc,sc
11 memory/working_set                    G int   bytes        no,po,pc,sc
12 memory/rss                            G int   bytes        no,po,pc,sc
13 memory/cache                          G int   bytes        no,po,pc,sc        cadvisor
14 memory/page_faults                    C int   count        no,po,pc,sc        rate=memory/page_faults_rate
15 memory/major_page_faults              C int   count        no,po,pc,sc        rate=memory/major_page_faults_rate
16 memory/page_faults_rate               G float faults/s     no,po,pc,sc
17 memory/major_page_faults_rate         G float faults/s     no,po,pc,sc
18 memory/request                        G int   bytes        cl,ns,wl,no,po,pc
19 memory/limit                          G int   bytes        cl,ns,wl,no,po,pc
20 memory/node_capacity                  G float bytes        no
21 memory/node_allocatable               G float bytes        no
22 memory/node_reservation               G float ratio        no
23 memory/node_utilization               G float ratio        no
24 network/rx                            C int   bytes        no,po              rate=network/rx_rate
25 network/rx_errors                     C int   count        no,po              rate=network/rx_errors_rate
26 network/tx                            C int   bytes        no,po              rate=network/tx_rate
27 network/tx_errors                     C int   count        no,po              rate=network/tx_errors_rate
28 network/rx_rate                       G float bytes/s      no,po
29 network/rx_errors_rate                G float errors/s     no,po
30 network/tx_rate                       G float bytes/s      no,po
31 network/tx_errors_rate                G float errors/s     no,po
32 filesystem/usage                      G int   bytes        no,po,pc,sc        labeled
33 filesystem/limit                      G int   bytes        no,po,pc,sc        labeled
34 filesystem/available                  G int   bytes        no,po,pc,sc        labeled
35 filesystem/inodes                     G int   count        no,po,pc,sc        labeled
36 filesystem/inodes_free                G int   count        no,po,pc,sc        labeled
37 ephemeral_storage/usage               G int   bytes        no,po,pc,sc
38 ephemeral_storage/request             G int   bytes        no,po,pc
39 ephemeral_storage/limit               G int   bytes        no,po,pc
40 ephemeral_storage/node_capacity       G float bytes        no
41 ephemeral_storage/node_allocatable    G float bytes        no
42 ephemeral_storage/node_reservation    G float ratio        no
43 ephemeral_storage/node_utilization    G float ratio        no
44 disk/io_read_bytes                    C int   bytes        no,po,pc,sc labeled cadvisor rate=disk/io_read_bytes_rate
45 disk/io_write_bytes                   C int   bytes        no,po,pc,sc labeled cadvisor rate=disk/io_write_bytes_rate
46 disk/io_read_bytes_rate               G float bytes/s      no,po,pc,sc labeled cadvisor
47 disk/io_write_bytes_rate              G float bytes/s      no,po,pc,sc labeled cadvisor
48 accelerator/memory_total              G int   bytes        pc,sc              labeled
49 accelerator/memory_used               G int   bytes        pc,sc              labeled
50 accelerator/duty_cycle                G int   percent      pc,sc              labeled
51 uptime                                C int   ms           no,po,pc,sc
52 restart_count                         C int   count        po,pc
53 memory/swap_usage                     G int   bytes        no,po,pc,sc        extended
54 memory/swap_available                 G int   bytes        no,po,pc,sc        extended
55 memory/node_working_set_utilization   G float ratio        no                 extended
56 cpu/request_utilization               G float ratio        po,pc              extended
57 cpu/limit_utilization                 G float ratio        po,pc              extended
58 memory/request_utilization            G float ratio        po,pc              extended
59 memory/limit_utilization              G float ratio        po,pc              extended
60 cpu/node_share                        G float ratio        po,pc              extended
61 memory/node_share                     G float ratio        po,pc              extended
62 process/count                         G int   count        no,po              extended
63 process/limit                         G int   count        no                 extended
64 network/interface_rx                  C int   bytes        no,po              extended labeled
65 network/interface_rx_errors           C int   count        no,po              extended labeled
66 network/interface_tx                  C int   bytes        no,po              extended labeled
67 network/interface_tx_errors           C int   count        no,po              extended labeled
68 pressure/cpu_some_total               C int   us           no,po,pc,sc        extended
69 pressure/cpu_some_avg10               G float percent      no,po,pc,sc        extended
70 pressure/cpu_some_avg60               G float percent      no,po,pc,sc        extended
71 pressure/cpu_some_avg300              G float percent      no,po,pc,sc        extended
72 pressure/cpu_full_total               C int   us           no,po,pc,sc        extended
73 pressure/cpu_full_avg10               G float percent      no,po,pc,sc        extended
74 pressure/cpu_full_avg60               G float percent      no,po,pc,sc        extended
75 pressure/cpu_full_avg300              G float percent      no,po,pc,sc        extended
76 pressure/memory_some_total            C int   us           no,po,pc,sc        extended
77 pressure/memory_some_avg10            G float percent      no,po,pc,sc        extended
78 pressure/memory_some_avg60            G float percent      no,po,pc,sc        extended
79 pressure/memory_some_avg300           G float percent      no,po,pc,sc        extended
80 pressure/memory_full_total            C int   us           no,po,pc,sc        extended
81 pressure/memory_full_avg10            G float percent      no,po,pc,sc        extended
82 pressure/memory_full_avg60            G float percent      no,po,pc,sc        extended
83 pressure/memory_full_avg300           G float percent      no,po,pc,sc        extended
84 pressure/io_some_total                C int   us           no,po,pc,sc        extended
85 pressure/io_some_avg10                G float percent      no,po,pc,sc        extended
86 pressure/io_some_avg60                G float percent      no,po,pc,sc        extended
87 pressure/io_some_avg300               G float percent      no,po,pc,sc        extended
88 pressure/io_full_total                C int   us           no,po,pc,sc        extended
89 pressure/io_full_avg10                G float percent      no,po,pc,sc        extended
90 pressure/io_full_avg60                G float percent      no,po,pc,sc        extended
91 pressure/io_full_avg300               G float percent      no,po,pc,sc        extended
92 scrape/up                             G int   boolean      no                 extended
93 scrape/cadvisor_up                    G int   boolean      no                 extended
94 scrape/duration                       G float s            no                 extended
95 scrape/clock_offset                   G float s            no                 extended
96 scrape/sample_age                     G float s            no                 extended
"""


def _metric(line: str) -> Metric:
    number, name, kind, value, unit, entities, *more = line.split()
    rate = next((word.removeprefix("rate=") for word in more if word.startswith("rate=")), None)
    return Metric(
        number=int(number),
        name=name,
        kind=_KINDS[kind],
        value=_VALUES[value],
        unit=unit,
        entities=frozenset(_ENTITY_CODES[code] for code in entities.split(",")),
        rate=rate,
        labeled="labeled" in more,
        summary="cadvisor" not in more,
        extended="extended" in more,
    )


METRICS: Final[tuple[Metric, ...]] = tuple(_metric(line) for line in _TABLE.strip().splitlines())
BY_NAME: Final[Mapping[str, Metric]] = MappingProxyType({metric.name: metric for metric in METRICS})
BY_NUMBER: Final[Mapping[int, Metric]] = MappingProxyType({metric.number: metric for metric in METRICS})

RATED_COUNTERS: Final[Mapping[str, str]] = MappingProxyType(
    {metric.name: metric.rate for metric in METRICS if metric.rate is not None}
)
"""The nine counters that have a rate, with the name of the rate."""

GROUP_METRICS: Final[tuple[str, ...]] = tuple(metric.name for metric in METRICS if "cluster" in metric.entities)
"""The six metrics that are summed over namespaces and the cluster."""

EXTENDED_REQUEST_SUFFIX: Final = "/request"
CUSTOM_PREFIX: Final = "custom/"


def extended_request(resource: str) -> str:
    """Name of the metric for requests of an extended resource, such as `nvidia.com/gpu/request` (int, count)."""
    return resource + EXTENDED_REQUEST_SUFFIX


def custom(name: str) -> str:
    """Name of the metric for a container's user-defined metric, such as `custom/qps` (float)."""
    return CUSTOM_PREFIX + name
