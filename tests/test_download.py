"""Photos from a real server on this machine into a workspace, by the command and by the function behind it."""

import json
import re
import signal
import subprocess
import tarfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pipeline import flow, intake
from pipeline.console import Console
from pipeline.errors import SourceError, WorkspaceError
from pipeline.fetch.manners import Manners
from pipeline.manifest import Manifest, read, writing
from pipeline.report import report
from pipeline.rows import FAILED, OK, Row
from pipeline.workspace import Workspace
from tests.misbehaving import Server
from tests.typed import PROGRAM, typed

QUIET = Console(quiet=True)
QUICK = Manners(allow_private=True, per_second=0, per_host=16, attempts=2, silent_seconds=2, most_seconds=3)


@pytest.fixture
def server():
    with Server() as server:
        yield server


@pytest.fixture
def listed(tmp_path):
    """Writes a list of addresses and gives its path."""

    def write(*urls: str, name: str = "addresses.txt") -> str:
        path = tmp_path / name
        path.write_text("\n".join(urls) + "\n")
        return str(path)

    return write


def download(workspace: Workspace, source: str, *, license: str = "", manners: Manners = QUICK, **options: object):
    taking = intake.decide(source, license, manners, **options)
    return flow.download(workspace, taking, flow.Asked(keep_all=True), workers=4, console=QUIET)


def rows_by_name(workspace: Workspace) -> dict[str, Row]:
    return {row.original_name.rpartition("/")[2]: row for row in read(workspace).rows.values()}


def cells_of(workspace: Workspace) -> dict[str, dict[str, object]]:
    """Every row but for the moments of fetching."""
    return {id: {**asdict(row), "retrieved_at": ""} for id, row in read(workspace).rows.items()}


# What comes in


def test_photos_of_a_list_become_rows_with_their_address_and_moment(workspace, server, listed):
    source = listed(*(server.address(f"/ok/{number}.jpg") for number in range(5)))

    done = download(workspace, source)

    rows = rows_by_name(workspace)
    assert done.lines() == ["ingested 5 photos"]
    assert {row.status for row in rows.values()} == {OK}
    assert rows["3.jpg"].source_url == server.address("/ok/3.jpg")
    assert rows["3.jpg"].retrieved_at.startswith("20")
    assert all((workspace.root / row.file_name).is_file() for row in rows.values())


def test_a_table_tells_licence_maker_and_page(workspace, server, listed):
    header = "url,license,creator,source_page,title"
    line = f"{server.address('/ok/lake.jpg')},CC BY 4.0,Ann Ansel,https://photos.example/lake,A lake"

    download(workspace, listed(header, line, name="addresses.csv"))

    [row] = rows_by_name(workspace).values()
    assert (row.license, row.creator, row.title) == ("CC-BY-4.0", "Ann Ansel", "A lake")
    assert (row.source_page, row.redistributable) == ("https://photos.example/lake", "yes")


def test_only_wanted_licences_are_fetched(workspace, server, listed):
    names = {"free": "CC0-1.0", "named": "CC BY 2.0", "closed": "All rights reserved"}
    lines = [f"{server.address(f'/ok/{name}.jpg')},{license}" for name, license in names.items()]

    download(workspace, listed("url,license", *lines, name="addresses.csv"), license="cc0,by")

    assert rows_by_name(workspace).keys() == {"free.jpg", "named.jpg"}
    assert "/ok/closed.jpg" not in server.asked


def test_the_same_bytes_under_two_addresses_are_one_row_named_after_the_first_in_the_alphabet(
    workspace, server, listed
):
    urls = [server.address("/ok/same.jpg", copy=letter) for letter in "cab"]

    download(workspace, listed(*urls))

    [row] = read(workspace).rows.values()
    assert row.original_name.endswith("copy=a")
    assert [name[-1] for name in row.other_names] == ["b", "c"]


def test_a_picture_under_many_addresses_stands_in_for_lost_ones(workspace, server, listed):
    urls = [server.address("/ok/gone.jpg", photo=number) for number in range(6)]

    download(workspace, listed(*urls, server.address("/ok/lake.jpg")))

    [stand_in] = [row for row in read(workspace).rows.values() if row.status == FAILED]
    assert stand_in.cause == "placeholder"
    assert "came under 6 addresses" in stand_in.error


def test_the_user_may_say_that_it_is_a_photo_all_the_same(workspace, server, listed):
    source = listed(*(server.address("/ok/lake.jpg", photo=number) for number in range(6)))
    download(workspace, source)
    with writing(workspace) as manifest:
        [row] = manifest.rows.values()
        manifest.record(replace(row, keep="yes"))

    download(workspace, source)

    assert [row.status for row in read(workspace).rows.values()] == [OK]


def test_a_photo_that_two_sources_show_is_fetched_once_from_each(workspace, server, listed):
    first, second = server.address("/ok/lake.jpg"), server.address("/ok/lake.jpg", again=1)
    sources = [listed(first), listed(second, name="others.txt")]
    for source in (*sources, *sources, *sources):
        download(workspace, source)

    assert server.asked["/ok/lake.jpg"] == 2


# What does not


