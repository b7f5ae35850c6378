import subprocess
import sys

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
from scraper import open_files
open_files.allow_many()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_as_many_files_may_be_open_as_the_system_lets_us() -> None:
    ended = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == ["300", "300"]
