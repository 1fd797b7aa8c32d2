"""The journal: what was recorded is there at once, a torn line is left out, a damaged one is told by its number."""

import pytest

from pipeline.journal import Journal, is_torn, replay

ENTRY = b'{"id": "ga", "new": true, "cells": {"title": "\xc3\xbc", "width": "640", "keys": "a=b"}}\n'


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def replayed(path) -> tuple[list[dict], list[int]]:
    entries: list[dict] = []
    return entries, list(replay(path, entries.append))


def test_entries_come_back_as_they_were(path):
    journal = Journal(path)
    changed = {"id": "ga", "new": False, "cells": {"title": "ü\u2028"}}
    entries = [{"id": "ga", "gone": True}, {"about": {"seed": 3}}, changed]

    journal.append(entries[0])
    assert replayed(path) == (entries[:1], [])
    journal.append(*entries[1:])
    journal.close()

    assert replayed(path) == (entries, [])


def test_entries_that_hold_together_are_all_there_or_none(path):
    entries = [{"id": f"g{number}", "new": False, "cells": {"split": "val"}} for number in range(3)]
    journal = Journal(path)
    journal.append(entries)
    journal.close()
    assert replayed(path) == (entries, [])

    path.write_bytes(path.read_bytes()[:-1])
    assert replayed(path) == ([], [])
    path.write_bytes(b'[{"id": "ga", "gone": true}, {"id": "gb", "new": true, "cells": 5}]\n')
    assert replayed(path) == ([], [1])


def test_a_journal_that_is_ended_is_gone_and_one_that_is_closed_is_not(path):
    journal = Journal(path)
    journal.append({"id": "ga", "gone": True})
    journal.close()
    assert path.exists()

    journal.end()

    assert not path.exists()
    assert replayed(path) == ([], [])


@pytest.mark.parametrize(("data", "torn"), [(b"", False), (ENTRY, False), (ENTRY + b'{"id"', True), (b"{", True)])
def test_a_torn_last_line_is_left_out(path, data, torn):
    path.write_bytes(data)

    assert is_torn(path) == torn
    assert replayed(path)[1] == []
    assert len(replayed(path)[0]) == data.count(b"\n")


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"5", b"null", b'{"id": "ga"}', b'{"id": "ga", "new": true, "cells": {"title": 5}}', b"[" * 100_000),
        *(
            b'{"id": "ga", "new": true, "cells": {"width": "1.5"}}',
            b'{"id": "ga", "new": true, "cells": {"keys": "a"}}',
        ),
        b'{"id": "ga", "new": true, "cells": {"other_names": "[1"}}',
    ],
)
def test_every_damaged_line_is_told_and_the_others_are_read(path, line):
    path.write_bytes(line + b"\n" + ENTRY + line + b"\n" + ENTRY)

    entries, damaged = replayed(path)

    assert (len(entries), damaged) == (2, [1, 3])


def test_what_nothing_can_be_done_with_is_damaged_too(path):
    path.write_bytes(ENTRY)

    def refuse(entry: dict) -> None:
        raise KeyError("id")

    assert list(replay(path, refuse)) == [1]
