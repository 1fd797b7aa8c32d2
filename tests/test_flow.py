"""The whole flow on drawn landscapes and real photos, and every artefact it leaves."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import flow, images, paint, runs
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.console import Console
from pipeline.manifest import Manifest, read, rows_of_splits
from pipeline.workspace import Workspace

SHARED = Path(__file__).parents[2] / "shared" / "data"
WEIGHTS = SHARED / "weights" / "deeplabv3plus_mobilenetv2_ade20k.pth"
QUIET = Console(quiet=True)
SMALL = (
    *("images=16", "batch_size=8", "sample_every_images=8"),
    *("model.width=4", "discriminator_width=4", "data.workers=0"),
)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that the flow has gone through: 12 drawn landscapes and, where they are at hand, 6 real photos."""
    workspace = Workspace(root=tmp_path_factory.mktemp("done"))
    asked = flow.Asked(keep_all=True)
    if WEIGHTS.exists():
        photos = tmp_path_factory.mktemp("photos")
        for path in sorted((SHARED / "pixabay_landscapes").glob("*.jpg"))[::36][:6]:
            shutil.copy(path, photos)
        asked = flow.Asked(segmenter=f"torch:{WEIGHTS}", keep_all=True)
        flow.label(workspace, str(photos), asked, workers=2, console=QUIET)
    training = runs.Training(preset="tiny", assignments=SMALL)
    flow.run(workspace, "drawn:12", asked, training, workers=2, console=QUIET, on_done=lambda done: None)
    return workspace


def test_every_row_is_done(done: Workspace) -> None:
    rows = read(done).rows.values()

    assert len(rows) == (18 if WEIGHTS.exists() else 12)
    assert {row.status for row in rows} == {"ok"}
    assert {row.source for row in rows} == ({"drawn", "folder"} if WEIGHTS.exists() else {"drawn"})


def test_photo_label_map_instance_map_and_edge_map_have_one_size(done: Workspace) -> None:
    for row in read(done).rows.values():
        files = (row.file_name, row.label_file_name, row.instance_file_name, row.edge_file_name)
        sizes = {_size(done.resolve(name)) for name in files}

        assert sizes == {(row.width, row.height)}


def test_label_ids_are_in_the_taxonomy(done: Workspace) -> None:
    known = {*range(len(load_taxonomy())), UNKNOWN}

    for row in read(done).rows.values():
        assert set(np.unique(images.read_labels(done.resolve(row.label_file_name)))) <= known


def test_the_shares_of_a_row_are_those_of_its_label_map(done: Workspace) -> None:
    names = load_taxonomy().names

    for row in read(done).rows.values():
        ids = images.read_labels(done.resolve(row.label_file_name))
        for name, share in row.shares.items():
            assert share == pytest.approx((ids == names.index(name)).mean(), abs=1e-6)
        assert sum(row.shares.values()) + row.label_unknown == pytest.approx(1, abs=1e-4)


def test_edges_stand_where_two_instances_meet(done: Workspace) -> None:
    for row in read(done).rows.values():
        ids = images.read_instances(done.resolve(row.instance_file_name)).astype(int)
        edges = images.read_edges(done.resolve(row.edge_file_name)) > 0
        expected = np.zeros_like(edges)
        expected[1:] |= ids[1:] != ids[:-1]
        expected[:-1] |= ids[1:] != ids[:-1]
        expected[:, 1:] |= ids[:, 1:] != ids[:, :-1]
        expected[:, :-1] |= ids[:, 1:] != ids[:, :-1]

        assert np.array_equal(edges, expected)


def test_every_label_border_is_an_edge(done: Workspace) -> None:
    for row in read(done).rows.values():
        ids = images.read_labels(done.resolve(row.label_file_name)).astype(int)
        edges = images.read_edges(done.resolve(row.edge_file_name)) > 0

        assert edges[1:][ids[1:] != ids[:-1]].all()
        assert edges[:, 1:][ids[:, 1:] != ids[:, :-1]].all()


def test_drawn_landscapes_keep_their_exact_label_maps(done: Workspace) -> None:
    from pipeline.sources.drawn import candidates

    truth = {one.name: one.read_labels() for one in candidates("12")}
    drawn = [row for row in read(done).rows.values() if row.source == "drawn"]

    assert len(drawn) == 12
    for row in drawn:
        assert np.array_equal(images.read_labels(done.resolve(row.label_file_name)), truth[row.original_name])


def test_the_splits_share_no_group(done: Workspace) -> None:
    rows = read(done).rows.values()
    groups = [{row.group for row in rows if row.split == split} for split in ("train", "val", "test")]

    assert groups[0] and groups[1]
    assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]


def test_adding_photos_moves_nobody(done: Workspace, tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path / "more")
    shutil.copytree(done.root / "manifests", workspace.manifests)
    shutil.copytree(done.root / "data", workspace.root / "data")
    before = {row.id: (row.group, row.split) for row in read(workspace).rows.values()}

    flow.label(workspace, "drawn:30", flow.Asked(), workers=2, console=QUIET)

    after = read(workspace).rows
    assert len(after) == len(before) + 18
    assert {id: (after[id].group, after[id].split) for id in before} == before


