"""Networks that propose masks, on proposals made by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.segmenters.network import Network, open_network
from pipeline.segmenters.panoptic import PanopticSegmenter, Proposals, Proposing, tell_apart
from pipeline.segmenters.segmenter import Options

LANDSCAPE = load_taxonomy()
SKY, TREE = LANDSCAPE.id_of("sky"), LANDSCAPE.id_of("tree")
NAMES = ("person", "sky", "tree")
SIDE = 64


class Halves(nn.Module):
    """Sees sky in the upper half of its square, tree in the lower, a person at the left and one at the right."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def propose(self, _: nn.Module, x: Tensor) -> Proposals:
        self.seen.append(tuple(x.shape))
        masks = torch.full((4, SIDE // 4, SIDE // 4), 0.01)
        masks[0, :8], masks[1, 8:] = 0.99, 0.99
        masks[2, :8, :4] = masks[3, :8, 12:] = 0.999
        classes = torch.full((4, 4), 0.01)
        for query, (output, score) in enumerate([(1, 0.9), (2, 0.9), (0, 0.95), (0, 0.99)]):
            classes[query, output] = score
        return Proposals(classes, masks)


def proposing(whole: Halves, side_px: int | None = SIDE) -> Proposing:
    return Proposing(whole, whole.propose, side_px)


def segmenter(whole: Halves, quality: str = "fast", taxonomy=LANDSCAPE) -> PanopticSegmenter:
    def to_input(pixels: np.ndarray, scale: float) -> Tensor:
        return torch.zeros(1, 3, SIDE, SIDE)

    network = Network(module=proposing(whole), to_input=to_input, align_corners=False, longer_side_px=SIDE, names=NAMES)
    said = {"name": "halves", "digest": "", "license": "MIT", "device": "cpu", "where": "here"}
    options = Options(quality=quality, smallest_share=0)
    semantic = open_network(network, taxonomy=taxonomy, options=options, **said)
    return PanopticSegmenter(semantic=semantic, thing_outputs=frozenset({0}))


def test_proposals_add_up_to_the_probability_of_each_output():
    proposals = Proposals(torch.tensor([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2]]), torch.tensor([[[1.0]], [[0.5]]]))
    network = Proposing(nn.Identity(), lambda whole, x: proposals, side_px=None)

    logits = network(torch.zeros(1, 3, 16, 16))

    assert logits.exp().flatten().tolist() == pytest.approx([0.9, 0.4])


def test_what_was_padded_is_cut_off_again():
    whole = Halves()

    logits = proposing(whole)(torch.zeros(1, 3, 32, 48))

    assert whole.seen == [(1, 3, 64, 64)]
    assert logits.shape == (1, 3, 8, 12)
    assert (logits[0].argmax(dim=0)[:, 4:] == 1).all()


@pytest.mark.parametrize(("size", "expected"), [((64, 160), (16, 40)), ((160, 64), (40, 16)), ((64, 80), (16, 20))])
def test_a_longer_photo_is_seen_in_squares_that_overlap(size: tuple[int, int], expected: tuple[int, int]):
    whole = Halves()

    logits = proposing(whole)(torch.zeros(1, 3, *size))

    assert set(whole.seen) == {(1, 3, 64, 64)}
    assert len(whole.seen) == -(-max(size) // 64)
    assert logits.shape == (1, 3, *expected)
    assert logits.isfinite().all()


def test_where_squares_overlap_the_mean_counts():
    values = iter([0.2, 0.6])

    def propose(_: nn.Module, x: Tensor) -> Proposals:
        return Proposals(torch.tensor([[1.0, 0.0]]), torch.full((1, 16, 16), next(values)))

    logits = Proposing(nn.Identity(), propose, SIDE)(torch.zeros(1, 3, 64, 96))

    row = logits.exp()[0, 0, 0]
    assert row.tolist() == pytest.approx([0.2] * 8 + [0.4] * 8 + [0.6] * 8)


def proposal(output: int, score: float, outputs: int = 3) -> list[float]:
    return [score if index == output else (1 - score) / outputs for index in range(outputs + 1)]


def test_the_surer_of_two_proposals_has_the_pixels():
    masks = np.zeros((2, 4, 10), np.float32)
    masks[0, :, :6], masks[1, :, 5:] = 0.9, 0.9
    classes = np.array([proposal(0, 0.85), proposal(0, 0.95)], np.float32)

    found = dict(enumerate(mask for _, mask in tell_apart(classes, masks, (4, 10))))

    assert [int(found[index].sum()) for index in found] == [20, 20]
    assert not (found[0] & found[1]).any()


@pytest.mark.parametrize(
    ("output", "score"),
    [(3, 0.99), (0, 0.79)],
)
def test_none_and_what_is_not_sure_make_no_thing(output: int, score: float):
    classes = np.array([proposal(output, score)], np.float32)

    assert list(tell_apart(classes, np.ones((1, 4, 4), np.float32), (4, 4))) == []


def test_a_proposal_that_loses_a_fifth_of_its_mask_makes_no_thing():
    masks = np.zeros((2, 1, 10), np.float32)
    masks[0, :, :8], masks[1, :, :] = 0.9, 0.8
    classes = np.array([proposal(0, 0.99), proposal(1, 0.9)], np.float32)

    assert [output for output, _ in tell_apart(classes, masks, (1, 10))] == [0]


def test_people_are_segments_and_unknown_to_landscape():
    with torch.inference_mode():
        one = segmenter(Halves())
        labelling = one.finish(one.run(one.prepare(np.zeros((64, 64, 3), np.uint8), "", (64, 64))))

    assert labelling.segments.shape == (64, 64)
    assert set(np.unique(labelling.segments)) == {0, 1, 2}
    assert labelling.segments[5, 60] == 1  # the surer one
    assert labelling.segments[5, 3] == 2
    assert (labelling.ids[labelling.segments > 0] == UNKNOWN).all()
    assert (labelling.ids[:20, 24:40] == SKY).all()
    assert (labelling.ids[40:] == TREE).all()


def test_a_person_is_a_person_where_the_taxonomy_has_one():
    cocostuff = load_taxonomy("cocostuff")
    one = segmenter(Halves(), taxonomy=cocostuff)

    labelling = one.finish(one.run(one.prepare(np.zeros((64, 64, 3), np.uint8), "", (64, 64))))

    assert (labelling.ids[labelling.segments > 0] == cocostuff.id_of("person")).all()


def test_things_are_those_of_the_photo_as_it_stands_not_of_its_mirror_image():
    one = segmenter(Halves(), quality="balanced")

    result = one.run(one.prepare(np.zeros((64, 64, 3), np.uint8), "", (64, 64)))

    assert result.masks.shape == (4, 16, 16)
    assert one.semantic.network.module.latest == []


def test_it_computes_as_its_network_does():
    one = segmenter(Halves())

    short = one.computing(one.numerics_choices[-1])

    assert (short.numerics, short.name, short.looks_at_px) == (one.numerics_choices[-1], "halves", SIDE)
    assert short.parameters["numerics"] == short.numerics
