"""The metrics used from a kubelet's `/metrics/cadvisor`: those that its Summary does not have."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CADVISOR_METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "container_cpu_load_average_10s": "cpu/load",  # also threads * 1000; 0 unless cAdvisor has --enable-load-reader
        "container_fs_reads_bytes_total": "disk/io_read_bytes",
        "container_fs_writes_bytes_total": "disk/io_write_bytes",
        "container_memory_cache": "memory/cache",
    }
)
"""Name in the catalogue by cAdvisor's name."""
