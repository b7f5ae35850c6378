import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tools.stack.process import Process, ProcessError

SLEEPER = (sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
)


def launched(tmp_path: Path, *command: str) -> Process:
    process = Process("it", command, tmp_path / "logs" / "it.log").launch()
    wait_until(lambda: "ready" in process.text, "its first words", 10)
    return process


def ended(tmp_path: Path, program: str) -> Process:
    """A short program at its end, which comes after its last words; nobody has asked for its status yet."""
    process = launched(tmp_path, sys.executable, "-c", program)
    wait_until(lambda: state(process.pid) == "Z", "its end", 10)
    return process


def test_it_is_ended_as_an_administrator_would(tmp_path: Path) -> None:
    process = launched(tmp_path, *SLEEPER)
    assert process.running
    assert process.status is None
    assert process.stop() == -signal.SIGTERM
    assert not process.running
    assert process.status == -signal.SIGTERM


def test_it_is_killed_if_it_does_not_end(tmp_path: Path) -> None:
    assert launched(tmp_path, *STUBBORN).stop(within_s=0.1) == -signal.SIGKILL


def test_a_frozen_one_can_be_killed(tmp_path: Path) -> None:
    process = launched(tmp_path, *SLEEPER)
    process.freeze()
    assert state(process.pid) == "T"
    process.thaw()
    wait_until(lambda: state(process.pid) != "T", "it goes on", 10)
    process.freeze()
    assert state(process.pid) == "T"
    assert process.running
    assert process.kill() == -signal.SIGKILL


def test_one_that_has_ended_cannot_be_frozen_but_does_not_hold_us_up(tmp_path: Path) -> None:
    process = ended(tmp_path, "print('ready')")
    process.freeze()
    assert process.stop() == 0


def test_it_is_launched_again_and_its_log_goes_on(tmp_path: Path) -> None:
    process = launched(tmp_path, *SLEEPER)
    first = process.pid
    process.kill()
    process.launch()
    wait_until(lambda: process.text.count("ready") == 2, "its words, twice", 10)
    assert process.pid != first
    process.kill()


def test_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    process = launched(tmp_path, *SLEEPER)
    assert os.getpgid(process.pid) == process.pid
    assert os.getpgid(process.pid) != os.getpgid(0)
    process.kill()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the machine cannot tie processes to each other")
def test_it_ends_with_the_one_that_launched_it(tmp_path: Path) -> None:
    launcher = f"""
import time
from pathlib import Path
from tools.stack.process import Process
print(Process("it", {SLEEPER!r}, Path({str(tmp_path / "it.log")!r})).launch().pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", launcher], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        wait_until(lambda: "ready" in (tmp_path / "it.log").read_text(), "its first words", 10)
        parent.kill()
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or state(pid) == "Z", "its end", 10)


def test_it_tells_the_end_of_its_log(tmp_path: Path) -> None:
    process = ended(tmp_path, "print('one\\ntwo\\nready')")
    assert process.stop() == 0
    assert process.log_tail(2) == "two\nready"


@pytest.mark.parametrize("ask", [Process.stop, Process.kill, Process.terminate, Process.freeze, Process.thaw])
def test_one_that_was_never_launched_says_so(tmp_path: Path, ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ProcessError, match="it has not been launched"):
        ask(Process("it", SLEEPER, tmp_path / "log"))


def test_it_is_not_launched_twice(tmp_path: Path) -> None:
    process = launched(tmp_path, *SLEEPER)
    with pytest.raises(ProcessError, match="it runs already"):
        process.launch()
    process.kill()


def state(pid: int) -> str:
    """R, S, T … as in proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
