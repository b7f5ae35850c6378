"""The modules that import-linter keeps pure, as options of pytest-cov: pyproject.toml is the one list of them."""

import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"


def modules() -> list[str]:
    """Names of the pure core's modules."""
    contracts = tomllib.loads(PROJECT.read_text())["tool"]["importlinter"]["contracts"]
    (pure,) = (contract for contract in contracts if contract["name"] == "the computing core is pure")
    return [str(name) for name in pure["source_modules"]]


if __name__ == "__main__":
    print(*(f"--cov={name}" for name in modules()))  # noqa: T201 - for make
