"""Segmenters: probabilities to labels, weights files to networks, names to segmenters."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.errors import PhotoError, SegmenterError
from pipeline.segmenters import deeplabv3plus, registry
from pipeline.segmenters.merge import label, merge, merged_ids
from pipeline.segmenters.network import NetworkSegmenter
from pipeline.segmenters.torch_file import open_file

DATA = Path(__file__).parents[2] / "shared" / "data"
WEIGHTS = DATA / "weights" / "deeplabv3plus_mobilenetv2_ade20k.pth"
needs_weights = pytest.mark.skipif(not WEIGHTS.is_file(), reason="the ADE20K weights are not here")

LANDSCAPE = load_taxonomy()
SKY, SEA, TREE = (LANDSCAPE.id_of(name) for name in ("sky", "sea", "tree"))


def small_network(classes: int = 3) -> deeplabv3plus.DeepLabV3Plus:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return deeplabv3plus.DeepLabV3Plus(classes).eval()


def save_small_network(folder: Path, names: object = ("sky", "sea", "tree")) -> Path:
    path = folder / "mine.pth"
    torch.save(small_network().state_dict(), path)
    if names is not None:
        text = names if isinstance(names, str) else json.dumps(names)
        (folder / "mine.json").write_text(text, encoding="utf-8")
    return path


def open_small(path: Path) -> NetworkSegmenter:
    return open_file(path, taxonomy=LANDSCAPE, device="cpu")


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def random_probabilities(channels: int, height: int, width: int) -> np.ndarray:
    scores = np.random.default_rng(1).random((channels, height, width), dtype=np.float32) ** 4
    return scores / scores.sum(axis=0)


# Probabilities of one pixel each: sky 0.4 against two waters of 0.3; one class alone; two unknowns against tree.
FOUR_PIXELS = torch.tensor(
    [
        # sky, sea, sea, tree, unknown, unknown
        [[0.4, 0.3, 0.3, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]],
        [[0.0, 0.0, 0.0, 0.4, 0.3, 0.3], [0.9, 0.1, 0.0, 0.0, 0.0, 0.0]],
    ]
).permute(2, 0, 1)[None]
TARGETS = (SKY, SEA, SEA, TREE, UNKNOWN, UNKNOWN)


@pytest.mark.parametrize("targets", [(TREE, UNKNOWN, SKY, TREE), (SKY, TREE)])
def test_the_merged_channels_are_the_reached_classes_and_then_unknown(targets: tuple[int, ...]):
    assert merged_ids(targets) == (SKY, TREE, UNKNOWN)


def test_merging_sums_the_outputs_of_a_class():
    merged = merge(FOUR_PIXELS.log(), TARGETS)

    assert merged[:, 0, 0].tolist() == pytest.approx([0.4, 0.6, 0.0, 0.0])
    assert merged[:, 1, 0].tolist() == pytest.approx([0.0, 0.0, 0.4, 0.6])


def test_a_masked_output_gets_no_probability():
    merged = merge(FOUR_PIXELS.log(), TARGETS, masked=(1, 2))

    assert merged[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0])


def test_merging_refuses_targets_for_another_network():
    with pytest.raises(ValueError, match="6 outputs and 2 targets"):
        merge(FOUR_PIXELS.log(), (SKY, SEA))


def test_two_weak_outputs_of_one_class_beat_a_stronger_one_of_another():
    merged = merge(FOUR_PIXELS.log(), TARGETS).numpy()

    labelling = label(merged, merged_ids(TARGETS), (2, 2), align_corners=True)

    assert labelling.ids.tolist() == [[SEA, TREE], [UNKNOWN, SKY]]


def test_confidence_is_the_mean_of_the_winners():
    merged = merge(FOUR_PIXELS.log(), TARGETS).numpy()

    labelling = label(merged, merged_ids(TARGETS), (2, 2), align_corners=True)

    assert labelling.confidence == pytest.approx((0.6 + 1 + 0.6 + 0.9) / 4)


@pytest.mark.parametrize(("align_corners", "second"), [(True, 2 / 3), (False, 3 / 4)])
def test_upsampling_puts_corner_centres_or_corners_upon_each_other(align_corners: bool, second: float):
    probabilities = np.array([[[1, 0]], [[0, 1]]], dtype=np.float32)

    labelling = label(probabilities, (7, UNKNOWN), (1, 4), align_corners=align_corners)

    assert labelling.ids.tolist() == [[7, 7, UNKNOWN, UNKNOWN]]
    assert labelling.confidence == pytest.approx((1 + second + second + 1) / 4)


def test_the_first_class_wins_a_tie():
    tie = np.full((2, 1, 1), 0.5, dtype=np.float32)

    assert label(tie, (3, UNKNOWN), (2, 2), align_corners=True).ids.tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize("block_pixels", [1, 131, 1000])
def test_blocks_change_nothing(block_pixels: int):
    probabilities = random_probabilities(6, 13, 17)
    whole = label(probabilities, range(6), (97, 131), align_corners=True, block_pixels=1 << 30)

    parts = label(probabilities, range(6), (97, 131), align_corners=True, block_pixels=block_pixels)

    assert np.array_equal(parts.ids, whole.ids)
    assert parts.confidence == whole.confidence


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(97, 131), (9, 40)])
def test_upsampling_agrees_with_the_library(size: tuple[int, int], align_corners: bool):
    probabilities = random_probabilities(6, 13, 17)
    wide = F.interpolate(
        torch.from_numpy(probabilities)[None], size=size, mode="bilinear", align_corners=align_corners
    )[0].numpy()

    labelling = label(probabilities, range(6), size, align_corners=align_corners)

    chosen = np.take_along_axis(wide, labelling.ids[None].astype(np.int64), axis=0)[0]
    assert np.allclose(chosen, wide.max(axis=0), atol=1e-5)
    assert labelling.confidence == pytest.approx(float(wide.max(axis=0).mean()), abs=1e-5)


def test_deeplabv3plus_gives_a_quarter_of_a_photo_that_is_not_square():
    assert small_network()(torch.zeros(1, 3, 65, 97)).shape == (1, 3, 17, 25)


def test_every_parameter_of_deeplabv3plus_matters():
    network = small_network()

    network(torch.randn(1, 3, 65, 97, generator=torch.Generator().manual_seed(0))).square().sum().backward()

    assert [name for name, values in network.named_parameters() if not values.grad.any()] == []


def test_deeplabv3plus_takes_the_longer_side_at_321():
    x = deeplabv3plus.to_input(noise(768, 1024))

    assert x.shape == (1, 3, 241, 321)
    assert -1 <= x.min() < x.max() <= 1


def test_white_and_black_are_one_and_minus_one():
    photo = np.zeros((321, 321, 3), dtype=np.uint8)
    photo[:, :, 0] = 255

    x = deeplabv3plus.to_input(photo)

    assert x[0, :, 100, 100].tolist() == [1, -1, -1]


def test_a_read_only_photo_is_left_as_it_is():
    photo = noise(40, 60)
    photo.flags.writeable = False

    assert deeplabv3plus.to_input(photo).shape == (1, 3, 217, 321)


def test_a_labelling_has_the_size_of_its_photo(tmp_path: Path):
    segmenter = open_small(save_small_network(tmp_path))

    labelling = segmenter.finish(segmenter.run(segmenter.prepare(noise(50, 90), "lake.jpg", (50, 90))))

    assert labelling.ids.shape == (50, 90)
    assert labelling.ids.dtype == np.uint8
    assert set(np.unique(labelling.ids)) <= {SKY, SEA, TREE, UNKNOWN}


def test_a_label_map_does_not_depend_on_the_photo_before_it(tmp_path: Path):
    segmenter = open_small(save_small_network(tmp_path))
    first = segmenter.prepare(noise(50, 90), "lake.jpg", (50, 90))
    alone = segmenter.finish(segmenter.run(first))

    segmenter.run(segmenter.prepare(noise(70, 30, seed=2), "hill.jpg", (70, 30)))
    again = segmenter.finish(segmenter.run(first))

    assert np.array_equal(again.ids, alone.ids)
    assert again.confidence == alone.confidence


def test_opening_a_file_leaves_the_global_seed_alone(tmp_path: Path):
    path = save_small_network(tmp_path)
    before = torch.random.get_rng_state()

    open_small(path)

    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_file_is_named_after_its_stem_and_its_digest(tmp_path: Path):
    path = save_small_network(tmp_path)

    segmenter = registry.open_segmenter(f"torch:{path}", taxonomy=LANDSCAPE, weights_folder=tmp_path)

    assert segmenter.name == "torch:mine"
    assert len(segmenter.digest) == 16
    assert segmenter.license == "unknown"
    assert segmenter.reached == ("sky", "sea", "tree")


def test_other_class_names_are_another_input(tmp_path: Path):
    before = open_small(save_small_network(tmp_path)).parameters["names"]

    after = open_small(save_small_network(tmp_path, names=["sky", "river", "tree"])).parameters["names"]

    assert before != after


def test_names_may_stand_under_numbers(tmp_path: Path):
    path = save_small_network(tmp_path, names={"0": "other", "2": "tree", "1": "sky"})

    assert open_small(path).targets == (UNKNOWN, SKY, TREE)


def test_names_may_stand_in_the_only_file_about_classes(tmp_path: Path):
    path = save_small_network(tmp_path, names=None)
    (tmp_path / "my_classes.json").write_text('["sky", "sea", "tree"]', encoding="utf-8")

    assert open_small(path).targets == (SKY, SEA, TREE)


def test_a_state_dict_may_stand_in_a_checkpoint(tmp_path: Path):
    path = save_small_network(tmp_path)
    torch.save({"state_dict": small_network().state_dict(), "epoch": 3}, path)

    assert open_small(path).reached == ("sky", "sea", "tree")


def test_safetensors_are_read_too(tmp_path: Path):
    from safetensors.torch import save_file

    save_small_network(tmp_path)
    save_file(small_network().state_dict(), tmp_path / "mine.safetensors")

    assert open_small(tmp_path / "mine.safetensors").reached == ("sky", "sea", "tree")


def test_a_photo_too_narrow_is_refused(tmp_path: Path):
    segmenter = open_small(save_small_network(tmp_path))

    with pytest.raises(PhotoError, match="is 90x9, too narrow to be labelled: 16 pixels are the least"):
        segmenter.prepare(noise(9, 90), "lake.jpg", (9, 90))


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (None, r"has 3 outputs, and nothing beside it says what they mean. Make .*mine\.json"),
        (["sky", "sea"], r"has 3 outputs, and .*mine\.json names 2 outputs"),
        (["sky", "sea", "treee"], r"mine\.json: no vocabulary knows the class names treee"),
        (["other", "other", "other"], "knows no class of landscape"),
        ({"0": "sky", "2": "sea", "3": "tree"}, "does not name the outputs from 0 on without a gap"),
        ('"sky"', "does not name the outputs from 0 on without a gap"),
        ("sky, sea", r"mine\.json is no JSON"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path: Path, names: object, complaint: str):
    path = save_small_network(tmp_path, names=names)

    with pytest.raises(SegmenterError, match=complaint):
        open_small(path)


@pytest.mark.parametrize("name", ["mine.pth", "mine.safetensors"])
@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"<html>log in</html>", b"PK\x03\x04" + bytes(40)])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, data: bytes):
    (tmp_path / name).write_bytes(data)

    with pytest.raises(SegmenterError, match="cannot be read as weights"):
        open_small(tmp_path / name)


class Bomb:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return Path.touch, (self.victim,)


def test_code_in_a_weights_file_is_not_run(tmp_path: Path):
    torch.save({"cls.weight": Bomb(tmp_path / "victim")}, tmp_path / "mine.pth")

    with pytest.raises(SegmenterError, match="holds more than tensors"):
        open_small(tmp_path / "mine.pth")

    assert not (tmp_path / "victim").exists()


STATE = small_network().state_dict()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "something else than a state_dict"),
        ({"a": 1}, "something else than a state_dict"),
        ({1: torch.zeros(1)}, "something else than a state_dict"),
        ({"fc.weight": torch.zeros(3)}, "1 entries of a network that is not known here"),
        ({name: STATE[name] for name in STATE if name != "pw1.bias"}, r"does not fit its network\. .*pw1\.bias"),
        ({**STATE, "pw1.bias": torch.full((256,), torch.nan)}, r"pw1\.bias holds numbers that are not finite"),
    ],
    ids=["a list", "no tensors", "no names", "another network", "an entry lacks", "no numbers"],
)
def test_what_is_not_the_weights_of_a_known_network_is_refused(tmp_path: Path, content: object, complaint: str):
    torch.save(content, tmp_path / "mine.pth")

    with pytest.raises(SegmenterError, match=complaint):
        open_small(tmp_path / "mine.pth")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("deeplab", "there is no segmenter 'deeplab'. Did you mean deeplabv2-cocostuff164k or deeplabv3-resnet101"),
        ("", "there is no segmenter ''"),
        ("torch:", "names nothing after its colon. Write it as torch:FILE"),
        ("maps:", "names nothing after its colon. Write it as maps:FOLDER"),
        ("torch:absent.pth", "there is nothing at absent.pth"),
        ("maps:absent", "there is nothing at absent"),
    ],
)
def test_a_spec_that_means_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, complaint: str
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SegmenterError, match=complaint):
        registry.open_segmenter(spec, taxonomy=LANDSCAPE, weights_folder=tmp_path)


def stanford_photos(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    folder = DATA / "stanford_background"
    ids = (folder / "val.txt").read_text(encoding="utf-8").split()[:count]
    return [
        (np.array(Image.open(folder / "images" / f"{id}.jpg")), np.array(Image.open(folder / "labels" / f"{id}.png")))
        for id in ids
    ]


@needs_weights
def test_the_ade20k_network_labels_photos_of_stanford_background():
    segmenter = open_small(WEIGHTS)
    with (DATA / "classes" / "stanford8.csv").open(encoding="utf-8", newline="") as file:
        eight = {line["landscape"]: int(line["stanford8_id"]) for line in csv.DictReader(file)}
    table = np.full(256, eight["unknown"], dtype=np.uint8)
    table[: len(LANDSCAPE)] = [eight[name] for name in LANDSCAPE.names]

    right = total = 0
    for photo, truth in stanford_photos(6):
        ids = segmenter.finish(segmenter.run(segmenter.prepare(photo, "photo.jpg", photo.shape[:2]))).ids
        right += int((table[ids] == truth)[truth != 255].sum())
        total += int((truth != 255).sum())

    assert right / total > 0.75


@needs_weights
def test_the_ade20k_network_labels_a_photo_the_same_way_twice():
    segmenter = open_small(WEIGHTS)
    photo = stanford_photos(1)[0][0]

    prepared = segmenter.prepare(photo, "photo.jpg", photo.shape[:2])
    first, second = (segmenter.finish(segmenter.run(prepared)) for _ in range(2))

    assert np.array_equal(first.ids, second.ids)
    assert first.confidence == second.confidence


@needs_weights
def test_the_ade20k_network_knows_no_snow_clouds_or_fog():
    missing = set(LANDSCAPE.names) - set(open_small(WEIGHTS).reached)

    assert missing == {"snow", "clouds", "fog", "gravel"}
