"""The embedded segmenter: its weights file, the sizes it works at, and what it makes of a real photo."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.segmenters import deeplabv3plus
from pipeline.segmenters.embedded import judge, network
from pipeline.segmenters.embedded.judge import Precision, Source, Truth
from pipeline.segmenters.embedded.lessons import HANDS, OPEN, Classes, Lesson, draw
from pipeline.segmenters.embedded.score import as_table, label, open_weights, score
from pipeline.segmenters.embedded.train import FALLS, share_of_rate, start
from pipeline.segmenters.registry import open_segmenter
from pipeline.segmenters.segmenter import QUALITIES, Labelling, Options

DATA = Path(__file__).parents[2] / "shared/data"
MOST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def model() -> network.DeepLabV3Plus:
    return network.build(load_file(network.WEIGHTS))


@pytest.fixture(scope="module")
def data() -> Path:
    if not (DATA / "stanford_background").is_dir():
        pytest.skip(f"no photos at {DATA}")
    return DATA


@pytest.fixture
def classes() -> Classes:
    """Two classes, sky and unknown, which are two of Stanford's eight."""
    members = torch.zeros(len(HANDS), 2)
    members[HANDS.index("sky"), 0] = members[HANDS.index("unknown"), 1] = 1
    return Classes(names=("sky", "unknown"), members=members, defaults=members)


def lesson_of(*, is_stanford: bool) -> Lesson:
    """The upper half of the photo is blue and, by hand, sky; of the lower half the teacher is sure it is no class."""
    pixels = torch.zeros(3, 240, 320, dtype=torch.uint8)
    pixels[2, :120] = 255
    beliefs = torch.zeros(2, 61, 81)
    beliefs[0, :30] = beliefs[1, 30:] = 1
    hands = torch.full((240, 320), OPEN, dtype=torch.uint8)
    hands[:120] = HANDS.index("sky")
    return Lesson(
        pixels=pixels,
        beliefs=beliefs.half(),
        words=beliefs[:, ::2, ::2].half(),
        hands=hands if is_stanford else None,
        longer_sides_px=(289, 641),
        weight=1.0,
    )


def test_the_weights_fit_into_the_package():
    assert network.WEIGHTS.stat().st_size <= MOST_BYTES


def test_the_weights_are_of_half_precision():
    assert {values.dtype for values in load_file(network.WEIGHTS).values()} == {torch.float16}


def test_the_weights_are_finite():
    assert all(values.isfinite().all() for values in load_file(network.WEIGHTS).values())


def test_the_weights_name_their_outputs():
    with safe_open(network.WEIGHTS, framework="pt") as file:
        assert network.NAMES_KEY in file.metadata()


def test_every_output_is_a_class_of_landscape_or_unknown(model):
    assert set(network.names()) <= {*load_taxonomy().names, "unknown"}
    assert len(network.names()) == model.head.out_channels


def test_it_knows_what_a_landscape_is_made_of():
    wanted = {"sky", "tree", "road", "grass", "water", "sea", "building", "mountain", "rock", "sand", "unknown"}

    assert wanted <= set(network.names())


def test_its_entries_are_known_as_its_own():
    state = load_file(network.WEIGHTS)

    assert network.is_state_of_it(state)
    assert not deeplabv3plus.is_state_of_it(state)


def test_the_entries_of_another_network_are_not_its_own():
    assert not network.is_state_of_it({"cls.weight": 0, "backbone.17.conv.3.weight": 0})


def test_it_refuses_entries_of_another_network():
    with pytest.raises(RuntimeError, match=r"head\.weight"):
        network.build({"cls.weight": torch.zeros(2, 256, 1, 1)})


def test_it_refuses_weights_that_lack_an_entry():
    state = load_file(network.WEIGHTS)
    del state["decoder.block1.0.weight"]

    with pytest.raises(RuntimeError, match=r"decoder\.block1\.0\.weight"):
        network.build(state)


