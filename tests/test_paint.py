"""`generate`: what is painted, how files are called, that the same comes out the same, and what is refused."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gaugan import checkpoint
from gaugan import generate as generating
from pipeline import flow, images, paint
from pipeline.classes import load_taxonomy
from pipeline.console import Console
from pipeline.errors import GauganpipeError, PhotoError, RunError, WorkspaceError
from pipeline.manifest import read
from pipeline.paint import Painting
from pipeline.painting.painters import open_painter
from pipeline.segmenters.weights import sha256_of
from pipeline.workspace import Workspace, hold
from tests.untrained import STYLED, make_run

QUIET = Console(quiet=True)
SKY, SEA = 0, 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Six labelled landscapes, and two runs: 0001-small without styles, 0002-small with."""
    workspace = Workspace(root=tmp_path_factory.mktemp("place"))
    flow.label(workspace, "drawn:6", flow.Asked(), workers=0, console=QUIET)
    make_run(workspace)
    make_run(workspace, *STYLED, edges=True)
    return workspace


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A map of a sea below a sky, 50 x 40 px."""
    ids = np.full((40, 50), SKY, np.uint8)
    ids[20:, 10:] = SEA
    path = tmp_path / "maps" / "lake.png"
    path.parent.mkdir()
    path.write_bytes(images.encode_grey(ids))
    return path


@pytest.fixture
def asked(lake: Path, tmp_path: Path) -> Painting:
    return Painting(maps=(lake,), out=tmp_path / "out")


def photo(path: Path, seed: int = 0) -> Path:
    images.write_picture(path, np.random.default_rng(seed).integers(0, 256, (30, 60, 3), dtype=np.uint8))
    return path


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path)).astype(int)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# What is painted


def test_the_rows_of_a_split_are_painted_at_the_size_of_their_photos(place: Workspace, tmp_path: Path) -> None:
    done = paint.generate(place, Painting(split="train", out=tmp_path), console=QUIET)

    rows = [row for row in read(place).rows.values() if row.split == "train"]
    assert [path.stem for path in done.pictures] == sorted(row.id for row in rows)
    assert all(pixels(tmp_path / f"{row.id}.png").shape == (row.height, row.width, 3) for row in rows)


def test_a_row_is_named_by_its_id_the_beginning_of_it_or_its_photo(place: Workspace, tmp_path: Path) -> None:
    row = min(read(place).rows.values(), key=lambda row: row.id)

    for said in (row.id, row.id[:9], row.original_name):
        done = paint.generate(place, Painting(maps=(Path(said),), out=tmp_path), console=QUIET)
        assert done.pictures == [tmp_path / f"{row.id}.png"]


def test_ids_and_colours_of_one_map_paint_one_picture(place: Workspace, asked: Painting, lake: Path) -> None:
    ids, palette = images.read_labels(lake), load_taxonomy().palette
    shown = images.colourise(ids, palette)
    lake.with_name("indexed.png").write_bytes(images.encode_labels(ids, palette))
    images.write_picture(lake.with_name("painted.png"), shown)
    Image.fromarray(shown).quantize(8).save(lake.with_name("few.png"))

    done = paint.generate(place, replace(asked, maps=(lake.parent,)), console=QUIET)

    assert [path.name for path in done.pictures] == ["few.png", "indexed.png", "lake.png", "painted.png"]
    assert all(np.abs(pixels(path) - pixels(done.pictures[2])).max() <= 1 for path in done.pictures)


def test_files_folders_and_rows_are_painted_together_in_their_order(
    place: Workspace, asked: Painting, lake: Path, tmp_path: Path
) -> None:
    row = max(read(place).rows)
    other = tmp_path / "one.png"
    other.write_bytes(images.encode_grey(np.full((1, 1), SEA, np.uint8)))

    done = paint.generate(place, replace(asked, maps=(Path(row), other, lake.parent)), console=QUIET)

    assert [path.stem for path in done.pictures] == [row, "one", "lake"]
    assert pixels(done.pictures[1]).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("size", "expected"), [("64", (51, 64)), ("32x48", (48, 32)), ("7", (6, 7)), ("33X1", (1, 33))]
)
def test_a_picture_is_as_large_as_asked(
    size: str, expected: tuple[int, int], place: Workspace, asked: Painting
) -> None:
    done = paint.generate(place, replace(asked, size=size), console=QUIET)

    assert pixels(done.pictures[0]).shape == (*expected, 3)


def test_what_a_size_does_is_said(place: Workspace, asked: Painting, capsys: pytest.CaptureFixture[str]) -> None:
    paint.generate(place, replace(asked, size="50x40"), console=Console())

    said = capsys.readouterr().err
    assert "was trained at 32x32 px: at 50x40 its details stay as small" in said
    assert "50x40 px is painted as 64x64 and cut: 0002-small takes multiples of 32" in said


def test_of_a_size_as_in_training_nothing_is_said(
    place: Workspace, asked: Painting, capsys: pytest.CaptureFixture[str]
) -> None:
    paint.generate(place, replace(asked, size="32x32"), console=Console())

    assert capsys.readouterr().err == "generate: 1 picture\n"


def test_instances_make_a_difference_to_a_run_with_edges(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    ids = np.arange(2000, dtype=np.uint16).reshape(40, 50)
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "lake.png").write_bytes(images.encode_instances(ids))

    without = pixels(paint.generate(place, asked, console=QUIET).pictures[0])
    given = paint.generate(place, replace(asked, instances=tmp_path / "instances"), console=QUIET)

    assert given.painted == 1
    assert not np.array_equal(pixels(given.pictures[0]), without)


# Styles


def test_styles_are_called_after_their_seeds(place: Workspace, asked: Painting) -> None:
    done = paint.generate(place, replace(asked, styles=3, seed=4), console=QUIET)

    assert [path.name for path in done.pictures] == ["lake-4.png", "lake-5.png", "lake-6.png"]
    assert len({path.read_bytes() for path in done.pictures}) == 3


def test_the_style_of_a_photo_is_called_after_it(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    done = paint.generate(place, replace(asked, style_photo=photo(tmp_path / "dusk.png")), console=QUIET)

    assert [path.name for path in done.pictures] == ["lake-dusk.png"]


def test_an_interpolation_is_a_strip_and_an_animation_there_and_back(place: Workspace, asked: Painting) -> None:
    done = paint.generate(place, replace(asked, interpolate=("3", "7"), steps=5), console=QUIET)

    strip, animation = done.pictures
    assert (strip.name, animation.name) == ("lake-3-to-7.png", "lake-3-to-7.gif")
    assert pixels(strip).shape == (40, 5 * 50, 3)
    with Image.open(animation) as gif:
        assert (gif.size, gif.n_frames, gif.info["loop"]) == ((50, 40), 8, 0)


def test_an_interpolation_begins_and_ends_with_its_two_styles(
    place: Workspace, asked: Painting, tmp_path: Path
) -> None:
    dusk = photo(tmp_path / "dusk.png")
    ends = [
        pixels(paint.generate(place, one, console=QUIET).pictures[0])
        for one in (replace(asked, seed=3), replace(asked, style_photo=dusk))
    ]

    done = paint.generate(place, replace(asked, interpolate=("3", str(dusk))), console=QUIET)

    strip = pixels(done.pictures[0])
    assert done.pictures[0].name == "lake-3-to-dusk.png"
    assert np.abs(strip[:, :50] - ends[0]).max() <= 1
    assert np.abs(strip[:, -50:] - ends[1]).max() <= 1


def test_a_strip_shows_twelve_pictures_at_most_and_both_ends(place: Workspace, asked: Painting) -> None:
    done = paint.generate(place, replace(asked, size="8x8", interpolate=("1", "2"), steps=30), console=QUIET)

    assert pixels(done.pictures[0]).shape == (8, 12 * 8, 3)
    with Image.open(done.pictures[1]) as gif:
        assert sum(frame.info["duration"] for frame in ImageSequence.Iterator(gif)) == 2 * 600 + 56 * 120


def test_an_animation_that_no_memory_holds_is_a_sentence_before_anything_is_painted(
    place: Workspace, asked: Painting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaugan.memory.free_bytes", lambda device: 10**9)
    asked = replace(asked, interpolate=("1", "2"), steps=1000, size="1024x1024")

    with pytest.raises(RunError, match=r"1,000 pictures of 1024x1024 px takes about 12\.6 GB .*fewer with --steps"):
        paint.generate(place, asked, console=QUIET)
    assert not asked.out.exists()


def test_an_animation_is_written_before_the_next_one_is_begun(
    place: Workspace, asked: Painting, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for side in (8, 16):
        lake.with_name(f"{side}.png").write_bytes(images.encode_grey(np.full((side, side), SEA, np.uint8)))
    kept: list[int] = []
    write, wanted = paint._write, []
    look = paint.look
    monkeypatch.setattr(paint, "look", lambda *given: wanted.extend(look(*given)) or wanted)
    monkeypatch.setattr(paint, "_write", lambda one: kept.append(sum(len(w.done) for w in wanted)) or write(one))

    paint.generate(place, replace(asked, maps=(lake.parent,), interpolate=("1", "2"), steps=5, batch=3), console=QUIET)

    assert kept == [5, 5, 5]


# The same comes out the same


def test_pictures_do_not_depend_on_how_many_are_painted_at_once(place: Workspace, lake: Path, tmp_path: Path) -> None:
    for number, side in enumerate((20, 33, 40, 20, 33)):
        ids = np.random.default_rng(number).integers(0, 5, (side, side), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
        (lake.parent / f"{number}.png").write_bytes(images.encode_grey(ids))
    asked = Painting(maps=(lake.parent,), styles=2, seed=1)

    one, *others = (
        paint.generate(place, replace(asked, batch=batch, out=tmp_path / str(batch)), console=QUIET).pictures
        for batch in (1, 3, 16)
    )

    for pictures in others:
        assert [path.name for path in pictures] == [path.name for path in one]
        assert max(np.abs(pixels(a) - pixels(b)).max() for a, b in zip(one, pictures, strict=True)) <= 1


def test_a_second_run_is_idle_whatever_the_batch(place: Workspace, asked: Painting) -> None:
    asked = replace(asked, styles=3, batch=1)
    first = paint.generate(place, asked, console=QUIET)
    before = everything_in(asked.out)

    again = paint.generate(place, replace(asked, batch=16), console=QUIET)

    assert (first.painted, again.painted, again.unchanged) == (3, 0, 3)
    assert again.pictures == first.pictures
    assert everything_in(asked.out) == before


def test_a_second_interpolation_is_idle_until_one_of_its_files_is_gone(place: Workspace, asked: Painting) -> None:
    asked = replace(asked, interpolate=("1", "2"), steps=3)
    done = paint.generate(place, asked, console=QUIET)

    again = paint.generate(place, asked, console=QUIET)
    done.pictures[1].unlink()

    assert again.painted == 0
    assert paint.generate(place, asked, console=QUIET).painted == 3


@pytest.mark.parametrize("change", [{"size": "32"}, {"precision": "bf16"}, {"run": Path("0001-small")}])
def test_what_changes_a_picture_paints_it_again(change: dict, place: Workspace, asked: Painting) -> None:
    paint.generate(place, asked, console=QUIET)

    assert paint.generate(place, replace(asked, **change), console=QUIET).painted == 1


def test_a_changed_map_is_painted_again(place: Workspace, asked: Painting, lake: Path) -> None:
    paint.generate(place, asked, console=QUIET)
    lake.write_bytes(images.encode_grey(np.full((40, 50), SEA, np.uint8)))

    assert paint.generate(place, asked, console=QUIET).painted == 1


def test_seeds_that_make_no_difference_paint_nothing_again(place: Workspace, asked: Painting) -> None:
    asked = replace(asked, run=Path("0001-small"), seed=7)
    paint.generate(place, asked, console=QUIET)

    assert paint.generate(place, asked, console=QUIET).painted == 0


def test_a_plan_names_what_is_missing_and_writes_nothing(place: Workspace, asked: Painting) -> None:
    paint.generate(place, replace(asked, styles=2), console=QUIET)
    before = everything_in(asked.out)

    lines = paint.plan(place, replace(asked, styles=3))

    assert lines == [f"would paint {asked.out / 'lake-2.png'}", "would leave 2 files that would come out the same"]
    assert everything_in(asked.out) == before


# What is refused


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"size": "large"}, "--size is 'large', expected the longer side as in 512, or width and height as in 512x384"),
        ({"size": "0x5"}, "of 1 to 16384 pixels"),
        ({"split": "vall", "maps": ()}, "there is no split 'vall'. Take one of train, val, test"),
        (
            {"maps": (Path("gone.png"),)},
            "there is no file or folder gone.png, and there is no row 'gone.png'. Say an id",
        ),
        ({"maps": (Path("lakee"),)}, "there is no file or folder lakee, and there is no row 'lakee'. Say an id"),
        ({"style_photo": Path("gone.jpg")}, "there is no photo gone.jpg to take a style from"),
        ({"style_photo": Path("gone.jpg"), "styles": 2}, "a photo gives one style. Leave out --seed and --styles"),
        ({"interpolate": ("1", "gone.jpg")}, "there is no photo gone.jpg to take a style from"),
        ({"interpolate": ("1", "2"), "seed": 4}, "--interpolate names its two styles itself"),
        ({"steps": 5}, "Name the two with --interpolate"),
        ({"run": Path("0001-small"), "styles": 2}, "has no style encoder, so all styles would be the same. Leave out"),
        ({"run": Path("0001-small"), "interpolate": ("1", "2")}, "Leave out --interpolate"),
        ({"run": Path("runs/none")}, "there is no run at runs/none. The runs are in"),
        ({"instances": Path("nowhere")}, "there is no folder nowhere of instance maps"),
    ],
)
def test_what_cannot_be_is_a_sentence(change: dict, sentence: str, place: Workspace, asked: Painting) -> None:
    with pytest.raises(RunError, match=re.escape(sentence)):
        paint.generate(place, replace(asked, **change), console=QUIET)

    assert not asked.out.exists()


def test_a_style_photo_without_style_encoder_is_refused(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    asked = replace(asked, run=Path("0001-small"), style_photo=photo(tmp_path / "dusk.png"))

    with pytest.raises(RunError, match="this run has no style encoder, so it takes no style photo"):
        paint.generate(place, asked, console=QUIET)


def test_a_broken_style_photo_is_named(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    dusk = photo(tmp_path / "dusk.png")
    dusk.write_bytes(dusk.read_bytes()[:200])

    with pytest.raises(PhotoError, match=r"dusk\.png is "):
        paint.generate(place, replace(asked, style_photo=dusk), console=QUIET)


def test_an_unknown_id_is_named_with_its_place_before_anything_is_painted(
    place: Workspace, asked: Painting, lake: Path
) -> None:
    ids = images.read_labels(lake)
    ids[7, 3] = 20
    lake.with_name("wrong.png").write_bytes(images.encode_grey(ids))

    with pytest.raises(
        PhotoError, match=r"wrong\.png has the id 20 at x=3, y=7\. The classes of landscape are 0\.\.19"
    ):
        paint.generate(place, replace(asked, maps=(lake.parent,)), console=QUIET)
    assert not asked.out.exists()


def test_a_colour_of_no_class_is_named_with_its_place(place: Workspace, asked: Painting, lake: Path) -> None:
    shown = images.colourise(images.read_labels(lake), load_taxonomy().palette)
    shown[7, 3] = 1, 2, 3
    images.write_picture(lake, shown)

    with pytest.raises(PhotoError, match=r"lake\.png is painted with #010203, the first at x=3, y=7, which landscape"):
        paint.generate(place, asked, console=QUIET)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_file_that_is_no_map_is_named(data: bytes, place: Workspace, asked: Painting, lake: Path) -> None:
    lake.write_bytes(data)

    with pytest.raises(PhotoError, match=r"lake\.png is no PNG"):
        paint.generate(place, asked, console=QUIET)


def test_a_map_that_is_cut_off_is_named(place: Workspace, asked: Painting, lake: Path) -> None:
    lake.write_bytes(lake.read_bytes()[:-60])

    with pytest.raises(PhotoError, match=r"lake\.png is cut off or damaged"):
        paint.generate(place, asked, console=QUIET)


def test_unknown_pixels_for_a_run_that_knows_none_are_refused_by_name(
    asked: Painting, lake: Path, tmp_path: Path
) -> None:
    workspace = Workspace(root=tmp_path / "place")
    make_run(workspace, unknown=False)
    lake.write_bytes(images.encode_grey(np.full((5, 5), 255, np.uint8)))

    with pytest.raises(
        RunError, match=r"lake\.png: the label map has unknown pixels, which this run was trained without"
    ):
        paint.generate(workspace, asked, console=QUIET)


def test_instances_of_another_size_are_refused_by_name(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances" / "lake.png").write_bytes(images.encode_grey(np.zeros((3, 3), np.uint8)))

    with pytest.raises(RunError, match=r"lake\.png: the instance map is 3x3, its label map 50x40"):
        paint.generate(place, replace(asked, instances=tmp_path / "instances"), console=QUIET)


def test_a_picture_that_no_memory_holds_is_a_sentence(
    place: Workspace, asked: Painting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaugan.generate.free_bytes", lambda device: 10**9)

    with pytest.raises(
        RunError, match=r"the memory does not suffice for a picture of 4096x4096 px: .*\. Paint a smaller"
    ):
        paint.generate(place, replace(asked, size="4096x4096"), console=QUIET)


def test_maps_of_one_name_are_refused(place: Workspace, asked: Painting, lake: Path, tmp_path: Path) -> None:
    shutil.copy(lake, tmp_path)

    with pytest.raises(RunError, match=r"two label maps are called lake\.png"):
        paint.generate(place, replace(asked, maps=(lake, tmp_path / "lake.png")), console=QUIET)


def test_a_picture_never_takes_the_place_of_its_map(place: Workspace, asked: Painting, lake: Path) -> None:
    before = lake.read_bytes()

    with pytest.raises(RunError, match=r"lake\.png would take the place of a label map"):
        paint.generate(place, replace(asked, out=lake.parent), console=QUIET)
    assert lake.read_bytes() == before


def test_a_picture_never_takes_the_place_of_an_instance_map(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    instances = tmp_path / "instances"
    instances.mkdir()
    (instances / "lake.png").write_bytes(images.encode_instances(np.zeros((40, 50), np.uint16)))
    before = everything_in(instances)

    with pytest.raises(RunError, match=r"lake\.png would take the place of an instance map"):
        paint.generate(place, replace(asked, instances=instances, out=instances), console=QUIET)
    assert everything_in(instances) == before


def test_a_picture_never_takes_the_place_of_a_file_that_generate_did_not_paint(
    place: Workspace, asked: Painting
) -> None:
    paint.generate(place, replace(asked, styles=2), console=QUIET)
    theirs = photo(asked.out / "lake-2.png").read_bytes()

    with pytest.raises(RunError, match=r"lake-2\.png is there, and generate did not paint it\. Take it away"):
        paint.generate(place, replace(asked, styles=3), console=QUIET)
    with pytest.raises(RunError, match="generate did not paint it"):
        paint.plan(place, replace(asked, styles=3))
    assert (asked.out / "lake-2.png").read_bytes() == theirs


def test_what_was_interrupted_between_a_picture_and_its_line_goes_on(
    place: Workspace, asked: Painting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("pipeline.painting.made.MadePictures.add", interrupt)
        paint.generate(place, asked, console=QUIET)

    assert (asked.out / "lake.png").exists()
    assert paint.generate(place, asked, console=QUIET).painted == 1


def test_while_another_paints_in_the_folder_nothing_is_written_there(place: Workspace, asked: Painting) -> None:
    with hold(asked.out, "the folder"):
        before = everything_in(asked.out)
        with pytest.raises(WorkspaceError, match=r"the folder .*out is being written by process"):
            paint.generate(place, asked, console=QUIET)
        assert everything_in(asked.out) == before


def test_what_another_has_painted_meanwhile_is_not_taken_for_ours(
    place: Workspace, asked: Painting, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = paint.look

    def look_while_another_paints(*given: object) -> list:
        monkeypatch.setattr(paint, "look", look)
        paint.generate(place, replace(asked, run=Path("0001-small")), console=QUIET)
        return look(*given)

    monkeypatch.setattr(paint, "look", look_while_another_paints)
    ours = paint.generate(place, asked, console=QUIET)

    assert ours.painted == 1
    assert paint.generate(place, asked, console=QUIET).painted == 0


def test_what_paints_is_what_the_key_speaks_of_though_the_run_trains_on(
    asked: Painting, alone: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(alone, *STYLED)
    load, seen = generating.load_painter, []

    def load_while_it_trains(folder: Path, **named: object) -> object:
        painter = load(folder, **named)
        newest = checkpoint.latest(folder)
        shutil.copytree(newest, newest.with_name(f"{len(seen) + 100:09d}"))
        (newest.with_name(f"{len(seen) + 100:09d}") / checkpoint.AVERAGED).write_bytes(b"other weights")
        seen.append(named["checkpoint"])
        return painter

    monkeypatch.setattr(generating, "load_painter", load_while_it_trains)
    _, weights = open_painter(run)

    assert weights == sha256_of(seen[0] / checkpoint.AVERAGED)


def test_a_folder_without_maps_is_named(place: Workspace, asked: Painting, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(RunError, match=r"no PNG file in .*empty"):
        paint.generate(place, replace(asked, maps=(tmp_path / "empty",)), console=QUIET)


# Runs that cannot paint


@pytest.fixture
def alone(tmp_path: Path) -> Workspace:
    return Workspace(root=tmp_path / "alone")


def test_a_run_without_checkpoint_is_a_sentence(alone: Workspace, asked: Painting) -> None:
    run = make_run(alone)
    shutil.rmtree(run / "checkpoints")

    with pytest.raises(RunError, match="0001-small has no checkpoint yet"):
        paint.generate(alone, replace(asked, run=run), console=QUIET)
    with pytest.raises(RunError, match=r"there is no run in .* to paint with\. Train one: gauganpipe train"):
        paint.generate(alone, asked, console=QUIET)


@pytest.mark.parametrize("damage", [lambda file: file.write_bytes(file.read_bytes()[:5000]), Path.unlink])
def test_a_checkpoint_that_is_half_there_is_a_sentence(damage, alone: Workspace, asked: Painting) -> None:
    run = make_run(alone)
    damage(checkpoint.latest(run) / checkpoint.AVERAGED)

    with pytest.raises(RunError, match=r"averaged\.safetensors cannot be read: "):
        paint.generate(alone, asked, console=QUIET)


def test_a_run_of_another_taxonomy_does_not_paint_the_rows(place: Workspace, tmp_path: Path) -> None:
    other = make_run(Workspace(root=tmp_path / "other"), taxonomy=load_taxonomy("gaugan12"))
    row = Path(min(read(place).rows))

    for maps in ((), (row,)):
        with pytest.raises(RunError, match="paints the classes gaugan12, and the label maps of this workspace are of"):
            paint.generate(place, Painting(run=other, maps=maps, split="train", out=tmp_path), console=QUIET)


def test_a_run_of_another_taxonomy_reads_its_own_colours(asked: Painting, alone: Workspace, lake: Path) -> None:
    theirs = load_taxonomy("gaugan12")
    make_run(alone, taxonomy=theirs)
    images.write_picture(lake, images.colourise(np.full((20, 20), 11, np.uint8), theirs.palette))

    assert paint.generate(alone, asked, console=QUIET).painted == 1


def test_a_manifest_of_another_run_is_noticed(alone: Workspace, asked: Painting) -> None:
    make_run(alone, classes=7)

    with pytest.raises(
        RunError, match=r"paints 7 classes, and its manifests/dataset\.json names 20: it is another run's"
    ):
        paint.generate(alone, asked, console=QUIET)


def test_a_damaged_dataset_json_is_a_sentence(alone: Workspace, asked: Painting) -> None:
    run = make_run(alone)
    (run / "manifests" / "dataset.json").write_text("{")

    with pytest.raises(GauganpipeError, match=r"dataset\.json cannot be read"):
        paint.generate(alone, asked, console=QUIET)


def test_a_run_that_was_copied_without_its_manifest_speaks_the_classes_of_the_workspace(
    place: Workspace, asked: Painting, tmp_path: Path
) -> None:
    shutil.copytree(place.runs / "0001-small", tmp_path / "copied", ignore=shutil.ignore_patterns("manifests"))

    assert paint.generate(place, replace(asked, run=tmp_path / "copied"), console=QUIET).painted == 1


def test_where_there_is_no_manifest_no_row_is_looked_for(alone: Workspace, asked: Painting) -> None:
    make_run(alone)

    with pytest.raises(RunError, match=r"there is no file or folder gone\. Name one that is there"):
        paint.generate(alone, replace(asked, maps=(Path("gone"),)), console=QUIET)
