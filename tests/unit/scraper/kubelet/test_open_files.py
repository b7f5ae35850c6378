import resource
import subprocess
import sys

import pytest

from scraper.kubelet.open_files import max_connections

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
from scraper.kubelet import open_files
open_files.raise_limit()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_limit_is_raised_to_the_hard_limit() -> None:
    ended = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == ["300", "300"]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        pytest.param(1024, 768, id="a quarter is left for other files"),
        pytest.param(1_048_576, 8192, id="no more than wanted"),
        pytest.param(resource.RLIM_INFINITY, 8192, id="no limit"),
        pytest.param(1, 1, id="at least one"),
    ],
)
def test_kept_connections_leave_a_quarter_of_the_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int, expected: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert max_connections(8192) == expected