def test_it_is_built_ready_for_inference(model):
    assert not model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("height", "width", "scale", "size"),
    [
        (240, 320, 1.0, (289, 385)),
        (320, 240, 1.0, (385, 289)),
        (240, 320, 0.75, (209, 289)),
        (1536, 2048, 1.25, (353, 481)),
        (40, 2000, 1.0, (33, 385)),
    ],
)
def test_a_photo_gets_sides_of_the_form_16k_and_1(height, width, scale, size):
    x = network.to_input(np.zeros((height, width, 3), np.uint8), scale)

    assert x.shape == (1, 3, *size)


def test_black_becomes_minus_one_and_white_one():
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, 48:] = 255

    x = network.to_input(pixels)

    assert (x.min(), x.max()) == (-1, 1)


def test_it_gives_logits_at_a_quarter_of_the_size(model):
    with torch.inference_mode():
        logits = model(torch.zeros(1, 3, 97, 161))

    assert logits.shape == (1, len(network.names()), 25, 41)


def test_it_gives_the_same_twice(model, photo_of):
    x = network.to_input(photo_of(1))

    with torch.inference_mode():
        assert torch.equal(model(x), model(x))


def test_gradients_reach_every_parameter_that_learns():
    model = network.DeepLabV3Plus(3).train()

    model(torch.randn(2, 3, 65, 97)).square().mean().backward()

    assert all(parameter.grad is not None for name, parameter in model.named_parameters())


def test_the_first_photos_of_val_are_labelled_well_at_every_quality(data):
    scores = score(network.WEIGHTS, data, "val", most_photos=4)

    assert set(scores) == set(QUALITIES)
    assert all(entry.pixel_accuracy > 0.8 and entry.iou[0] > 0.85 for entry in scores.values())


def test_the_same_seed_draws_the_same_views(classes):
    lessons = [lesson_of(is_stanford=True), lesson_of(is_stanford=False)]

    one, other = (draw(lessons, classes, (65, 81), 2, seed=3) for _ in range(2))

    assert torch.equal(one.x, other.x)
    assert torch.equal(one.targets, other.targets)


def test_another_seed_draws_other_views(classes):
    lessons = [lesson_of(is_stanford=True), lesson_of(is_stanford=False)]

    one, other = (draw(lessons, classes, (65, 81), 2, seed=seed) for seed in (3, 4))

    assert not torch.equal(one.x, other.x)


def test_where_hands_say_nothing_a_labelled_photo_teaches_nothing(classes):
    batch = draw([lesson_of(is_stanford=True)], classes, (257, 321), 1, seed=5)

    taught = batch.targets.sum(dim=1)
    assert torch.equal(taught > 0.5, batch.hands != OPEN)


def test_views_and_what_is_said_of_them_lie_upon_each_other(classes):
    batch = draw([lesson_of(is_stanford=False)], classes, (257, 321), 1, seed=6)

    is_blue = batch.x[0, 2, ::4, ::4] > 0
    is_sky = batch.targets[0, 0] > 0.5
    is_taught = batch.targets[0].sum(dim=0) > 0.5
    assert (is_blue == is_sky)[is_taught].float().mean() > 0.97


@pytest.mark.parametrize("quality", QUALITIES)
def test_what_is_scored_is_what_labels(quality, photo_of, tmp_path):
    options = Options(quality=quality)
    shipped = open_segmenter("embedded", taxonomy=load_taxonomy(), weights_folder=tmp_path, options=options)

    made = [label(one, photo_of(1), (96, 102)) for one in (open_weights(network.WEIGHTS, quality), shipped)]

    assert np.array_equal(*made)


