"""The list of the pictures that were made: what it knows again, and what a crash costs."""

from pathlib import Path

from pipeline.painting.made import MadePictures


def make(folder: Path, *names: str, key: str = "k") -> tuple[Path, ...]:
    """Files of these names, written down."""
    files = tuple(folder / name for name in names)
    with MadePictures(folder) as made:
        for file in files:
            file.write_bytes(b"picture")
        made.add(files, key)
    return files


def test_what_was_made_is_known_again(tmp_path: Path) -> None:
    files = make(tmp_path, "a.png", "b.gif")

    assert MadePictures(tmp_path).are_there(files, "k")


def test_another_key_is_not_known(tmp_path: Path) -> None:
    files = make(tmp_path, "a.png")

    assert not MadePictures(tmp_path).are_there(files, "other")


def test_the_last_line_of_a_name_counts(tmp_path: Path) -> None:
    make(tmp_path, "a.png", key="old")
    files = make(tmp_path, "a.png", key="new")

    made = MadePictures(tmp_path)
    assert made.are_there(files, "new") and not made.are_there(files, "old")


def test_a_file_that_is_gone_is_not_there(tmp_path: Path) -> None:
    files = make(tmp_path, "a.png", "b.png")
    files[1].unlink()

    assert not MadePictures(tmp_path).are_there(files, "k")


def test_a_file_that_was_cut_off_is_not_there(tmp_path: Path) -> None:
    files = make(tmp_path, "a.png")
    files[0].write_bytes(b"pic")

    assert not MadePictures(tmp_path).are_there(files, "k")


def test_a_file_that_was_claimed_is_ours_and_not_yet_there(tmp_path: Path) -> None:
    files = tmp_path / "a.png", tmp_path / "b.png"
    with MadePictures(tmp_path) as made:
        made.claim(files[:1])
    for file in files:
        file.write_bytes(b"picture")

    made = MadePictures(tmp_path)
    assert [made.is_free(file) for file in files] == [True, False]
    assert not made.are_there(files[:1], "k")


def test_looking_writes_nothing(tmp_path: Path) -> None:
    with MadePictures(tmp_path) as made:
        made.are_there((tmp_path / "a.png",), "k")

    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_torn_costs_its_picture_alone(tmp_path: Path) -> None:
    first, second = make(tmp_path, "a.png"), make(tmp_path, "b.png")
    listed = tmp_path / "pictures.jsonl"
    listed.write_bytes(listed.read_bytes()[:-5])

    made = MadePictures(tmp_path)
    make(tmp_path, "c.png")

    assert made.are_there(first, "k") and not made.are_there(second, "k")
    assert listed.read_bytes().count(b"\n") == 2


def test_lines_that_say_nothing_are_passed_over(tmp_path: Path) -> None:
    files = make(tmp_path, "a.png")
    listed = tmp_path / "pictures.jsonl"
    listed.write_bytes(b"\xff\xfe\n5\n{}\n[1]\n" + listed.read_bytes())

    assert MadePictures(tmp_path).are_there(files, "k")
