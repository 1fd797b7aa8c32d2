"""Which files are there: the same as asking for each of them."""

from pipeline.presence import ASTRAY, GONE, find_missing, why_missing
from pipeline.workspace import write_atomically


def test_those_that_are_not_there_are_named_in_their_order(workspace):
    for name in ("data/images/0a/ga.jpg", "data/images/0b/gb.jpg", "photo.jpg"):
        write_atomically(workspace.root / name, b"")

    names = ["data/images/zz/gz.jpg", "data/images/0a/ga.jpg", "photo.jpg", "data/images/0a/gc.jpg"]

    assert find_missing(workspace, names) == [names[0], names[3]]


def test_a_folder_is_no_file(workspace):
    (workspace.root / "data" / "ga.jpg").mkdir(parents=True)

    assert find_missing(workspace, ["data/ga.jpg", "data/ga.jpg/x"]) == ["data/ga.jpg", "data/ga.jpg/x"]


def test_a_link_counts_where_it_leads_to_a_file(workspace):
    write_atomically(workspace.root / "data" / "ga.jpg", b"")
    (workspace.root / "data" / "gb.jpg").symlink_to("ga.jpg")
    (workspace.root / "data" / "gc.jpg").symlink_to("nothing.jpg")

    assert find_missing(workspace, ["data/gb.jpg", "data/gc.jpg"]) == ["data/gc.jpg"]


def test_a_link_out_of_the_workspace_leads_astray_and_the_other_files_are_there(workspace, tmp_path):
    (tmp_path / "secret").write_bytes(b"")
    write_atomically(workspace.root / "data" / "ga.jpg", b"")
    (workspace.root / "data" / "gb.jpg").symlink_to(tmp_path / "secret")

    names = ["data/ga.jpg", "data/gb.jpg", "data/gc.jpg"]

    assert why_missing(workspace, names) == {"data/gb.jpg": ASTRAY, "data/gc.jpg": GONE}


def test_a_folder_out_of_the_workspace_leads_astray(workspace, tmp_path):
    write_atomically(tmp_path / "elsewhere" / "ga.jpg", b"")
    workspace.root.mkdir()
    (workspace.root / "mine").symlink_to(tmp_path / "elsewhere")

    assert why_missing(workspace, ["mine/ga.jpg"]) == {"mine/ga.jpg": ASTRAY}


def test_paths_that_no_disk_takes_and_links_to_themselves_lead_astray(workspace):
    (workspace.root / "data").mkdir(parents=True)
    (workspace.root / "data" / "loop").symlink_to("loop")
    long = [f"data/{200 * 'ü'}.jpg", f"{300 * 'a'}/ga.jpg", f"{3000 * 'a/'}ga.jpg", "data/loop", "data/loop/ga.jpg"]

    assert why_missing(workspace, long) == dict.fromkeys(long, ASTRAY)


def test_the_folders_that_we_make_may_lie_on_another_disk(workspace, tmp_path):
    write_atomically(tmp_path / "disk" / "ga.jpg", b"")
    workspace.root.mkdir()
    (workspace.root / "data").symlink_to(tmp_path / "disk")

    assert find_missing(workspace, ["data/ga.jpg", "data/gb.jpg"]) == ["data/gb.jpg"]
