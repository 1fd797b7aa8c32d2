"""Workspace: where files are kept, how they are written, and who may write."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import WorkspaceError
from pipeline.workspace import Workspace, explained_disk_errors, hold, write_atomically

HOLDER = """
import sys
from pathlib import Path
from pipeline.workspace import hold
with hold(Path(sys.argv[1]), "the manifest"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A second process that holds the folder `manifests` until its stdin ends: `holder.py FOLDER --quiet`."""
    script = tmp_path / "holder.py"
    script.write_text(HOLDER)
    command = [sys.executable, str(script), str(tmp_path / "manifests"), "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("images", "data/images/9f/g9f00.jpg"),
        ("labels", "data/labels/9f/g9f00.png"),
        ("instances", "data/instances/9f/g9f00.png"),
        ("edges", "data/edges/9f/g9f00.png"),
    ],
)
def test_two_letters_of_the_id_fan_the_folders_out(workspace, kind, path):
    assert workspace.made(kind, "g9f00") == workspace.root / path


def test_a_path_is_told_relative_to_the_workspace_with_forward_slashes(workspace):
    assert workspace.relative(workspace.root / "data" / "images" / "a.jpg") == "data/images/a.jpg"


def test_a_link_to_itself_is_a_sentence(workspace):
    workspace.root.mkdir()
    (workspace.root / "loop").symlink_to("loop")

    with pytest.raises(WorkspaceError, match=r"^loop cannot be followed: "):
        workspace.resolve("loop")


def test_a_path_that_no_disk_takes_is_a_sentence(workspace):
    workspace.root.mkdir()

    with pytest.raises(WorkspaceError, match=r"^a{40}.* cannot be followed: File name too long"):
        workspace.resolve("a" * 3000)


def test_a_relative_path_comes_back_as_the_file(workspace):
    assert workspace.resolve("data/images/a.jpg") == workspace.root / "data" / "images" / "a.jpg"


@pytest.mark.parametrize("name", ["manifests/dataset.csv", "data/images/9f/new.jpg", "runs/../data/new.csv"])
def test_no_output_goes_where_the_workspace_keeps_its_own_files(workspace, name):
    with pytest.raises(WorkspaceError, match=r"where the workspace keeps its own files\. Name a file elsewhere"):
        workspace.writable_out(workspace.root / name, is_ours=lambda head: True)


def test_no_output_replaces_a_file_that_is_not_ours(workspace):
    write_atomically(workspace.root / "lake.jpg", b"photo")

    with pytest.raises(WorkspaceError, match=r"lake\.jpg is there and was not written by this command\. Name another"):
        workspace.writable_out(workspace.root / "lake.jpg", is_ours=lambda head: head.startswith(b"sheet"))


def test_an_output_goes_to_a_new_file_or_over_one_of_ours(workspace):
    out = workspace.root / "sheet.png"

    assert workspace.writable_out(out, is_ours=lambda head: False) == out
    write_atomically(out, b"sheet one")
    assert workspace.writable_out(out, is_ours=lambda head: head.startswith(b"sheet")) == out


def test_a_folder_is_no_place_for_an_output(workspace):
    with pytest.raises(WorkspaceError, match=r"is a folder\. Name a file in it"):
        workspace.writable_out(Path(), is_ours=lambda head: True)


def test_a_link_is_held_where_it_leads_to_a_file_of_the_workspace(workspace, tmp_path):
    path = workspace.made("labels", "g1234")
    write_atomically(workspace.root / "data" / "inside.png", b"map")
    write_atomically(tmp_path / "outside.png", b"map")
    path.parent.mkdir(parents=True)

    found = []
    for target in (workspace.root / "data" / "inside.png", tmp_path / "outside.png", path, tmp_path / "nothing.png"):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        found.append(workspace.holds("labels", "g1234"))

    assert found == [True, False, False, False]


def test_an_empty_file_is_not_held(workspace):
    write_atomically(workspace.made("labels", "g1234"), b"")

    assert not workspace.holds("labels", "g1234")


def test_a_folder_in_the_place_of_a_file_is_not_held(workspace):
    workspace.made("labels", "g1234").mkdir(parents=True)

    assert not workspace.holds("labels", "g1234")


def test_a_written_file_is_held(workspace):
    write_atomically(workspace.made("labels", "g1234"), b"map")

    assert workspace.holds("labels", "g1234")


@pytest.mark.parametrize("path", ["../secret.txt", "data/../../secret.txt"])
def test_a_path_that_leads_out_of_the_workspace_is_refused(workspace, path):
    with pytest.raises(WorkspaceError, match="leads out of the workspace"):
        workspace.resolve(path)


def test_a_link_that_leads_out_of_the_workspace_is_refused(workspace, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    workspace.root.mkdir()
    (workspace.root / "link").symlink_to(tmp_path / "secret.txt")

    with pytest.raises(WorkspaceError, match=r"^link leads out of the workspace"):
        workspace.resolve("link")


def test_a_workspace_may_be_the_folder_one_stands_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert Workspace(root=Path()).resolve("data/a.jpg").resolve() == tmp_path / "data" / "a.jpg"


def test_there_are_no_runs_before_the_first(workspace):
    assert workspace.run_folders() == []


def test_runs_are_the_numbered_folders_oldest_first(workspace):
    for name in ("0002-base", "0001-tiny", "notes", "0010-base"):
        (workspace.runs / name).mkdir(parents=True)
        (workspace.runs / name / "config.toml").touch()
    (workspace.runs / "0003.txt").write_text("")

    assert [folder.name for folder in workspace.run_folders()] == ["0001-tiny", "0002-base", "0010-base"]


def test_writing_makes_the_folders_on_the_way(tmp_path):
    write_atomically(tmp_path / "a" / "b" / "c.txt", b"text")

    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"text"


def test_writing_leaves_nothing_else_behind(tmp_path):
    write_atomically(tmp_path / "a.txt", b"text", durable=True)

    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_atomically(tmp_path / "a.txt", b"old")
    monkeypatch.setattr("os.fsync", _disk_is_full)

    with pytest.raises(OSError, match="No space"):
        write_atomically(tmp_path / "a.txt", b"new", durable=True)

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.txt", b"old")]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_sentence_with_the_way_out(number):
    with pytest.raises(WorkspaceError) as caught, explained_disk_errors():
        raise OSError(number, "No space left on device", "data/a.jpg")

    assert str(caught.value) == (
        "the disk is full at data/a.jpg. Free some space and run the same command again: it goes on where it stopped"
    )


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_place_where_nothing_may_be_written_is_a_sentence(number):
    with pytest.raises(WorkspaceError) as caught, explained_disk_errors():
        raise OSError(number, "Not allowed", "data")

    assert str(caught.value) == "cannot write at data: Not allowed. Choose another folder with -C"


def test_other_errors_of_the_system_stay_as_they_are():
    with pytest.raises(OSError, match="Invalid") as caught, explained_disk_errors():
        raise OSError(errno.EINVAL, "Invalid argument")

    assert not isinstance(caught.value, WorkspaceError)


def test_a_file_in_the_place_of_a_folder_is_a_sentence(tmp_path):
    (tmp_path / "manifests").write_text("")

    with pytest.raises(WorkspaceError, match=r"^cannot write at .*manifests"), hold(tmp_path / "manifests", "it"):
        pass


def test_a_file_in_the_place_of_a_folder_above_is_a_sentence(tmp_path):
    (tmp_path / "manifests").write_text("")

    with pytest.raises(WorkspaceError, match=r"^cannot write at .*manifests"), hold(tmp_path / "manifests" / "a", "it"):
        pass


def test_who_holds_a_folder_is_told_by_process_and_command(holder, tmp_path):
    said = f"^the manifest is being written by process {holder.pid} .holder.py {tmp_path / 'manifests'} --quiet.. Wait"

    with pytest.raises(WorkspaceError, match=said), hold(tmp_path / "manifests", "the manifest"):
        pass


def test_a_folder_is_free_after_its_holder_is_killed(holder, tmp_path):
    holder.kill()
    holder.wait()

    with hold(tmp_path / "manifests", "the manifest"):
        pass


def test_a_folder_is_free_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), hold(tmp_path, "it"):
        raise ZeroDivisionError

    with hold(tmp_path, "it"):
        pass


def test_a_holder_that_has_not_said_its_name_is_another_process(tmp_path):
    with hold(tmp_path, "the folder"):
        (tmp_path / ".holder.json").unlink()

        with pytest.raises(WorkspaceError, match="being written by another process"), hold(tmp_path, "the folder"):
            pass


def _disk_is_full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_no_workspace(tmp_path):
    (tmp_path / "lake.jpg").touch()

    with pytest.raises(WorkspaceError, match=r"lake\.jpg is a file\. Name a folder with -C"):
        Workspace(root=tmp_path / "lake.jpg")
