"""tools/stack/requirements.sh on machines that have this and lack that: programs are stand-ins that tell a version."""

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

SCRIPT: Final = Path(__file__).parents[4] / "tools" / "stack" / "requirements.sh"
ALL: Final = ("python", "java", "maven", "go", "chromium", "npm")
BASICS: Final = ("sed", "head")
MACHINE: Final[Mapping[str, str]] = {
    "python3": "echo 3.11",
    "java": """echo 'openjdk version "17.0.15" 2025-04-15' >&2""",
    "mvn": r"printf '\033[1mApache Maven 3.8.7\033[m\nJava version: 17.0.15\n'",
    "go": "echo go version go1.19.8 linux/amd64",
    "chromium": "echo Chromium 156.0.8078.108 built on Debian GNU/Linux 12; echo complains >&2",
    "npm": "echo 9.2.0",
}


def check(
    tmp_path: Path, programs: Mapping[str, str], *needs: str, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BASICS:
        (folder / name).symlink_to(f"/usr/bin/{name}")
    for name, body in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *needs],
        env={"PATH": str(folder), "LOG": str(tmp_path / "apt.log"), "BIN": str(folder)},
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_that_has_all_is_told_nothing(tmp_path: Path) -> None:
    done = check(tmp_path, MACHINE, *ALL)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


PYTHON: Final = "Python 3.11 or newer with venv (Debian package: python3 python3-venv)"
JAVA: Final = "Java 17 or newer (Debian package: default-jre-headless)"
MAVEN: Final = "Maven 3.6 or newer (Debian package: maven)"
GO: Final = "Go 1.19 or newer (Debian package: golang-go)"
CHROMIUM: Final = "Chromium 123 or newer (Debian package: chromium)"
NPM: Final = "npm 8 or newer (Debian package: npm)"


@pytest.mark.parametrize(
    ("program", "body", "told"),
    [
        pytest.param("python3", None, f"missing: {PYTHON}", id="no Python"),
        pytest.param("python3", "exit 1", f"missing: {PYTHON}", id="Python without venv"),
        pytest.param("python3", "echo 3.9", f"too old (3.9): {PYTHON}", id="Python 3.9"),
        pytest.param("java", None, f"missing: {JAVA}", id="no Java"),
        pytest.param("java", """echo 'java version "1.8.0_202"'""", f"too old (1.8.0): {JAVA}", id="Java 8"),
        pytest.param("mvn", None, f"missing: {MAVEN}", id="no Maven"),
        pytest.param("mvn", "echo Apache Maven 3.0.5", f"too old (3.0): {MAVEN}", id="Maven 3.0"),
        pytest.param("go", None, f"missing: {GO}", id="no Go"),
        pytest.param("go", "echo go version go1.9.7 linux/amd64", f"too old (1.9): {GO}", id="Go 1.9"),
        pytest.param("chromium", None, f"missing: {CHROMIUM}", id="no Chromium"),
        pytest.param("chromium", "echo Chromium 90.0.4430.212", f"too old (90.0): {CHROMIUM}", id="Chromium 90"),
        pytest.param("npm", None, f"missing: {NPM}", id="no npm"),
        pytest.param("npm", "echo 6.14.4", f"too old (6.14.4): {NPM}", id="npm 6"),
    ],
)
def test_what_is_missing_is_named_with_its_package(tmp_path: Path, program: str, body: str | None, told: str) -> None:
    programs = {name: own for name, own in {**MACHINE, program: body}.items() if own is not None}
    done = check(tmp_path, programs, *ALL)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == told


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"java": """echo 'openjdk version "21" 2023-09-19'"""}, id="Java 21, without a minor version"),
        pytest.param({"mvn": "echo Apache Maven 4.0.0"}, id="Maven 4"),
        pytest.param({"go": "echo go version go1.26.8 linux/amd64"}, id="Go 1.26"),
        pytest.param({"python3": "echo 3.14"}, id="Python 3.14"),
        pytest.param({"chromium": "echo Google Chrome 140.0.7339.80"}, id="Chrome is one too"),
    ],
)
def test_newer_ones_will_do(tmp_path: Path, changed: Mapping[str, str]) -> None:
    assert check(tmp_path, {**MACHINE, **changed}, *ALL).returncode == 0


def test_only_what_is_asked_for_is_checked(tmp_path: Path) -> None:
    assert check(tmp_path, {"python3": MACHINE["python3"]}, "python").returncode == 0


def test_without_apt_it_is_left_to_the_user(tmp_path: Path) -> None:
    done = check(tmp_path, {"python3": MACHINE["python3"]}, *ALL)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "Install it with your system's package manager, then try again."


def test_without_root_the_command_is_told(tmp_path: Path) -> None:
    programs = {**MACHINE, "go": "exit 1", "mvn": "exit 1", "id": "echo 1000", "apt-get": "echo run >$LOG"}
    done = check(tmp_path, programs, *ALL)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "Install it, then try again: sudo apt-get install -y --no-install-recommends maven golang-go"
    )
    assert not (tmp_path / "apt.log").exists()


def test_root_without_a_terminal_is_told_and_served(tmp_path: Path) -> None:
    go = """printf '#!/bin/sh\\necho go version go1.19.8 linux/amd64\\n' >$BIN/go; /bin/chmod +x $BIN/go"""
    apt = f'echo "$@" >>$LOG; [ "$1" = install ] || exit 0; {go}'
    programs = {name: body for name, body in MACHINE.items() if name != "go"} | {"id": "echo 0", "apt-get": apt}
    done = check(tmp_path, programs, *ALL)
    assert done.stderr.splitlines() == [
        f"missing: {GO}",
        "installing: apt-get install -y --no-install-recommends golang-go",
    ]
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "apt.log").read_text().splitlines() == [
        "-qq update",
        "install -y --no-install-recommends golang-go",
    ]


@pytest.mark.parametrize(
    ("answer", "installs"),
    [
        pytest.param("\n", True, id="the default is yes"),
        pytest.param("yes\n", True, id="yes"),
        pytest.param("n\n", False, id="no"),
        pytest.param("what?\n", False, id="anything else is no"),
        pytest.param("\x04", False, id="the end of input is no"),
    ],
)
def test_root_on_a_terminal_is_asked(tmp_path: Path, answer: str, *, installs: bool) -> None:
    terminal, its_end = pty.openpty()
    os.write(terminal, answer.encode())
    programs = {**MACHINE, "go": "exit 1", "id": "echo 0", "apt-get": "echo run >>$LOG"}
    done = check(tmp_path, programs, *ALL, stdin=its_end)
    os.close(terminal)
    os.close(its_end)
    assert "Run `apt-get install -y --no-install-recommends golang-go` now? [Y/n] " in done.stderr
    assert (tmp_path / "apt.log").exists() is installs
    assert done.returncode == 1


def test_what_the_package_did_not_bring_is_told(tmp_path: Path) -> None:
    done = check(tmp_path, {**MACHINE, "go": "exit 1", "id": "echo 0", "apt-get": "true"}, *ALL)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        f"missing: {GO}",
        "Install what is still missing, then try again.",
    ]


def test_a_need_that_it_does_not_know(tmp_path: Path) -> None:
    assert check(tmp_path, MACHINE, "rust").returncode == 2
