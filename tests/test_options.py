"""Arguments and options: each is explained, and what every command has is the same in each."""

from collections import defaultdict
from typing import Any

import pytest
from typer.main import get_command

from pipeline import options
from pipeline.cli import app

SAME_EVERYWHERE = ("--workspace", "--dry-run", "--json", "--quiet", "--workers", "--strict")


def commands_of(command: Any) -> list[Any]:
    """The command itself, or those of a group and the groups in it."""
    if not hasattr(command, "commands"):
        return [command]
    return [inner for one in command.commands.values() for inner in commands_of(one)]


COMMANDS = commands_of(get_command(app))
SAID = [(command.name, parameter) for command in COMMANDS for parameter in command.params]


@pytest.mark.parametrize(("command", "parameter"), SAID, ids=lambda one: getattr(one, "name", one))
def test_every_argument_and_option_is_explained_in_a_sentence(command, parameter):
    assert parameter.help.endswith(".")


def test_what_every_command_has_is_the_same_in_each():
    helps = defaultdict(set)
    for _, parameter in SAID:
        helps[parameter.opts[-1]].add(parameter.help)

    assert {word: len(helps[word]) for word in SAME_EVERYWHERE} == dict.fromkeys(SAME_EVERYWHERE, 1)


def test_every_option_that_is_declared_is_one_of_a_command():
    used = [hint for command in COMMANDS for hint in command.callback.__annotations__.values()]
    declared = {name: value for name, value in vars(options).items() if hasattr(value, "__metadata__")}

    assert [name for name, value in declared.items() if value not in used] == []
