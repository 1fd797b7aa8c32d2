"""How a photo is shown to a network: sizes worked out by hand, values of plain colours."""

import numpy as np
import pytest

from pipeline.segmenters import choices, deeplabv2
from pipeline.segmenters.embedded import network as embedded
from pipeline.segmenters.looks import Look


def plain(height: int, width: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


@pytest.mark.parametrize(
    ("size", "scale", "expected"),
    [
        ((512, 512), 1.0, (512, 512)),
        ((768, 1024), 1.0, (512, 672)),  # 682.7 is 21.3 steps of 32
        ((1024, 768), 1.0, (672, 512)),
        ((768, 1024), 0.75, (384, 512)),
        ((100, 2000), 1.0, (96, 2048)),  # the longer side may not be longer
        ((16, 2000), 1.0, (64, 2048)),  # no side has less than two steps
    ],
)
def test_the_shorter_side_is_512_and_both_are_multiples_of_32(
    size: tuple[int, int], scale: float, expected: tuple[int, int]
):
    look = Look(shorter_px=512, longer_px=2048)

    assert look.size(*size, scale) == expected


def test_a_square_is_a_square_at_every_scale():
    look = Look(shorter_px=64, longer_px=96, is_square=True)

    assert look.to_input(plain(50, 200, (0, 0, 0)), 0.75).shape == (1, 3, 64, 96)


def test_a_network_of_one_size_is_shown_the_same_at_every_scale():
    look = Look(shorter_px=640, longer_px=640, step_px=16, is_fixed=True)

    assert look.size(480, 640, 1.25) == look.size(480, 640, 1.0) == (480, 640)


def test_values_are_divided_then_centred_then_scaled():
    look = Look(shorter_px=32, longer_px=32, divisor=255, mean=(0.2, 0.0, 0.0), std=(0.5, 1.0, 2.0))

    x = look.to_input(plain(32, 32, (255, 51, 102)))

    assert x[0, :, 5, 5].tolist() == pytest.approx([1.6, 0.2, 0.2])


def test_channels_may_be_turned_round():
    look = Look(shorter_px=32, longer_px=32, channel_order="BGR", mean=(0, 0, 0), std=(1, 1, 1))

    assert look.to_input(plain(32, 32, (1, 2, 3)))[0, :, 0, 0].tolist() == [3, 2, 1]


def test_the_rule_is_said_in_words():
    assert Look(shorter_px=512, longer_px=2048).size_rule == "shorter side 512, longer at most 2048, multiples of 32"
    assert Look(shorter_px=513, longer_px=513, step_px=1).size_rule == "longer side 513"
    assert Look(shorter_px=64, longer_px=96, is_square=True).size_rule == "64 x 96"


def test_the_list_says_of_deeplabv2_what_its_code_does():
    look = choices.DEEPLABV2_LOOK
    photo = plain(64, 100, (10, 20, 30))

    assert look.longer_px == deeplabv2.LONGER_SIDE_PX
    assert look.to_input(photo).sub(deeplabv2.to_input(photo)).abs().max() == 0
    assert choices.NEVER_TRAINED["cocostuff"] == deeplabv2.NEVER_TRAINED


def test_the_list_says_of_the_embedded_network_what_its_code_does():
    look = choices.EMBEDDED_LOOK
    photo = plain(64, 64, (10, 20, 30))

    assert look.longer_px == embedded.LONGER_SIDE_PX
    assert choices.EMBEDDED_WEIGHTS == embedded.WEIGHTS
    assert look.to_input(photo)[0, :, 0, 0].tolist() == pytest.approx(embedded.to_input(photo)[0, :, 0, 0].tolist())
