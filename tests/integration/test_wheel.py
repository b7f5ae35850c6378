"""The wheel contains everything that the program needs; it is installed into a clean environment."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final
from zipfile import ZipFile

import click
import pytest

from heapster_stream.__main__ import program
from tools.stack.cache import cache_folder

ROOT: Final = Path(__file__).parents[2]
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES: Final = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
COMMANDS: Final = program.list_commands(click.Context(program))


def run(*command: str | Path, folder: Path = ROOT) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def uv(*arguments: str | Path) -> str:
    program, *_ = cache_folder().glob("uv-*/bin/uv")
    return run(program, "--quiet", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--wheel", "--python", sys.executable, "--out-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


def files_of(package: str) -> set[str]:
    found = (path for path in (ROOT / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_the_wheel_contains_all_files_of_the_packages_and_no_others(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        contents = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert contents == set().union(*map(files_of, PACKAGES))
    assert {"api/web/index.html", "schemas/versions/metric_batch-1.avsc"} <= contents, "not only modules"


def test_every_command_works_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    locked, clean = tmp_path / "requirements.txt", tmp_path / "clean"
    uv("export", "--frozen", "--no-dev", "--no-emit-project", "--output-file", locked)
    uv("venv", "--python", sys.executable, clean)
    uv("pip", "install", "--python", clean / "bin" / "python", "--requirement", locked)
    uv("pip", "install", "--python", clean / "bin" / "python", "--no-deps", wheel)
    installed = clean / "bin" / "heapster-stream"
    assert run(installed, "--version", folder=tmp_path).split() == ["heapster-stream", PROJECT["project"]["version"]]
    assert set(COMMANDS) <= set(run(installed, "--help", folder=tmp_path).split())
    for command in COMMANDS:
        assert f"Usage: heapster-stream {command}" in run(installed, command, "--help", folder=tmp_path)
