import pytest

from scraper.kubelet.cadvisor import NotMetricsError, used_lines

DOCUMENT = b"""# HELP container_cpu_load_average_10s Value of container cpu load average over the last 10 seconds.
# TYPE container_cpu_load_average_10s gauge
container_cpu_load_average_10s{container="",id="/",image="",name="",namespace="",pod=""} 0 1762283730000
container_cpu_usage_seconds_total{container="",cpu="total",id="/",pod=""} 7 1762283730000
container_fs_reads_total{container="",device="/dev/sda",id="/",pod=""} 9 1762283730000
container_fs_reads_bytes_total{container="",device="/dev/sda",id="/",pod=""} 1.5e+09 1762283730000
container_memory_cache{container="",id="/",pod=""} 1.979711488e+09 1762283730000
container_memory_cache{container="web",id="/kubepods/x",pod="web-1"} 4096 1762283731000
container_memory_failcnt{container="web",id="/kubepods/x",pod="web-1"} 0 1762283731000
"""


def test_the_lines_of_four_metrics_are_kept_unchanged() -> None:
    kept = used_lines(DOCUMENT).splitlines()
    assert set(kept) < set(DOCUMENT.splitlines())
    assert sorted(line.partition(b"{")[0] for line in kept) == [
        b"container_cpu_load_average_10s",
        b"container_fs_reads_bytes_total",
        b"container_memory_cache",
        b"container_memory_cache",
    ]


@pytest.mark.parametrize("document", [DOCUMENT, DOCUMENT.rstrip(b"\n"), DOCUMENT[DOCUMENT.index(b"container_fs") :]])
def test_the_first_and_last_lines_of_a_document_are_complete(document: bytes) -> None:
    assert used_lines(used_lines(document)) == used_lines(document)
    assert used_lines(document).splitlines()[-1].endswith(b" 1762283731000")


@pytest.mark.parametrize("document", [b"", b"\n", b"# HELP machine_cpu_cores Number of CPUs.\nmachine_cpu_cores 8\n"])
def test_a_document_without_these_metrics_gives_no_lines(document: bytes) -> None:
    assert used_lines(document) == b""


@pytest.mark.parametrize("document", [b"<html>login</html>", b'{"node":{}}', b"404 page not found\n"])
def test_a_document_in_another_format_is_rejected(document: bytes) -> None:
    with pytest.raises(NotMetricsError, match="Prometheus"):
        used_lines(document)
