"""Losses over classes of pixels have the values that one works out by hand."""

import math

import pytest
import torch
from torch import Tensor

from gaugan.spade.segment_losses import class_counts, label_mix_loss, mix_mask, segment_loss, weights_of

# Four classes: 8 pixels of 0, 4 of 1, none of 2, 2 of 3, and 2 unknown.
MAP = torch.tensor([[[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [3, 3, 4, 4]]])

# Two classes; 2 is unknown.
SMALL = torch.tensor([[[0, 1], [2, 0]]])
WEIGHTS = torch.tensor([0.5, 4.0])


def certain(fake: float, *classes: float) -> Tensor:
    """Logits of a 2 x 2 picture whose pixels all have these probabilities: (1, C+1, 2, 2)."""
    return torch.tensor([fake, *classes]).log().view(1, -1, 1, 1).repeat(1, 1, 2, 2)


def random(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_known_pixels_are_counted():
    assert class_counts(MAP, 4).tolist() == [8, 4, 0, 2]


def test_labels_may_be_bytes():
    assert class_counts(MAP.byte(), 4).tolist() == [8, 4, 0, 2]


def test_a_label_beyond_unknown_is_refused():
    with pytest.raises(ValueError, match=r"holds the value 255, but labels are 0\.\.3, and 4 for unknown"):
        class_counts(MAP.masked_fill(MAP == 4, 255), 4)


def test_a_rare_class_weighs_more():
    # 14 known pixels of 3 classes, by 8, 4 and 2 pixels.
    assert weights_of(torch.tensor([8.0, 4, 0, 2]), limit=10).tolist() == pytest.approx([14 / 24, 14 / 12, 0, 14 / 6])


def test_no_class_weighs_more_than_the_limit():
    assert weights_of(torch.tensor([8.0, 4, 0, 2]), limit=2).tolist() == pytest.approx([14 / 24, 14 / 12, 0, 2])


def test_all_classes_count_alike_in_all():
    counts = torch.tensor([600.0, 300, 100])
    assert (counts * weights_of(counts, limit=10)).tolist() == pytest.approx(3 * [1000 / 3])


def test_unknown_maps_weigh_nothing():
    assert weights_of(class_counts(torch.full((1, 4, 4), 4), 4), limit=10).tolist() == [0, 0, 0, 0]


def test_a_real_pixel_is_asked_for_its_class_by_its_weight():
    # Two pixels of class 0 (probability 1/3), one of class 1 (1/6), one unknown.
    loss = segment_loss(certain(1 / 2, 1 / 3, 1 / 6), SMALL, weights=WEIGHTS, real=True)
    assert loss.item() == pytest.approx((2 * 0.5 * math.log(3) + 4 * math.log(6)) / 4)


def test_a_fake_pixel_is_asked_for_no_class():
    loss = segment_loss(certain(1 / 2, 1 / 3, 1 / 6), SMALL, weights=WEIGHTS, real=False)
    assert loss.item() == pytest.approx(3 * math.log(2) / 4)


def test_unknown_pixels_can_be_fake_too():
    loss = segment_loss(certain(1 / 2, 1 / 3, 1 / 6), SMALL, weights=WEIGHTS, real=False, unknown_teaches=True)
    assert loss.item() == pytest.approx(math.log(2))


def test_unknown_pixels_are_never_real():
    logits = certain(1 / 2, 1 / 3, 1 / 6)
    losses = [segment_loss(logits, SMALL, weights=WEIGHTS, real=True, unknown_teaches=x) for x in (True, False)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("real", [True, False])
def test_unknown_pixels_teach_nothing(real):
    logits = torch.randn(1, 3, 2, 2, generator=random(0)[0]).requires_grad_()
    segment_loss(logits, SMALL, weights=WEIGHTS, real=real).backward()
    teaches = logits.grad.abs().sum(1)[0] > 0
    assert teaches.tolist() == [[True, True], [False, True]]


def test_a_photo_pulls_its_class_and_a_picture_pulls_fake():
    pulled = []
    for real in (True, False):
        logits = torch.zeros(1, 3, 2, 2, requires_grad=True)
        segment_loss(logits, SMALL, weights=WEIGHTS, real=real).backward()
        pulled.append((logits.grad[0, :, 0, 1] < 0).tolist())
    assert pulled == [[False, False, True], [True, False, False]]


def test_nothing_known_is_no_loss():
    loss = segment_loss(certain(1 / 2, 1 / 3, 1 / 6), torch.full((1, 2, 2), 2), weights=WEIGHTS, real=True)
    assert loss.item() == 0


@pytest.mark.parametrize("real", [True, False])
def test_the_mean_over_equal_shares_of_a_batch_is_that_of_the_whole(real):
    labels = torch.cat([MAP, torch.full((1, 4, 4), 4), MAP.flip(1), MAP.clamp(max=1)])
    logits = torch.randn(4, 5, 4, 4, generator=random(0)[0])
    weights = weights_of(class_counts(labels[:2], 4) + class_counts(labels[2:], 4), limit=10)
    whole = segment_loss(logits, labels, weights=weights, real=real)
    halves = [
        segment_loss(x, y, weights=weights, real=real) for x, y in zip(logits.chunk(2), labels.chunk(2), strict=True)
    ]
    assert sum(halves).item() / 2 == pytest.approx(whole.item())


def test_labels_of_any_integer_type_give_the_same_loss():
    logits = torch.randn(1, 3, 2, 2, generator=random(0)[0])
    losses = {segment_loss(logits, SMALL.to(x), weights=WEIGHTS, real=True).item() for x in (torch.uint8, torch.int64)}
    assert len(losses) == 1


def test_rough_logits_give_an_exact_loss():
    loss = segment_loss(torch.zeros(1, 3, 2, 2).bfloat16(), SMALL, weights=WEIGHTS, real=False)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(3 * math.log(3) / 4)


def test_the_mask_is_one_truth_a_pixel():
    mask = mix_mask(torch.randint(5, (2, 3, 7), generator=random(0)[0]), classes=4, generators=random(0, 1))
    assert mask.shape == (2, 1, 3, 7)
    assert mask.dtype == torch.bool


def test_the_mask_is_constant_inside_a_class():
    labels = torch.randint(5, (8, 16, 16), generator=random(0)[0])
    mask = mix_mask(labels, classes=4, generators=random(*range(8)))
    for picture, truths in zip(labels, mask[:, 0], strict=True):
        assert all(len(truths[picture == label].unique()) == 1 for label in range(5))


def test_the_same_generators_toss_the_same_mask():
    masks = [mix_mask(MAP.expand(3, 4, 4), classes=4, generators=random(5, 6, 7)) for _ in range(2)]
    assert torch.equal(*masks)


def test_a_picture_is_mixed_alone():
    both = mix_mask(MAP.expand(2, 4, 4), classes=4, generators=random(5, 6))
    assert torch.equal(both[1:], mix_mask(MAP, classes=4, generators=random(6)))


def test_coins_are_fair_and_each_class_has_its_own_as_has_unknown():
    row = torch.arange(5).expand(400, 1, 5)
    tossed = mix_mask(row, classes=4, generators=random(*range(400)))[:, 0, 0].float()  # (pictures, classes)
    assert ((tossed.mean(0) - 0.5).abs() < 0.1).all()
    assert (torch.corrcoef(tossed.T).fill_diagonal_(0).abs() < 0.2).all()


def test_the_global_seed_is_left_alone():
    before = torch.get_rng_state()
    mix_mask(MAP, classes=4, generators=random(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_picture_needs_its_generator():
    with pytest.raises(ValueError, match="2 generators for 1 label maps"):
        mix_mask(MAP, classes=4, generators=random(0, 1))


def test_a_mixture_of_identical_judgements_costs_nothing():
    logits = torch.randn(2, 5, 4, 4, generator=random(0)[0])
    mask = mix_mask(MAP.expand(2, 4, 4), classes=4, generators=random(0, 1))
    assert label_mix_loss(logits, logits, logits, mask).item() == 0


def test_a_mixture_is_asked_for_the_photo_where_the_mask_is_true():
    # The photo's pixel differs by 3 - 1, the picture's three by 3 - 0: (4 + 3 * 9) / 4.
    fake, real, mixed = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2), torch.full((1, 2, 2, 2), 3.0)
    mask = torch.tensor([[[[True, False], [False, False]]]])
    assert label_mix_loss(mixed, fake, real, mask).item() == pytest.approx(31 / 4)


def test_unknown_pixels_of_a_mixture_count_nothing():
    # As above, but the photo's pixel is unknown: (0 + 3 * 9) / 4.
    fake, real, mixed = torch.zeros(1, 2, 2, 2), torch.ones(1, 2, 2, 2), torch.full((1, 2, 2, 2), 3.0)
    mask = torch.tensor([[[[True, False], [False, False]]]])
    assert label_mix_loss(mixed, fake, real, mask, known=~mask).item() == pytest.approx(27 / 4)


def test_all_three_judgements_learn_from_a_mixture():
    fake, real, mixed = (torch.full((1, 2, 2, 2), float(x), requires_grad=True) for x in (0, 1, 3))
    mask = torch.tensor([[[[True, False], [False, False]]]])
    label_mix_loss(mixed, fake, real, mask).backward()
    assert mixed.grad.all()
    assert (fake.grad != 0)[0, 0].tolist() == [[False, True], [True, True]]
    assert (real.grad != 0)[0, 0].tolist() == [[True, False], [False, False]]
