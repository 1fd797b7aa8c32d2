"""The console: results on stdout, everything else on stderr, and a word on how long it takes."""

import io
import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline import console as console_module
from pipeline.console import Console, count, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Sheet:
    path: Path
    rows: int


@pytest.fixture
def impatient(monkeypatch):
    """Bars say at once how long the whole takes."""
    monkeypatch.setattr(console_module, "SECONDS_BEFORE_ESTIMATE", -1)


def test_results_go_to_stdout(capsys):
    Console().result("labelled 3 photos")

    assert capsys.readouterr() == ("labelled 3 photos\n", "")


def test_what_was_found_is_lines_for_a_person(capsys):
    Console().show(["1 photo", "1 run"], {"photos": 1})

    assert capsys.readouterr().out == "1 photo\n1 run\n"


def test_what_was_found_is_one_value_for_a_program(capsys):
    console = Console(as_json=True)

    console.show(["1 photo"])
    console.show(["1 photo", "1 run"], {"photos": 1})

    assert json.loads(capsys.readouterr().out) == {"photos": 1}


def test_talk_goes_to_stderr(capsys):
    Console().note("next: gauganpipe train")

    assert capsys.readouterr() == ("", "next: gauganpipe train\n")


def test_errors_go_to_stderr_with_our_name(capsys):
    Console().error("no manifest")

    assert capsys.readouterr() == ("", "gauganpipe: no manifest\n")


def test_a_quiet_console_keeps_results_and_errors(capsys):
    console = Console(quiet=True)

    console.note("talk")
    console.result("labelled 3 photos")
    console.error("no manifest")

    assert capsys.readouterr() == ("labelled 3 photos\n", "gauganpipe: no manifest\n")


def test_json_is_the_only_thing_on_stdout_when_it_is_asked_for(capsys):
    console = Console(as_json=True)

    console.result("labelled 3 photos")
    console.show_json({"rows": 3})

    assert json.loads(capsys.readouterr().out) == {"rows": 3}


def test_no_json_is_shown_to_people(capsys):
    Console().show_json({"rows": 3})

    assert capsys.readouterr().out == ""


def test_dataclasses_and_paths_become_json(capsys):
    Console(as_json=True).show_json([Sheet(path=Path("a") / "b.png", rows=2)])

    assert json.loads(capsys.readouterr().out) == [{"path": str(Path("a") / "b.png"), "rows": 2}]


def test_letters_that_a_pipe_cannot_take_are_written_out(monkeypatch):
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", pipe)

    Console().result("Ötztal.jpg is empty")

    pipe.flush()
    assert pipe.buffer.getvalue() == b"\\xd6tztal.jpg is empty\n"


def test_json_passes_through_any_pipe(monkeypatch):
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", pipe)

    Console(as_json=True).show_json({"name": "Ötztal 🏔"})

    pipe.flush()
    assert json.loads(pipe.buffer.getvalue()) == {"name": "Ötztal 🏔"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        *[(0, "1 s"), (0.4, "1 s"), (42, "42 s"), (99.4, "99 s"), (99.6, "1 min 40 s"), (190, "3 min 10 s")],
        *[(5999, "99 min 59 s"), (6000, "1 h 40 min"), (7500, "2 h 5 min"), (172_799, "47 h 59 min")],
        *[(172_800, "2 days"), (1_036_800, "12 days")],
    ],
)
def test_a_duration_is_told_as_a_person_would(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 photos"), (1, "1 photo"), (2, "2 photos"), (1234567, "1,234,567 photos")]
)
def test_a_count_has_its_plural_and_its_thousands(number, words):
    assert count(number, "photo") == words


# Bars


def test_a_bar_says_how_many_where_stderr_is_no_terminal(capsys):
    with Console().bar("ingest", unit="photo", total=1200) as bar:
        bar.step()

    assert capsys.readouterr() == ("", "ingest: 1,200 photos\n")


