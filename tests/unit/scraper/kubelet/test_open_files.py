import resource
import subprocess
import sys

import pytest

from scraper.kubelet.open_files import connections_kept

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
from scraper.kubelet import open_files
open_files.allow_many()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_as_many_files_may_be_open_as_the_system_lets_us() -> None:
    ended = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == ["300", "300"]


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [
        pytest.param(1024, 768, id="a quarter is for all else"),
        pytest.param(1_048_576, 8192, id="no more than asked for"),
        pytest.param(resource.RLIM_INFINITY, 8192, id="no limit"),
        pytest.param(1, 1, id="one at least"),
    ],
)
def test_kept_connections_leave_files_for_all_else(monkeypatch: pytest.MonkeyPatch, allowed: int, kept: int) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (allowed, allowed))
    assert connections_kept(8192) == kept
