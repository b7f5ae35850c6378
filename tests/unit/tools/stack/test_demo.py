import io
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from tools.stack import demo
from tools.stack.cache import locked
from tools.stack.demo_settings import DemoSettings
from tools.stack.live_line import LiveLine

VARIABLES = ("DEMO_SECONDS", "DEMO_NODES", "DEMO_PODS_PER_NODE")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def test_it_runs_until_interrupted_if_nothing_is_said() -> None:
    assert DemoSettings.read() == DemoSettings(seconds=None, nodes=3, pods_per_node=10)


def test_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in zip(VARIABLES, ("90", "20", "30"), strict=True):
        monkeypatch.setenv(variable, value)
    assert DemoSettings.read() == DemoSettings(seconds=90, nodes=20, pods_per_node=30)


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "90s", "²"])
def test_a_value_that_is_none_ends_it_in_one_line(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, value)
    assert demo.main() == 2
    assert capsys.readouterr().out == f"{variable}={value}: a whole number from 1 on is needed\n"


@pytest.mark.usefixtures("_signals_kept")
def test_two_demos_do_not_share_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEAPSTER_STREAM_CACHE", str(tmp_path))
    with locked("demo"):
        assert demo.main() == 1
    assert capsys.readouterr().out == f"A demo runs already, in {tmp_path}/demo: end that one first.\n"


@pytest.fixture
def _signals_kept() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_without_a_terminal_a_line_is_printed_every_ten_seconds() -> None:
    out = io.StringIO()
    with LiveLine(Console(file=out, width=200)) as line:
        for elapsed_s in range(21):
            line.show(elapsed_s, {"points written": f"{elapsed_s * 100:,}"})
    assert out.getvalue().splitlines() == [
        "   0 s   points written 0",
        "  10 s   points written 1,000",
        "  20 s   points written 2,000",
    ]


def test_on_a_terminal_one_line_is_kept_up_to_date() -> None:
    out = io.StringIO()
    with LiveLine(Console(file=out, width=30, force_terminal=True)) as line:
        line.show(0, {"lag": "1"})
        line.show(1, {"lag": "2", "points": "more than fits into the line", "nodes": "0"})
    lines = out.getvalue().splitlines()
    assert "lag" in lines[0]
    assert lines[-1].startswith("\x1b")
    assert "points" not in out.getvalue()