class Halves:
    """A segmenter that finds sky above and sea below."""

    reached = ("sky", "sea")

    def prepare(self, pixels: np.ndarray, original_name: str, size: tuple[int, int]) -> tuple[int, int]:
        return size

    def run(self, prepared: tuple[int, int]) -> tuple[int, int]:
        return prepared

    def finish(self, result: tuple[int, int]) -> Labelling:
        ids = np.full(result, load_taxonomy().id_of("sea"), np.uint8)
        ids[: result[0] // 2] = load_taxonomy().id_of("sky")
        return Labelling(ids=ids, confidence=1.0)


LANDSCAPE = load_taxonomy()


def truth_of(source: str, name: str) -> Truth:
    """A photo of one class alone, but for its first column, which nobody has labelled."""
    ids = np.full((8, 3), LANDSCAPE.id_of(name), np.uint8)
    ids[:, 0] = judge.OPEN
    names = dict(enumerate(LANDSCAPE.names))
    said_by = Source(name=source, meaning=np.arange(256, dtype=np.uint8), names={**names, UNKNOWN: "unknown"})
    return Truth(source=said_by, pixels=np.zeros((8, 3, 3), np.uint8), ids=ids)


def test_the_precision_of_a_class_is_how_often_it_is_right_where_it_is_said():
    judged = judge.judge(Halves(), [truth_of("one", "sky"), truth_of("one", "sea"), truth_of("other", "sea")])

    assert judged.photos == {"one": 2, "other": 1}
    assert judged.classes["sky"] == {
        "one": Precision(value=0.5, share=0.5, photos=2, instead=(("sea", 0.5),)),
        "other": Precision(value=0.0, share=0.5, photos=1, instead=(("sea", 1.0),)),
    }
    assert judged.classes["sea"]["other"] == Precision(value=1.0, share=0.5, photos=1)
    assert judged.classes["unknown"]["one"] == Precision(value=0.0, share=0.0, photos=0)


def test_a_photo_is_judged_in_the_classes_of_its_source():
    meaning = np.ones(256, np.uint8)
    meaning[LANDSCAPE.id_of("sky")] = 0
    eight = Source(name="eight", meaning=meaning, names={0: "above", 1: "below"})
    truth = Truth(source=eight, pixels=np.zeros((8, 3, 3), np.uint8), ids=np.zeros((8, 3), np.uint8))

    judged = judge.judge(Halves(), [truth])

    assert judged.classes["sky"]["eight"] == Precision(value=1.0, share=0.5, photos=1)
    assert judged.classes["sea"]["eight"] == Precision(value=0.0, share=0.5, photos=1, instead=(("above", 1.0),))


def test_what_the_pixels_of_a_doubtful_class_are_is_said_in_a_line():
    judged = judge.judge(Halves(), [truth_of("one", "sky"), truth_of("one", "sky"), truth_of("one", "sea")])

    assert judge.list_mistakes(judged) == ["sea is right in 0.33 by one; else it is sky 0.67"]


def test_the_table_of_precisions_says_on_how_many_photos():
    judged = judge.judge(Halves(), [truth_of("one", "sky"), truth_of("one", "sea")])

    assert judge.as_table(judged).splitlines() == [
        "| class | one, 2 photos |",
        "|---|---|",
        "| sky | 0.50 (50.0%, 2) |",
        "| sea | 0.50 (50.0%, 2) |",
        "| unknown | - |",
    ]


def test_the_photos_to_judge_by_come_with_their_truth(data):
    first = next(judge.list_truths(open_weights(network.WEIGHTS, "fast"), data))

    assert first.source.name == judge.STANFORD
    assert first.ids.shape == first.pixels.shape[:2]
    assert set(np.unique(first.ids)) <= {*range(8), judge.OPEN}


def test_the_table_of_scores_has_a_line_a_quality(data):
    table = as_table(score(network.WEIGHTS, data, "val", most_photos=1), "val").splitlines()

    assert table[0] == "Stanford Background, val, 1 photos"
    assert [line.split()[1] for line in table[4:]] == list(QUALITIES)


@pytest.mark.parametrize(("first", "end", "share"), FALLS)
def test_the_rate_falls_from_a_share_to_nothing(first: int, end: int, share: float):
    last = min([end, *(other for other, _, _ in FALLS if other > first)]) - 1

    assert share_of_rate(first) == share
    assert share_of_rate(last) < 0.05 * share


def test_the_rate_rises_to_one_before_it_falls():
    rates = [share_of_rate(step) for step in (0, 100, FALLS[0][0] - 1)]

    assert rates[0] < rates[1] == rates[2] == 1


def test_a_student_keeps_the_folded_norms_of_its_features(data):
    model = start(data / "weights/mobilenet_v2_imagenet.pth", 3)

    model(torch.randn(2, 3, 65, 97))

    assert model.encoder.features[18][1].running_mean.abs().max() == 0
