import threading
from pathlib import Path

import pytest

from tools.stack.cache import InstallError, cache_folder, installed, locked, run_quietly


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEAPSTER_STREAM_CACHE", str(tmp_path / "cache"))


def fill(folder: Path) -> None:
    (folder / "program").write_text("whole")


def test_the_environment_says_where_it_is(tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"


def test_it_is_beside_the_sources_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEAPSTER_STREAM_CACHE")
    assert cache_folder() == Path(__file__).parents[4] / ".cache"


def test_a_program_is_installed_once(capsys: pytest.CaptureFixture[str]) -> None:
    folder = installed("it", fill, "filling it")
    assert (folder / "program").read_text() == "whole"

    def never(folder: Path) -> None:
        pytest.fail(f"{folder} is there already")

    assert installed("it", never, "never") == folder
    assert capsys.readouterr().err == "filling it\n"


def test_half_an_installation_is_done_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("of it")
        raise InterruptedError

    with pytest.raises(InterruptedError):
        installed("it", fail, "failing")
    assert not (cache_folder() / "it").exists()
    assert [file.name for file in installed("it", fill, "filling it").iterdir()] == ["program"]


def test_two_at_once_install_it_once() -> None:
    begun, may_end, installs = threading.Event(), threading.Event(), []

    def slowly(folder: Path) -> None:
        installs.append(folder)
        begun.set()
        assert may_end.wait(10)
        fill(folder)

    both = [threading.Thread(target=installed, args=("it", slowly, "slowly")) for _ in range(2)]
    both[0].start()
    assert begun.wait(10)
    both[1].start()
    may_end.set()
    for each in both:
        each.join(10)
    assert len(installs) == 1
    assert (cache_folder() / "it" / "program").read_text() == "whole"


def test_a_lock_that_somebody_has_is_told_to_those_who_do_not_wait() -> None:
    with locked("demo"), pytest.raises(BlockingIOError), locked("demo", wait=False):
        pytest.fail("two have the lock")
    with locked("demo", wait=False):
        pass


def test_a_step_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    run_quietly(["sh", "-c", "echo $COLOUR; echo $COLOUR >&2"], {"COLOUR": "blue"})
    assert capfd.readouterr() == ("", "")


def test_a_step_that_fails_says_what_it_said() -> None:
    with pytest.raises(InstallError, match=r"(?s)this ended with status 3:\n  sh -c .*\nno network blue"):
        run_quietly(["sh", "-c", "echo no network $COLOUR >&2; exit 3"], {"COLOUR": "blue"})
