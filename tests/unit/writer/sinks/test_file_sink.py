import fcntl
import os
import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import ConfigError, UnavailableError
from runtime.uri import UriOptions, parse_keyed_uri
from schemas.metric_batch import MetricBatch, MetricSet, Version
from writer.sinks.config import FileConfig
from writer.sinks.file_sink import FileSink, reopen_on_hangup
from writer.sinks.registry import create_sink

LINE = b"uptime,type=node value=1i 60\n"


def config(value: str) -> FileConfig:
    keyed = parse_keyed_uri("--sink", value, {})
    return FileConfig.parse(keyed, UriOptions.from_uri(keyed))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "points.lp"


@pytest.fixture
def sink(path: Path) -> FileSink:
    return FileSink(config(f"file:{path}"))


def test_lines_are_appended(sink: FileSink, path: Path) -> None:
    path.write_bytes(LINE)
    sink.prepare()
    sink.write(LINE)
    sink.write(LINE + LINE)
    assert path.read_bytes() == 4 * LINE


def test_lines_are_line_protocol_with_the_options_of_the_sink(path: Path) -> None:
    sink = create_sink("--sink", f"file:{path}?withfields=true&cluster_name=c&metrics=cpu/*&exclude_tags=host_id")
    labels = {"type": "node", "nodename": "n", "host_id": "h"}
    values = {"cpu/usage_rate": 5, "uptime": 1}
    batch = MetricBatch(
        cluster="default",
        entity="n",
        window_end_ns=60,
        resolution_ns=60,
        sets=(MetricSet(key="node:n", type="node", labels=labels, values=values),),
        version=Version(1, 0),
    )
    assert sink.render(batch).lines == ["cpu,cluster_name=c,nodename=n,type=node usage_rate=5i 60"]


@pytest.mark.parametrize("torn", [b"uptime,ty", b"x" * 200_000])
def test_a_partial_line_is_removed_before_appending(sink: FileSink, path: Path, torn: bytes) -> None:
    path.write_bytes(LINE + torn)
    sink.write(LINE)
    assert path.read_bytes() == LINE + LINE


def test_a_file_with_only_a_partial_line_is_emptied_before_appending(sink: FileSink, path: Path) -> None:
    path.write_bytes(b"uptime,ty")
    sink.write(LINE)
    assert path.read_bytes() == LINE


@pytest.fixture
def _file_size_limit_of_40_bytes() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (40, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("_file_size_limit_of_40_bytes")
def test_a_write_over_the_file_size_limit_writes_nothing_and_is_an_outage(sink: FileSink, path: Path) -> None:
    sink.write(LINE)
    with pytest.raises(UnavailableError, match=rf"^{path}: File too large$"):
        sink.write(LINE)
    assert path.read_bytes() == LINE
    resource.setrlimit(resource.RLIMIT_FSIZE, (80, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    sink.write(LINE)
    assert path.read_bytes() == LINE + LINE


def test_a_full_device_is_an_outage() -> None:
    with pytest.raises(UnavailableError, match=r"^/dev/full: No space left on device$"):
        FileSink(config("file:/dev/full")).write(LINE)


def test_a_moved_file_is_created_again(sink: FileSink, path: Path) -> None:
    sink.write(LINE)
    moved = path.rename(path.with_suffix(".1"))
    sink.write(LINE + LINE)
    assert (moved.read_bytes(), path.read_bytes()) == (LINE, LINE + LINE)


def test_a_truncated_file_is_written_from_the_start(sink: FileSink, path: Path) -> None:
    sink.write(LINE + LINE)
    os.truncate(path, 0)
    sink.write(LINE)
    assert path.read_bytes() == LINE


def test_a_missing_directory_is_an_outage(tmp_path: Path) -> None:
    directory = tmp_path / "directory"
    directory.mkdir()
    sink = FileSink(config(f"file:{directory}/points.lp"))
    directory.rmdir()
    with pytest.raises(UnavailableError, match="No such file or directory"):
        sink.prepare()


def test_sighup_reopens_the_file(sink: FileSink, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = signal.getsignal(signal.SIGHUP)
    caplog.set_level("INFO")
    try:
        reopen_on_hangup([sink])
        sink.write(LINE)
        signal.raise_signal(signal.SIGHUP)
        sink.write(LINE)
        sink.write(LINE)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert caplog.messages == ["file reopened"]
    assert path.read_bytes() == 3 * LINE


def test_sighup_keeps_its_default_action_without_a_file_sink() -> None:
    before = signal.getsignal(signal.SIGHUP)
    reopen_on_hangup([create_sink("--sink", "log")])
    assert signal.getsignal(signal.SIGHUP) is before


def test_a_line_that_another_process_is_writing_is_not_a_partial_line(sink: FileSink, path: Path) -> None:
    with path.open("ab", buffering=0) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write(LINE[:9])
        adding = threading.Thread(target=sink.write, args=(LINE,))
        adding.start()
        adding.join(0.3)
        other.write(LINE[9:])
    adding.join()
    assert path.read_bytes() == LINE + LINE


def test_identity_is_the_file_and_the_schema(tmp_path: Path) -> None:
    assert config(f"file:{tmp_path}/a%20b?metrics=cpu/*").identity == f"file-{tmp_path}/a b-values"
    assert config(f"file://{tmp_path}/a?withfields=1").identity == f"file-{tmp_path}/a-fields"
    assert config("file:-").identity == "file---values"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("file", "path missing: expected file:/PATH, or file:- for standard output"),
        ("file:?withfields=true", "path missing: expected file:/PATH, or file:- for standard output"),
        ("file:/no/such/points.lp", "the directory /no/such does not exist"),
        ("file:/dev", "/dev is a directory: give the path of a file"),
        ("file:-?tags=1.4", "`tags` is '1.4': expected"),
        ("file:-?retention=7d", "unknown option `retention`"),
    ],
)
def test_an_invalid_file_is_a_start_up_error(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        create_sink("--sink", value)
    assert str(raised.value).startswith(f"--sink=file: {message}")
