"""What is taken of a kubelet's `/metrics/cadvisor`: the metrics that its Summary does not have."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CADVISOR_METRICS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "container_cpu_load_average_10s": "cpu/load",  # threads * 1000 there too, and 0 without --enable-load-reader
        "container_fs_reads_bytes_total": "disk/io_read_bytes",
        "container_fs_writes_bytes_total": "disk/io_write_bytes",
        "container_memory_cache": "memory/cache",
    }
)
"""The catalogue's name of each."""
