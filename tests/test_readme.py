"""The README says what is true: its tree, tables, commands and options are those of the code."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from pipeline.cli import app
from tests.readme_blocks import BLOCKS, ROOT, rewritten

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = get_command(app).commands
TYPED = sorted(set(re.findall(r"^ {4}(?:\$ )?(gauganpipe .*)$", README, flags=re.MULTILINE)))
TYPED += sorted(set(re.findall(r"`(gauganpipe [^`]*)`", README)))


@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_is_as_the_code_has_it(name: str) -> None:
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"

    assert begin in README
    assert README.split(begin)[1].split(end)[0] == rewritten(README).split(begin)[1].split(end)[0]


def test_every_command_is_in_the_readme() -> None:
    named = {shlex.split(line, comments=True)[1] for line in TYPED}

    assert set(COMMANDS) <= named


@pytest.mark.parametrize("line", TYPED)
def test_a_command_line_in_the_readme_can_be_typed(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = COMMANDS[words[0]]
    command = command.commands[words[1]] if hasattr(command, "commands") else command
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}

    assert {word.split("=")[0] for word in words if word.startswith("-")} <= options | {"-h", "--help"}


def test_the_pictures_are_there() -> None:
    names = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)

    assert names and all((ROOT / name).is_file() for name in names)


def test_the_make_targets_are_there() -> None:
    targets = re.findall(r"(?:^ {4}|`)make ([a-z-]+)", README, flags=re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert {"demo", "test"} <= set(targets)
    assert all(re.search(f"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def test_files_named_in_the_readme_are_there() -> None:
    prose = re.sub(r"<!-- tree -->.*<!-- end of tree -->", "", README, flags=re.DOTALL)
    names = re.findall(r"`((?:pipeline|gaugan|benchmarks|docs|tests)/[\w./]+)`", prose)

    assert all((Path(ROOT) / name).exists() for name in names)
