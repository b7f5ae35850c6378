import shlex

import click
import pytest
from click.testing import CliRunner

from heapster_stream.__main__ import program
from heapster_stream.examples import EXAMPLES
from runtime import flags

COMMANDS = program.list_commands(click.Context(program))


def command(name: str) -> click.Command:
    found = program.get_command(click.Context(program), name)
    assert found is not None
    return found


def variables(name: str) -> set[str]:
    return {each.envvar for each in command(name).params if isinstance(each.envvar, str)}


def test_the_list_of_commands_shows_complete_texts() -> None:
    text = CliRunner().invoke(program, ["--help"]).output
    assert "…" not in text
    assert "..." not in text.partition("Commands:")[2]
    assert "refused points become dead letters" in " ".join(text.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_in_the_help_of_a_command_is_valid(name: str) -> None:
    shown = CliRunner().invoke(program, [name, "--help"]).output
    assert shown.partition("Example:\n")[2].split() == EXAMPLES[name].split()
    for line in EXAMPLES[name].replace("\\\n", "").splitlines():
        _, used, *arguments = shlex.split(line)
        of_name = command(used)
        if isinstance(of_name, click.Group):
            sub, *arguments = arguments
            of_name = of_name.commands[sub]
        of_name.make_context(used, arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_variables_of_other_commands_do_not_count_as_misspelt(name: str) -> None:
    all_variables = set().union(*map(variables, COMMANDS))
    assert list(flags.misspelt_variables(command(name), all_variables)) == []


def test_a_misspelt_variable_is_reported() -> None:
    environment = {"HEAPSTER_METRIC_RESOLUTON": "60s", "HEAPSTER_SERVICE_HOST": "10.0.0.1", "METRIC_RESOLUTIO": "60s"}
    warning = CliRunner().invoke(program, ["scraper"], env=environment).stderr.splitlines()[0]
    assert warning == (
        "heapster-stream: unknown environment variable HEAPSTER_METRIC_RESOLUTON:"
        " did you mean HEAPSTER_METRIC_RESOLUTION?"
    )


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("replya", "No such command 'replya'. Did you mean replay?"),
        ("scrapper", "No such command 'scrapper'. Did you mean scraper?"),
        ("dead-leters", "No such command 'dead-leters'. Did you mean dead-letters?"),
        ("xyz", "No such command 'xyz'."),
    ],
)
def test_an_unknown_command_is_rejected_with_a_suggestion(typed: str, message: str) -> None:
    found = CliRunner().invoke(program, [typed])
    assert found.exit_code == 2
    assert found.stderr.splitlines()[-1] == f"Error: {message}"