def test_a_bar_shows_what_and_how_many_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Console().bar("ingest", unit="photo", total=2) as bar:
        bar.step()
        bar.step(loss=0.5)

    assert re.search(r"ingest: 100%.*2/2.*photos", terminal.getvalue())
    assert "loss=0.5" in terminal.getvalue()


def test_a_quiet_bar_is_silent_on_a_terminal_too(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Console(quiet=True).bar("ingest", unit="photo", total=2) as bar:
        bar.step()

    assert terminal.getvalue() == ""


def test_a_bar_without_a_terminal_says_every_minute_how_long_by_the_rate_of_that_minute(capsys, monkeypatch):
    now = iter([0.0, 10.0, 30.0, 80.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(now))

    with Console().bar("train", unit="image", total=100) as bar:
        for _ in range(4):
            bar.step(10)

    assert capsys.readouterr().err.splitlines()[1:] == [
        "train: 20 done, 1.0 images/s, about 80 s left",
        "train: 40 done, 0.3 images/s, about 3 min 30 s left",
    ]


def test_a_bar_without_a_terminal_says_once_about_how_long(capsys, impatient):
    with Console().bar("ingest", unit="photo", total=4) as bar:
        for _ in range(4):
            bar.step()

    lines = r"ingest: 4 photos\ningest: 2 done, [\d.]+ photos/s, about \d+ s left\n"
    assert re.fullmatch(lines, capsys.readouterr().err)


def test_what_was_done_in_an_earlier_sitting_is_not_waited_for(capsys, impatient):
    with Console().bar("train", unit="image", total=4) as bar:
        bar.begin_at(3)
        bar.step()

    assert capsys.readouterr().err == "train: 4 images\n"


def test_a_quiet_bar_says_nothing_of_how_long(capsys, impatient):
    with Console(quiet=True).bar("ingest", unit="photo", total=4) as bar:
        bar.step()

    assert capsys.readouterr().err == ""


def test_a_bar_says_nothing_of_how_long_when_it_is_done(capsys, impatient):
    with Console().bar("ingest", unit="photo", total=2) as bar:
        bar.step(2)

    assert capsys.readouterr().err == "ingest: 2 photos\n"


def test_a_bar_says_nothing_of_how_long_before_anything_is_done(capsys, impatient):
    with Console().bar("ingest", unit="photo", total=4) as bar:
        bar.step(0)

    assert capsys.readouterr().err == "ingest: 4 photos\n"


def test_a_bar_of_nobody_knows_how_many_says_nothing_of_how_long(capsys, impatient):
    with Console().bar("ingest", unit="photo", total=None) as bar:
        bar.step()

    assert capsys.readouterr().err == ""


def test_talk_stands_above_the_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Console().bar("train", unit="image", total=2) as bar:
        bar.note("photos are read too slowly")
        bar.step(2)

    *_, before, after = terminal.getvalue().split("photos are read too slowly\n")
    assert before.endswith("\r") and "train: 100%" in after


def test_talk_beside_a_bar_goes_to_stderr_without_a_terminal_and_nowhere_when_quiet(capsys):
    for console in (Console(), Console(quiet=True)):
        with console.bar("train", unit="image", total=None) as bar:
            bar.note("photos are read too slowly")

    assert capsys.readouterr() == ("", "photos are read too slowly\n")


# Downloads


def test_a_download_that_does_not_happen_shows_nothing(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Console().transfer():
        pass

    assert terminal.getvalue() == ""


def test_a_download_shows_its_file_and_how_much_is_here(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    with Console().transfer() as on_bytes:
        on_bytes("weights.pth", 500_000, 2_000_000)
        on_bytes("weights.pth", 2_000_000, 2_000_000)

    assert re.search(r"weights\.pth: 100%.*2\.00M/2\.00M", terminal.getvalue())


def test_of_several_processes_only_the_first_talks_but_all_say_their_errors(capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    console = Console()

    console.note("a note")
    console.show(["a result"])
    with console.bar("work", unit="thing", total=2) as bar:
        bar.step()
    console.error("an error")

    said = capsys.readouterr()
    assert said.out == "" and said.err == "gauganpipe: an error\n"