def test_near_duplicates_share_a_group(tmp_path: Path) -> None:
    photos, workspace = tmp_path / "photos", Workspace(root=tmp_path / "workspace")
    photos.mkdir()
    from pipeline.sources.drawn import candidates

    for number, one in enumerate(candidates("3")):
        (photos / f"{number}.png").write_bytes(one.read())
    with Image.open(photos / "0.png") as first:
        first.resize((200, 200)).save(photos / "smaller.jpg", quality=60)
        first.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photos / "mirrored.webp")

    flow.label(
        workspace, str(photos), flow.Asked(segmenter=_maps(tmp_path, photos), keep_all=True), workers=0, console=QUIET
    )

    groups = {row.original_name: row.group for row in read(workspace).rows.values()}
    assert groups["smaller.jpg"] == groups["mirrored.webp"] == groups["0.png"]
    assert len(set(groups.values())) == 3


def test_the_run_folder_holds_what_makes_the_run_again(done: Workspace) -> None:
    [folder] = done.run_folders()

    assert folder.name == "0001-tiny"
    assert "crop_size = 64" in (folder / "config.toml").read_text()
    assert Manifest(Workspace(root=folder)).rows == read(done).rows
    assert json.loads((folder / "stats.jsonl").read_text().splitlines()[-1])["images_shown"] == 16
    assert any((folder / "events").iterdir())
    assert any((folder / "checkpoints").glob("*/averaged.safetensors"))


def test_sheets_of_samples_show_labels_photo_and_picture_side_by_side(done: Workspace) -> None:
    sheets = sorted((done.run_folders()[0] / "samples").glob("*.png"))
    val = len(rows_of_splits(read(done), "val"))

    assert [path.stem for path in sheets] == ["000000000", "000000008", "000000016"]
    width, height = _size(sheets[-1])
    assert width >= 3 * 64 and height >= min(val, 8) * 64


def test_pictures_are_painted_for_the_validation_rows_in_their_size(done: Workspace) -> None:
    rows = rows_of_splits(read(done), "val")

    for row in rows:
        assert _size(done.run_folders()[0] / "pictures" / f"{row.id}.png") == (row.width, row.height)


def test_a_finished_flow_run_again_changes_nothing(done: Workspace) -> None:
    before = _files(done.root)
    asked = flow.Asked(segmenter=f"torch:{WEIGHTS}") if WEIGHTS.exists() else flow.Asked()
    training = runs.Training(preset="tiny", assignments=SMALL)

    again = flow.run(done, "drawn:12", asked, training, workers=2, console=QUIET, on_done=lambda done: None)

    assert again.trained.was_finished
    assert {name: summary.done for name, summary in again.done.walks.items()} == dict.fromkeys(again.done.walks, 0)
    assert _files(done.root) == before


def test_the_workspace_is_the_same_for_any_number_of_threads(tmp_path: Path) -> None:
    made = []
    for workers in (0, 1, 3):
        workspace = Workspace(root=tmp_path / str(workers))
        flow.label(workspace, "drawn:6", flow.Asked(), workers=workers, console=QUIET)
        flow.build_edges(workspace, flow.Which(), workers=workers, console=QUIET)
        made.append(_files(workspace.root))

    assert made[0] == made[1] == made[2]


def test_a_changed_label_map_makes_its_edges_again_and_no_others(tmp_path: Path) -> None:
    photos, workspace = tmp_path / "photos", Workspace(root=tmp_path / "workspace")
    photos.mkdir()
    from pipeline.sources.drawn import candidates

    for number, one in enumerate(candidates("3")):
        (photos / f"{number}.png").write_bytes(one.read())
    asked = flow.Asked(segmenter=_maps(tmp_path, photos), keep_all=True)
    flow.label(workspace, str(photos), asked, workers=0, console=QUIET)
    flow.build_edges(workspace, flow.Which(), workers=0, console=QUIET)
    changed = np.zeros((256, 256), np.uint8)
    (tmp_path / "maps" / "1.png").write_bytes(images.encode_labels(changed, load_taxonomy().palette))

    labelled = flow.label(workspace, str(photos), asked, workers=0, console=QUIET)
    built = flow.build_edges(workspace, flow.Which(), workers=0, console=QUIET)

    assert labelled.walks["labelled"].done == 1
    assert built.walks["built"].done == 1


def test_a_style_of_a_run_without_style_encoder_is_refused(done: Workspace) -> None:
    with pytest.raises(runs.RunError, match="no style encoder"):
        paint.generate(done, paint.Painting(styles=2), console=QUIET)


