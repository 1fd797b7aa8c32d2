"""Weights of another run, moved to where their classes stand now."""

from dataclasses import replace

import pytest
import torch

from gaugan.checkpoint import About, save
from gaugan.config import load_settings
from gaugan.errors import CheckpointError
from gaugan.spade.painter import SpadePainter
from gaugan.spade.patch_judge import PatchJudge
from gaugan.spade.transfer import Axis, Channels, begin_from, has_like_discriminator, move, moved, refuse_unlike

OLD = Channels(classes=2, unknown=True, edges=True, noise=0)


def about(*assignments, classes=2, edges=True, missing=()):
    small = ["model.width=4", "discriminator_width=4", "crop_size=32", *assignments]
    return About(
        settings=load_settings("spade", small),
        classes=classes,
        unknown=True,
        edges=edges,
        images_shown=0,
        missing=missing,
    )


def columns(*values):
    """A weight (1, n) whose entries tell where they come from."""
    return torch.tensor([values], dtype=torch.float32)


def test_classes_change_places_and_a_new_one_begins_with_the_mean():
    now = Channels(classes=3, unknown=True, edges=True, noise=0)

    result = move(columns(1, 3, 7, 9), torch.zeros(1, 5), Axis(1), was=OLD, now=now, classes=(1, None, 0))

    assert result.tolist() == [[3, 2, 1, 7, 9]]


def test_edges_that_were_not_there_begin_with_nothing():
    was, now = replace(OLD, edges=False), OLD

    result = move(columns(1, 3, 7), torch.ones(1, 4), Axis(1), was=was, now=now, classes=(0, 1))

    assert result.tolist() == [[1, 3, 7, 0]]


def test_edges_that_are_no_longer_there_are_left_out():
    now = replace(OLD, edges=False)

    result = move(columns(1, 3, 7, 9), torch.zeros(1, 3), Axis(1), was=OLD, now=now, classes=(0, 1))

    assert result.tolist() == [[1, 3, 7]]


def test_unknown_pixels_that_were_not_there_begin_with_the_mean():
    was = replace(OLD, unknown=False, edges=False)
    now = replace(OLD, edges=False)

    result = move(columns(1, 3), torch.zeros(1, 3), Axis(1), was=was, now=now, classes=(0, 1))

    assert result.tolist() == [[1, 3, 2]]


def test_noise_that_was_not_there_is_drawn():
    now = replace(OLD, noise=2)

    result = move(columns(1, 3, 7, 9), columns(0, 0, 0, 0, 5, 6), Axis(1), was=OLD, now=now, classes=(0, 1))

    assert result.tolist() == [[1, 3, 7, 9, 5, 6]]


def test_the_colours_behind_the_labels_of_a_discriminator_stay_behind():
    now = Channels(classes=1, unknown=True, edges=True, noise=0)
    weight = columns(1, 3, 7, 9, 20, 21, 22)

    result = move(weight, torch.zeros(1, 6), Axis(1, behind=3), was=OLD, now=now, classes=(1,))

    assert result.tolist() == [[3, 7, 9, 20, 21, 22]]


def test_the_channel_of_painted_pixels_stays_before_the_classes():
    result = move(columns(50, 1, 3)[0], torch.zeros(3), Axis(0, before=1), was=OLD, now=OLD, classes=(1, 0))

    assert result.tolist() == [50, 3, 1]


@pytest.mark.parametrize(
    "assignments", [(), ("modulation=classes",), ("discriminator=segments", "noise_size=3"), ("style_encoder=true",)]
)
def test_all_weights_of_a_method_find_their_place(assignments):
    from gaugan.processes import accelerate
    from gaugan.spade.method import SpadeMethod

    old, new = about(*assignments), about(*assignments, classes=4, edges=False)
    made = []
    for one in (old, new):
        shape = {"classes": one.classes, "unknown": True, "edges": one.edges}
        made.append(SpadeMethod(one.settings, **shape, accelerator=accelerate(one.settings)))

    for network in ("painter", "judge.network"):
        before, after = (method.painter if network == "painter" else method.judge.network for method in made)
        moved_weights = moved(before.state_dict(), after.state_dict(), old=old, new=new, classes=(0, 1, None, 1))
        after.load_state_dict(moved_weights)


NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_GPU)])
def test_a_run_begins_with_the_weights_of_another_on_any_device(tmp_path, device):
    old, new = about(), about(classes=4)
    (was, judged), (painter, judge), (averaged, _) = (
        (
            SpadePainter(one.settings, classes=one.classes, unknown=True, edges=True),
            PatchJudge(one.settings, classes=one.classes, unknown=True, edges=True).network,
        )
        for one in (old, new, new)
    )
    networks = {"generator": was.generator, "discriminator": judged}
    folder = save(tmp_path, about=old, networks=networks, optimizers={}, averaged=was, keep=1)
    on_device = {"painter": painter.to(device), "averaged": averaged.to(device), "discriminator": judge.to(device)}

    begun = begin_from(folder, about=new, classes=(0, 1, None, 1), **on_device)

    assert begun == ("generator", "discriminator")
    for network in (painter, averaged):
        assert torch.equal(network.generator.conv_img.bias.cpu(), was.generator.conv_img.bias)


def test_networks_of_another_width_have_no_place():
    with pytest.raises(CheckpointError, match=r"trained with model\.width=4, this one is to have model\.width=8"):
        refuse_unlike(about(), about("model.width=8"))


def test_all_that_keeps_weights_from_their_place_is_said_at_once():
    with pytest.raises(CheckpointError) as raised:
        refuse_unlike(
            about("style_encoder=true"), about("style_encoder=true", "width=8", "model.spectral=false", "aspect=2")
        )

    assert str(raised.value).endswith("Begin with --set model.width=4 --set model.spectral=true --set data.aspect=1.0")


def test_another_size_has_a_place_where_there_is_no_style_encoder():
    refuse_unlike(about(), about("crop_size=64"))


def test_styles_belong_to_their_size():
    with pytest.raises(CheckpointError, match=r"--set data\.crop_size=32$"):
        refuse_unlike(about("style_encoder=true"), about("style_encoder=true", "crop_size=64"))


def test_another_discriminator_is_drawn_anew():
    assert has_like_discriminator(about(), about("crop_size=64"))
    assert not has_like_discriminator(about(), about("discriminator_width=8"))
    assert not has_like_discriminator(about(missing=("discriminator",)), about())


def test_weights_that_are_missing_are_named():
    with pytest.raises(CheckpointError, match="lacks the weights conv_img"):
        moved({}, {"conv_img.weight": torch.zeros(1)}, old=about(), new=about(), classes=(0, 1))