def test_what_stands_before_the_cut_of_an_archive_comes_in_and_the_cut_is_told(workspace, tmp_path, photo_of):
    from pipeline.images import write_picture

    whole = tmp_path / "photos.tar"
    with tarfile.open(whole, "w") as archive:
        for number in range(6):
            write_picture(tmp_path / f"{number}.png", photo_of(number))
            archive.add(tmp_path / f"{number}.png", f"{number}.png")
    with tarfile.open(whole) as archive:
        fourth = archive.getmembers()[3]
    whole.write_bytes(whole.read_bytes()[: fourth.offset_data + fourth.size // 2])

    with pytest.raises(SourceError, match=r"photos\.tar"):
        download(workspace, str(whole))

    statuses = {name: row.status for name, row in rows_by_name(workspace).items()}
    assert statuses == {"0.png": OK, "1.png": OK, "2.png": OK, "3.png": FAILED}


def test_every_failure_is_a_row_with_its_cause_and_a_sentence(workspace, server, listed):
    bad = {
        "/status/404/a.jpg": ("not_found", "answers 404 Not Found at 127.0.0.1"),
        "/status/410/b.jpg": ("not_found", "answers 410 Gone at 127.0.0.1"),
        "/status/403/c.jpg": ("forbidden", "answers 403 Forbidden at 127.0.0.1"),
        "/is/html/d.jpg": ("not_a_photo", "web page"),
        "/status/500/e.jpg": ("server", "answers 500"),
        "/reset/f.jpg": ("connection", "is lost"),
    }
    download(workspace, listed(*(server.address(path) for path in bad), server.address("/ok/g.jpg")))

    rows = rows_by_name(workspace)
    for path, (cause, words) in bad.items():
        row = rows[path.rpartition("/")[2]]
        assert (row.status, row.cause) == (FAILED, cause)
        assert words in row.error
    assert rows["g.jpg"].status == OK


def test_the_same_command_tries_exactly_what_may_pass(workspace, server, listed):
    paths = ("/status/404/a.jpg", "/flaky/2/b.jpg", "/ok/c.jpg")
    source = listed(*(server.address(path) for path in paths))
    download(workspace, source)
    first = dict(server.asked)

    done = download(workspace, source)

    assert {path: server.asked[path] - first[path] for path in paths} == {paths[0]: 0, paths[1]: 1, paths[2]: 0}
    assert sorted(row.status for row in read(workspace).rows.values()) == [FAILED, OK, OK]
    assert done.causes == {"not_found": 1}


def test_all_can_be_tried_again(workspace, server, listed):
    source = listed(server.address("/status/404/a.jpg"))
    download(workspace, source)

    download(workspace, source, tries_settled=True)

    assert server.asked["/status/404/a.jpg"] == 2


def test_a_second_run_asks_for_nothing_and_changes_nothing(workspace, server, listed):
    source = listed(*(server.address(f"/ok/{number}.jpg") for number in range(4)))
    download(workspace, source)
    before, asked = cells_of(workspace), server.asked.total()

    done = download(workspace, source)

    assert (cells_of(workspace), server.asked.total()) == (before, asked)
    assert done.lines() == ["ingested 0 photos, 4 unchanged"]


def test_a_slow_photo_holds_up_no_other(workspace, server, listed):
    urls = [server.address("/silent/slow.jpg"), *(server.address(f"/ok/{number}.jpg") for number in range(30))]

    done = download(workspace, listed(*urls))

    assert done.causes == {"timeout": 1}
    assert sum(row.status == OK for row in read(workspace).rows.values()) == 30


def test_nothing_that_was_fetched_is_left_beside_the_photos(workspace, server, listed):
    download(workspace, listed(server.address("/ok/a.jpg"), server.address("/drip/b.jpg", every=0.5)))

    assert not workspace.incoming.exists()


def test_without_leave_no_private_address_is_asked(workspace, server, listed):
    download(workspace, listed(server.address("/ok/a.jpg")), manners=Manners())

    [row] = read(workspace).rows.values()
    assert (row.cause, server.asked.total()) == ("private_address", 0)


def test_a_site_that_closes_itself_is_left_alone_unless_one_insists(workspace, server, listed):
    server.robots["127.0.0.1"] = "User-agent: *\nDisallow: /ok/"
    source = listed(server.address("/ok/a.jpg"))

    download(workspace, source)
    [closed] = read(workspace).rows.values()
    download(workspace, source, manners=QUICK.but(obeys_opt_out=False), tries_settled=True)

    assert closed.cause == "opted_out"
    assert [row.status for row in read(workspace).rows.values()] == [OK]


def test_a_list_that_is_not_there_leaves_no_workspace(workspace):
    with pytest.raises(SourceError):
        download(workspace, "nowhere.csv")

    assert not workspace.root.exists()


# Interruption


def begin(folder: Path, *words: str) -> subprocess.Popen:
    """A command that hears Ctrl-C, whether or not whoever started the tests does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([PROGRAM, *words], cwd=folder, text=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)


OPTIONS = ("--allow-private", "--per-host", "8", "--per-second", "0", "--keep-all")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_download_that_was_interrupted_ends_with_the_same_workspace(tmp_path, how):
    folders = tmp_path / "interrupted", tmp_path / "whole"
    with Server(latency_seconds=0.2) as server:
        urls = [server.address(f"/ok/{number}.jpg") for number in range(60)]
        for folder in folders:
            folder.mkdir()
            (folder / "addresses.txt").write_text("\n".join(urls))
        process = begin(folders[0], "download", "addresses.txt", *OPTIONS)
        while server.asked.total() < 25:
            time.sleep(0.01)
        process.send_signal(how)
        out, err = process.communicate(timeout=30)
        ended_with = process.returncode
        finished = typed(folders[0], "download", "addresses.txt", *OPTIONS)
        whole = typed(folders[1], "download", "addresses.txt", *OPTIONS)

    photos = {path: number for path, number in server.asked.items() if path.startswith("/ok/")}
    assert max(photos.values()) <= 3 and sum(photos.values()) <= 2 * len(urls) + 16, "fetched what was here"
    assert ended_with == (-how if how == signal.SIGKILL else 130), (out, err)
    assert (finished.returncode, whole.returncode) == (0, 0), finished.stderr
    assert cells_of(Workspace(root=folders[0])) == cells_of(Workspace(root=folders[1]))


# As a person types it


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "typed"
    folder.mkdir()
    return folder


def test_the_command_says_what_came_what_did_not_and_what_is_next(folder, server):
    urls = [server.address("/ok/a.jpg"), server.address("/status/404/b.jpg"), server.address("/ok/c.jpg")]
    (folder / "addresses.txt").write_text("\n".join(urls))

    done = typed(folder, "download", "addresses.txt", *OPTIONS)

    assert (done.returncode, done.stdout) == (0, "ingested 2 photos, 1 failed\n")
    assert (
        "not to be had: 1 not there any more (404, 410); the same command leaves them alone, --retry-all does not"
        in done.stderr
    )
    assert "next: gauganpipe label" in done.stderr


def test_a_dry_run_says_how_many_of_which_licences_and_fetches_nothing(folder, server):
    lines = [
        f"{server.address(f'/ok/{number}.jpg')},{license}" for number, license in enumerate(["cc0", "by 4.0", "cc0"])
    ]
    (folder / "addresses.csv").write_text("\n".join(["url,license", *lines]))

    done = typed(folder, "download", "addresses.csv", "--dry-run", *OPTIONS)

    assert done.stdout.splitlines()[:3] == [
        "would ingest 3 photos of 3 in addresses.csv",
        "2 of licence CC0-1.0",
        "1 of licence CC-BY-4.0",
    ]
    assert re.fullmatch(r"about 0\.\d MB in 3 files, judged by 3 of them", done.stdout.splitlines()[3])
    assert sorted(path.name for path in folder.iterdir()) == ["addresses.csv"]
    assert {request.method for request in server.requests if request.path != "/robots.txt"} == {"HEAD"}


def test_json_is_one_object(folder, server):
    (folder / "addresses.txt").write_text(server.address("/status/404/b.jpg"))

    done = typed(folder, "download", "addresses.txt", "--json", *OPTIONS)

    assert json.loads(done.stdout)["causes"] == {"not_found": 1}
    assert done.returncode == 3  # every photo failed


def test_inspect_counts_the_photos_by_licence(folder, server, tmp_path):
    lines = [
        f"{server.address(f'/ok/{number}.jpg')},{license}" for number, license in enumerate(["cc0", "by 4.0", "cc0"])
    ]
    (folder / "addresses.csv").write_text("\n".join(["url,license", *lines]))
    typed(folder, "download", "addresses.csv", *OPTIONS)

    done = typed(folder, "inspect")

    assert "licences            CC0-1.0 2, CC-BY-4.0 1" in done.stdout.splitlines()


def test_a_folder_of_ones_own_is_given_a_licence(folder, photo_of, tmp_path):
    from pipeline.images import write_picture

    write_picture(tmp_path / "mine" / "lake.png", photo_of(0))

    done = typed(folder, "download", str(tmp_path / "mine"), "--license", "CC-BY-SA-4.0", "--keep-all")

    [row] = Manifest(Workspace(root=folder)).rows.values()
    assert (done.returncode, row.license, row.redistributable) == (0, "CC-BY-SA-4.0", "yes")


def test_the_counts_by_licence_leave_out_what_failed(workspace, server, listed):
    download(workspace, listed(server.address("/ok/a.jpg"), server.address("/status/404/b.jpg")))

    assert report(read(workspace)).licenses == {"unknown": 1}


def test_a_disk_that_takes_no_file_stops_the_command_with_a_sentence_and_the_next_run_goes_on(
    workspace, server, listed
):
    source = listed(server.address("/ok/a.jpg"))
    workspace.incoming.parent.mkdir(parents=True)
    workspace.incoming.write_text("in the way")

    with pytest.raises(WorkspaceError, match="cannot write"):
        download(workspace, source)
    workspace.incoming.unlink()
    download(workspace, source)

    assert [row.status for row in read(workspace).rows.values()] == [OK]
