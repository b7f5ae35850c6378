"""The sink `file`, written to by several processes."""

import subprocess
import sys
from pathlib import Path

import pytest

WRITE = """
import sys
from writer.sinks.registry import create_sink
create_sink("--sink", sys.argv[1]).write(b"a 1\\n" * 1000)
"""


def test_processes_that_share_a_file_write_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "points.lp"
    writers = [subprocess.Popen([sys.executable, "-c", WRITE, f"file:{path}"]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert path.read_bytes() == b"a 1\n" * 3000


@pytest.mark.parametrize("regular", [True, False])
def test_lines_are_written_to_standard_output(tmp_path: Path, *, regular: bool) -> None:
    command = [sys.executable, "-c", WRITE, "file:-"]
    if regular:
        with (tmp_path / "out").open("wb") as out:
            subprocess.run(command, stdout=out, check=True, timeout=60)
        assert (tmp_path / "out").read_bytes() == b"a 1\n" * 1000
    else:
        assert subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout == b"a 1\n" * 1000
