"""docker-compose.yml: every service starts with options that it has, and tells how it is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
import yaml

from heapster_stream.__main__ import program

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final[dict[str, dict[str, Any]]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS: Final = sorted(name for name, service in SERVICES.items() if "build" in service)
PORT: Final = 8082  # that every check asks, inside its container


def resolved(text: str) -> str:
    """With each variable at its default, as compose reads it where none is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def options(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the real command reads from the service's arguments and environment."""
    for variable, value in SERVICES[name].get("environment", {}).items():
        monkeypatch.setenv(variable, resolved(value))
    asked, *arguments = map(resolved, SERVICES[name]["command"])
    command = program.get_command(click.Context(program), asked)
    assert command is not None
    return command.make_context(asked, arguments).params


def files(service: dict[str, Any]) -> Iterator[str]:
    """Paths of this folder that a service is made of."""
    if "build" in service:
        yield f"{service['build']}/Dockerfile"
    yield from (mount.partition(":")[0] for mount in service.get("volumes", ()) if mount.startswith("."))


@pytest.mark.parametrize("name", OURS)
def test_the_command_accepts_the_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert options(name, monkeypatch)


@pytest.mark.parametrize("name", OURS)
def test_the_command_reads_every_variable(name: str) -> None:
    asked, *_ = SERVICES[name]["command"]
    command = program.get_command(click.Context(program), asked)
    assert command is not None
    assert set(SERVICES[name].get("environment", {})) <= {option.envvar for option in command.params}


@pytest.mark.parametrize("name", OURS)
def test_the_health_check_uses_a_port_that_the_service_listens_on(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, code = SERVICES[name]["healthcheck"]["test"]
    compile(code, name, "exec")
    assert f'"127.0.0.1", {PORT}' in code
    found = options(name, monkeypatch)
    assert PORT in {found.get(option) for option in ("metrics_port", "heapster_port", "api_port")}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_and_restarts(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] == "CMD", "not by a shell: an image may have none"
    assert {"interval", "timeout", "retries", "start_period"} < check.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_until_its_dependencies_are_healthy(name: str) -> None:
    for needed, wait in SERVICES[name].get("depends_on", {}).items():
        assert wait == {"condition": "service_healthy"}
        assert "profiles" not in SERVICES[needed], "it may not be there"


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_file_exists(name: str) -> None:
    assert [path for path in files(SERVICES[name]) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", SERVICES)
def test_published_ports_are_on_loopback(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))
