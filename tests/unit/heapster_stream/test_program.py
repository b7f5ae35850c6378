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


def test_the_list_of_commands_cuts_no_text() -> None:
    text = CliRunner().invoke(program, ["--help"]).output
    assert "…" not in text
    assert "..." not in text.partition("Commands:")[2]
    assert "refused points become dead letters" in " ".join(text.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_in_a_command_s_help_can_be_typed(name: str) -> None:
    shown = CliRunner().invoke(program, [name, "--help"]).output
    assert shown.partition("Example:\n")[2].split() == EXAMPLES[name].split()
    for line in EXAMPLES[name].replace("\\\n", "").splitlines():
        _, asked, *arguments = shlex.split(line)
        of_name = command(asked)
        if isinstance(of_name, click.Group):
            sub, *arguments = arguments
            of_name = of_name.commands[sub]
        of_name.make_context(asked, arguments)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_variables_of_the_other_commands_are_no_misspelling(name: str) -> None:
    all_there_are = set().union(*map(variables, COMMANDS))
    assert list(flags.misspelt_variables(command(name), all_there_are)) == []


def test_a_misspelt_variable_is_told() -> None:
    environment = {"HEAPSTER_METRIC_RESOLUTON": "60s", "HEAPSTER_SERVICE_HOST": "10.0.0.1", "METRIC_RESOLUTIO": "60s"}
    told = CliRunner().invoke(program, ["scraper"], env=environment).stderr.splitlines()[0]
    assert told == (
        "heapster-stream: the environment variable HEAPSTER_METRIC_RESOLUTON is not read:"
        " is it HEAPSTER_METRIC_RESOLUTION?"
    )


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("replya", "No such command 'replya'. Did you mean replay?"),
        ("scrapper", "No such command 'scrapper'. Did you mean scraper?"),
        ("dead-leters", "No such command 'dead-leters'. Did you mean dead-letters?"),
        ("xyz", "No such command 'xyz'."),
    ],
)
def test_a_misspelt_command_is_told_with_the_one_that_is_meant(typed: str, told: str) -> None:
    found = CliRunner().invoke(program, [typed])
    assert found.exit_code == 2
    assert found.stderr.splitlines()[-1] == f"Error: {told}"