def _maps(folder: Path, photos: Path) -> str:
    """Label maps of two classes for the photos of a folder, as a segmenter is named."""
    maps = folder / "maps"
    maps.mkdir()
    for path in photos.iterdir():
        width, height = _size(path)
        ids = np.zeros((height, width), np.uint8)
        ids[height // 2 :] = 15
        (maps / f"{path.stem}.png").write_bytes(images.encode_labels(ids, load_taxonomy().palette))
    return f"maps:{maps}"


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_workspace_itself_as_the_source_takes_in_no_file_of_our_own(tmp_path: Path) -> None:
    from pipeline.sources.drawn import candidates

    workspace = Workspace(root=tmp_path)
    (tmp_path / "lake.png").write_bytes(next(iter(candidates("1"))).read())
    maps = tmp_path.parent / f"{tmp_path.name}-maps"
    maps.mkdir()
    (maps / "lake.png").write_bytes(images.encode_labels(np.zeros((256, 256), np.uint8), load_taxonomy().palette))
    asked = flow.Asked(segmenter=f"maps:{maps}")

    for _ in range(2):
        flow.label(workspace, str(tmp_path), asked, workers=0, console=QUIET)

    assert [row.original_name for row in read(workspace).rows.values()] == ["lake.png"]


def test_a_flow_without_a_validation_photo_paints_the_training_photos(tmp_path: Path) -> None:
    workspace, training = Workspace(root=tmp_path), runs.Training(preset="tiny", assignments=SMALL)

    done = flow.run(workspace, "drawn:1", flow.Asked(), training, workers=0, console=QUIET, on_done=lambda done: None)

    assert len(done.pictures) == 1


def test_a_wrong_setting_stops_the_flow_before_a_photo_is_taken_in(tmp_path: Path) -> None:
    workspace, training = Workspace(root=tmp_path), runs.Training(preset="tinny")

    with pytest.raises(runs.RunError, match="did you mean tiny"):
        flow.run(workspace, "drawn:3", flow.Asked(), training, workers=0, console=QUIET, on_done=lambda done: None)
    assert not list(tmp_path.iterdir())


def _reviewed(tmp_path: Path) -> tuple[Workspace, flow.Asked]:
    """A photo whose label map a person has reviewed, and a segmenter that would make another of it."""
    from pipeline.sources.drawn import candidates

    photos, workspace = tmp_path / "photos", Workspace(root=tmp_path / "workspace")
    photos.mkdir()
    (photos / "1.png").write_bytes(next(iter(candidates("1"))).read())
    asked = flow.Asked(segmenter=_maps(tmp_path, photos), keep_all=True)
    flow.label(workspace, str(photos), asked, workers=0, console=QUIET)
    _say_reviewed(workspace, "yes")
    sky = images.encode_labels(np.zeros((256, 256), np.uint8), load_taxonomy().palette)
    (tmp_path / "maps" / "1.png").write_bytes(sky)
    return workspace, asked


def _say_reviewed(workspace: Workspace, word: str) -> None:
    """As a person writes it into the CSV."""
    text = workspace.dataset_csv.read_text()
    header = text.splitlines()[0].split(",")
    cells = text.splitlines()[1].split(",")
    cells[header.index("label_reviewed")] = word
    workspace.dataset_csv.write_text("\n".join([",".join(header), ",".join(cells)]) + "\n")


@pytest.mark.parametrize("which", [flow.PENDING, flow.Which(redo=True), flow.Which(only_failed=True)])
@pytest.mark.parametrize("lost", ["", "provenance.csv", "dataset.json"])
def test_a_label_map_that_a_person_has_reviewed_is_not_labelled_over(tmp_path: Path, which, lost) -> None:
    workspace, asked = _reviewed(tmp_path)
    if lost:
        (workspace.manifests / lost).unlink()
    before = _files(workspace.root / "data" / "labels")

    done = flow.label(workspace, "", asked, which, workers=0, console=QUIET)

    assert done.walks["labelled"].done == 0
    assert _files(workspace.root / "data" / "labels") == before
    assert next(iter(read(workspace).rows.values())).label_reviewed == "yes"


def test_labelling_again_says_how_many_maps_a_person_has_reviewed_and_how_to_have_them_made_again(
    tmp_path: Path, capsys
) -> None:
    workspace, asked = _reviewed(tmp_path)
    sentence = "left alone: 1 map that a person has reviewed. To have one made again, empty its cell in label_reviewed"

    planned = flow.plan_label(workspace, "", asked, flow.Which(redo=True))
    flow.label(workspace, "", asked, flow.Which(redo=True), workers=0, console=Console())

    assert planned == ["would label 0 photos", sentence]
    assert sentence in capsys.readouterr().err


def test_a_reviewed_label_map_is_made_again_when_its_cell_is_emptied_or_the_map_is_lost(tmp_path: Path) -> None:
    workspace, asked = _reviewed(tmp_path)
    [row] = read(workspace).rows.values()
    workspace.resolve(row.label_file_name).unlink()

    lost = flow.label(workspace, "", asked, workers=0, console=QUIET)
    after_loss = next(iter(read(workspace).rows.values())).label_reviewed
    _say_reviewed(workspace, "yes")
    _say_reviewed(workspace, "")
    emptied = flow.label(workspace, "", asked, flow.Which(redo=True), workers=0, console=QUIET)

    assert (lost.walks["labelled"].done, after_loss, emptied.walks["labelled"].done) == (1, "", 1)
