"""A network as a segmenter: how often it looks, what it keeps, and what its label maps depend on."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.errors import PhotoError
from pipeline.segmenters import deeplabv3plus
from pipeline.segmenters.network import EXACT, ORDERED, SHORT, Network, NetworkSegmenter, open_network
from pipeline.segmenters.segmenter import Labelling, Options

LANDSCAPE = load_taxonomy()
NAMES = ("sky", "sea", "tree", "unknown")


def open_small(**options) -> NetworkSegmenter:
    """A network of one random layer that knows three classes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = torch.nn.Conv2d(3, len(NAMES), 3, stride=4, padding=1).eval()
    module.weight.data *= 4  # so that it is surer of some pixels than of others
    network = Network(
        module=module,
        to_input=deeplabv3plus.to_input,
        align_corners=deeplabv3plus.ALIGN_CORNERS,
        longer_side_px=deeplabv3plus.LONGER_SIDE_PX,
        names=NAMES,
    )
    options = Options(**{"quality": "fast", "smallest_share": 0.0, **options})
    said = {"name": "small", "digest": "0" * 16, "license": "CC0-1.0", "where": "small"}
    return open_network(network, taxonomy=LANDSCAPE, device="cpu", options=options, **said)


def label(segmenter: NetworkSegmenter, pixels: np.ndarray) -> Labelling:
    return segmenter.finish(segmenter.run(segmenter.prepare(pixels, "a.jpg", pixels.shape[:2])))


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """Soft patches: (96, 144, 3) uint8."""
    coarse = torch.rand((1, 3, 6, 9), generator=torch.Generator().manual_seed(3))
    fine = torch.nn.functional.interpolate(coarse, size=(96, 144), mode="bicubic").clamp(0, 1)
    return (fine[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)


@pytest.mark.parametrize(("quality", "views", "looks"), [("fast", 1, 1), ("balanced", 1, 2), ("best", 3, 6)])
def test_a_photo_is_looked_at_as_often_as_the_quality_says(quality, views, looks, photo):
    segmenter = open_small(quality=quality)
    seen = []
    segmenter.network.module.register_forward_hook(lambda *_: seen.append(1))

    prepared = segmenter.prepare(photo, "a.jpg", photo.shape[:2])
    segmenter.run(prepared)

    assert (len(prepared.views), len(seen)) == (views, looks)


@pytest.mark.parametrize("quality", ["balanced", "best"])
def test_the_mirror_image_of_a_photo_has_the_mirror_image_of_its_labels(quality, photo):
    segmenter = open_small(quality=quality)
    pixels = np.ascontiguousarray(photo[:, ::-1])

    one, other = (segmenter.run(segmenter.prepare(p, "", p.shape[:2])).probabilities for p in (photo, pixels))

    assert one == pytest.approx(other[:, :, ::-1], abs=1e-4)


def test_probabilities_of_several_looks_add_up_to_one(photo):
    segmenter = open_small(quality="best")

    scores = segmenter.run(segmenter.prepare(photo, "", photo.shape[:2]))

    assert scores.probabilities.sum(axis=0) == pytest.approx(np.ones(scores.probabilities.shape[1:]), abs=1e-5)


def test_the_label_map_has_the_size_that_was_asked_for(photo):
    segmenter = open_small()

    labelling = segmenter.finish(segmenter.run(segmenter.prepare(photo, "", (960, 1441))))

    assert labelling.ids.shape == (960, 1441)


def test_improbable_pixels_become_unknown(photo):
    sure, unsure = label(open_small(), photo), label(open_small(unknown_below=0.4), photo)
    limit = label(open_small(keep_confidences=True), photo).confidences < 0.4 * 255

    assert (unsure.ids[limit] == UNKNOWN).mean() > 0.99
    assert (unsure.ids[~limit] == sure.ids[~limit]).mean() > 0.99


def test_confidences_and_raw_ids_are_given_when_asked_for(photo):
    labelling = label(open_small(keep_confidences=True, keep_raw=True), photo)
    plain = label(open_small(), photo)
    lookup = np.array([LANDSCAPE.id_of(name) if name in LANDSCAPE.names else UNKNOWN for name in NAMES], np.uint8)

    assert labelling.confidences.mean() / 255 == pytest.approx(labelling.confidence, abs=0.005)
    assert (lookup[labelling.raw] == plain.ids).all()
    assert (plain.confidences, plain.raw) == (None, None)


@pytest.mark.parametrize("numerics", [ORDERED, SHORT])
def test_other_ways_of_computing_say_nearly_the_same(numerics, photo):
    segmenter = open_small()

    agreement = (label(segmenter.computing(numerics), photo).ids == label(segmenter, photo).ids).mean()

    assert agreement > 0.95


def test_computing_in_another_way_leaves_the_exact_one_exact(photo):
    segmenter = open_small()
    before = label(segmenter, photo)

    segmenter.computing(SHORT).computing(EXACT)

    assert (label(segmenter, photo).ids == before.ids).all()


@pytest.mark.parametrize(
    "options", [{"quality": "best"}, {"unknown_below": 0.5}, {"smallest_share": 0.01}, {"refine": True}]
)
def test_every_option_that_changes_a_map_is_one_of_its_parameters(options):
    assert open_small(**options).parameters != open_small().parameters


def test_what_is_kept_beside_the_map_is_no_parameter():
    assert open_small(keep_raw=True, keep_confidences=True).parameters == open_small().parameters


def test_the_way_of_computing_is_a_parameter():
    assert open_small().computing(SHORT).parameters["numerics"] == SHORT


def test_a_refined_map_needs_the_whole_photo(photo):
    assert open_small().looks_at_px == 321
    assert open_small(quality="best").looks_at_px == 401
    assert open_small(refine=True).looks_at_px == 0
    assert label(open_small(refine=True), photo).ids.shape == photo.shape[:2]


def test_a_photo_that_is_too_narrow_is_refused():
    with pytest.raises(PhotoError, match="is 40x15, too narrow"):
        open_small().prepare(np.zeros((15, 40, 3), np.uint8), "a.jpg", (15, 40))


def label_in_a_thread() -> None:
    """As the label stage does it."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    hand = threading.Thread(target=label, args=(open_small(), pixels))
    hand.start()
    hand.join()


def test_labelling_in_threads_leaves_the_main_thread_its_cores():
    script = "import torch; from tests.test_network import label_in_a_thread as label; label(); "
    script += "print(torch.get_num_threads())"
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)

    assert said.stdout.strip() == "2"
