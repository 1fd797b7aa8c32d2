"""The loop: what it reports, when it paints and saves, and that a run once interrupted ends the same."""

import signal

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file

from gaugan import cache, checkpoint
from gaugan import train as train_module
from gaugan.checkpoint import AVERAGED, NETWORKS, OPTIMIZERS
from gaugan.config import load_settings
from gaugan.data import Batch
from gaugan.errors import DataError, OutOfMemoryError, SettingsError, TrainingError
from gaugan.generate import load_painter
from gaugan.processes import accelerate
from gaugan.reading import Sample
from gaugan.reports import Scored
from gaugan.spade.method import SpadeMethod
from gaugan.train import Origin, train

SMALL = [
    "crop_size=32",
    "width=4",
    "discriminator_width=4",
    "batch_size=2",
    "workers=0",
    "device=cpu",
    "images=8",
    "ema_images=4",
    "sample_every_images=4",
    "checkpoint_every_images=4",
    "score_every_images=0",
    "generator_learning_rate=1e-3",
    "discriminator_learning_rate=1e-3",
]
STYLE = ["style_encoder=true", "style_size=8"]


def small(*assignments):
    return load_settings("spade", [*SMALL, *assignments])


@pytest.fixture(autouse=True)
def settle_quickly(monkeypatch):
    monkeypatch.setattr("gaugan.train.SETTLE_IMAGES", 4)


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """Three landscapes: sky above ground, with a tree between."""
    folder, random = tmp_path_factory.mktemp("samples"), np.random.default_rng(0)
    made = []
    for k in range(3):
        labels = np.repeat(np.arange(40) > 15 + 3 * k, 50).reshape(40, 50).astype(np.uint8)
        labels[10:30, 8 * k : 8 * k + 10] = 2
        labels[:2, 20:30] = 255
        colours = np.array([[120, 170, 230], [90, 120, 60], [30, 70, 30]])[labels.clip(0, 2)]
        photo = (colours + random.normal(0, 8, colours.shape)).clip(0, 255).astype(np.uint8)
        paths = [folder / f"{k}.{end}" for end in ("jpg", "png", "ids.png")]
        Image.fromarray(photo).save(paths[0])
        Image.fromarray(labels).save(paths[1])
        Image.fromarray(labels.astype(np.uint16) + 300).save(paths[2])
        made.append(Sample(image=paths[0], labels=paths[1], instances=paths[2]))
    return made


def run(folder, samples, settings=None, **callbacks):
    settings = settings or small()
    return train(settings, train_samples=samples, fixed_samples=samples[:2], classes=3, run_folder=folder, **callbacks)


def stop_at(images, error):
    def on_step(step):
        if step.images_shown == images:
            raise error

    return on_step


def files(folder):
    return {name: (checkpoint.latest(folder) / name).read_bytes() for name in (AVERAGED, NETWORKS, OPTIMIZERS)}


def test_every_step_is_reported_in_images(tmp_path, samples):
    steps = []

    run(tmp_path, samples, on_step=steps.append)

    assert [step.images_shown for step in steps] == [2, 4, 6, 8]
    assert {"adversarial", "features", "fake", "real"} == set(steps[0].losses)
    assert all(step.seconds > 0 and step.peak_memory_bytes > 0 for step in steps)


def test_the_start_says_how_large_the_networks_are(tmp_path, samples):
    starts = []

    run(tmp_path, samples, small("images=2"), on_start=starts.append)

    assert starts[0].parameters.keys() == {"generator", "discriminator"}
    assert starts[0].images_in_all == 2


def test_samples_are_painted_at_the_start_at_intervals_and_at_the_end(tmp_path, samples):
    sheets = []

    run(tmp_path, samples, small("images=10"), on_samples=sheets.append)

    assert [sheet.images_shown for sheet in sheets] == [0, 4, 8, 10]


def test_the_first_sheet_is_not_at_the_ends_of_the_range(tmp_path, samples):
    sheets = []

    run(tmp_path, samples, small("images=2"), on_samples=sheets.append)

    first = sheets[0].generated
    assert ((first <= 1) | (first >= 254)).float().mean() < 0.1


def test_samples_are_labels_photos_and_pictures_of_one_size(tmp_path, samples):
    sheets = []

    run(tmp_path, samples, small("images=2"), on_samples=sheets.append)

    assert sheets[0].labels.shape == (2, 32, 32)
    assert sheets[0].photos.shape == sheets[0].generated.shape == (2, 32, 32, 3)
    assert {x.dtype for x in (sheets[0].labels, sheets[0].photos, sheets[0].generated)} == {torch.uint8}


def test_unknown_pixels_of_samples_are_255(tmp_path, samples):
    sheets = []

    run(tmp_path, samples, small("images=2", "crop_margin=0"), on_samples=sheets.append)

    assert set(sheets[0].labels.unique().tolist()) == {0, 1, 2, 255}


@pytest.mark.parametrize(
    "options", [[], STYLE, ["model.norm=instance", "ema_images=0", "crop_size=64"]], ids=["plain", "style", "instance"]
)
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(tmp_path, samples, options):
    settings = small(*options)
    run(tmp_path / "whole", samples, settings)

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", samples, settings, on_step=stop_at(6, KeyboardInterrupt()))
    run(tmp_path / "parts", samples, settings)

    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_a_run_that_died_between_checkpoints_ends_the_same(tmp_path, samples):
    run(tmp_path / "whole", samples)

    with pytest.raises(RuntimeError, match="power cut"):
        run(tmp_path / "parts", samples, on_step=stop_at(6, RuntimeError("power cut")))
    assert checkpoint.images_shown(checkpoint.latest(tmp_path / "parts")) == 4
    run(tmp_path / "parts", samples)

    assert files(tmp_path / "parts") == files(tmp_path / "whole")


def test_an_interrupted_run_is_saved_first(tmp_path, samples):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, samples, on_step=stop_at(2, KeyboardInterrupt()))

    assert checkpoint.images_shown(checkpoint.latest(tmp_path)) == 2


def test_a_resumed_run_says_where_it_was_left(tmp_path, samples):
    starts = []
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, samples, on_step=stop_at(6, KeyboardInterrupt()))

    run(tmp_path, samples, on_start=starts.append)

    assert starts[0].images_shown == 6


def test_a_finished_run_does_nothing(tmp_path, samples):
    run(tmp_path, samples)
    steps = []

    assert run(tmp_path, samples, on_step=steps.append) == 8
    assert steps == []


def test_a_finished_run_goes_on_when_more_images_are_asked_for(tmp_path, samples):
    run(tmp_path, samples)

    assert run(tmp_path, samples, small("images=10")) == 10


def test_the_same_seed_gives_the_same_run(tmp_path, samples):
    for name in ("a", "b"):
        run(tmp_path / name, samples, small("images=4"))

    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_another_seed_gives_another_run(tmp_path, samples):
    for seed in (0, 1):
        run(tmp_path / str(seed), samples, small("images=4", f"seed={seed}"))

    assert files(tmp_path / "0")[NETWORKS] != files(tmp_path / "1")[NETWORKS]


def test_the_number_of_samples_painted_does_not_change_the_run(tmp_path, samples):
    run(tmp_path / "painted", samples, on_samples=lambda sheet: None)
    run(tmp_path / "unpainted", samples, small("sample_every_images=20000"))

    assert files(tmp_path / "painted")[NETWORKS] == files(tmp_path / "unpainted")[NETWORKS]


def test_samples_without_instances_train_without_edges(tmp_path, samples):
    starts = []
    bare = [Sample(image=sample.image, labels=sample.labels) for sample in samples]

    run(tmp_path, bare, small("images=2"), on_start=starts.append)

    assert starts[0].edges is False


def test_edges_can_be_left_out(tmp_path, samples):
    starts = []

    run(tmp_path, samples, small("images=2", "data.edges=false"), on_start=starts.append)

    assert starts[0].edges is False


def test_photos_are_kept_decoded_while_a_run_lasts_and_no_longer(tmp_path, samples):
    starts, seen = [], []

    run(tmp_path, samples, on_start=starts.append, on_step=lambda step: seen.extend(tmp_path.glob("*.cache")))

    assert starts[0].photos_kept == starts[0].photos == len(samples)
    assert seen and not list(tmp_path.glob("*.cache"))


def test_an_interrupted_run_leaves_no_decoded_photos(tmp_path, samples):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, samples, on_step=stop_at(2, KeyboardInterrupt()))

    assert not list(tmp_path.glob("*.cache"))


def test_decoded_photos_of_a_process_killed_at_its_end_are_removed(tmp_path, samples):
    run(tmp_path, samples)
    (tmp_path / "photos-0.cache").write_bytes(b"left")

    run(tmp_path, samples)

    assert not list(tmp_path.glob("*.cache"))


def test_a_full_disk_keeps_no_photo_and_the_run_goes_on(tmp_path, samples, monkeypatch):
    starts = []
    monkeypatch.setattr(cache, "reserve", lambda path, size: False)

    assert run(tmp_path, samples, on_start=starts.append) == 8
    assert starts[0].photos_kept == 0


@pytest.mark.parametrize(("fresh", "painted"), [("true", 2), ("false", 1)])
def test_the_discriminator_sees_a_new_picture_or_the_one_just_learned_from(fresh, painted):
    taught = method(small(f"fresh_pictures={fresh}"))
    taught.step(Batch(image=torch.zeros(2, 3, 32, 32), labels=torch.zeros(2, 32, 32).byte(), positions=(0, 1)))

    assert taught.painter.generator.head_0.norm_0.param_free_norm.num_batches_tracked == painted


def test_no_samples_are_refused(tmp_path):
    with pytest.raises(DataError, match="there are no samples"):
        run(tmp_path, [])


def test_bf16_trains(tmp_path, samples):
    steps = []

    run(tmp_path, samples, small("images=2", "precision=bf16"), on_step=steps.append)

    assert all(np.isfinite(loss) for loss in steps[0].losses.values())


def test_missing_perceptual_weights_are_named(tmp_path, samples):
    with pytest.raises(SettingsError, match=r"losses\.perceptual_weights: .*nowhere\.pth"):
        run(tmp_path, samples, small("perceptual_weights=nowhere.pth"))


def method(settings):
    return SpadeMethod(settings, classes=3, unknown=True, edges=False, accelerator=accelerate(settings))


def drawn_batch():
    random = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 32, 48, generator=random) * 2 - 1
    return Batch(image=image, labels=torch.randint(0, 4, (2, 32, 48), generator=random), positions=(0, 1))


def test_one_step_reaches_every_weight():
    # Within its margins the hinge loss pulls the last bias both ways alike: only rounding would move it.
    made = method(small(*STYLE, "adversarial=least_squares"))
    before = {name: p.clone() for name, p in made.painter.named_parameters()}
    before |= {name: p.clone() for name, p in made.judge.network.named_parameters()}

    made.step(drawn_batch())

    after = dict(made.painter.named_parameters()) | dict(made.judge.network.named_parameters())
    assert [name for name in before if torch.equal(before[name], after[name])] == []


def test_the_style_encoder_adds_its_loss():
    assert "kl" in method(small(*STYLE)).step(drawn_batch()).losses


def test_the_generator_gets_no_gradient_from_the_discriminators_turn():
    made = method(small())

    made.step(drawn_batch())

    assert all(p.grad is None for p in [*made.painter.parameters(), *made.judge.network.parameters()])


def test_settled_statistics_are_those_of_the_averaged_weights():
    made, batch = method(small()), drawn_batch()

    made.settle([batch])

    made.averaged.train()
    trained, _ = made.averaged(made.averaged.condition(batch.labels, None), batch.image, None)
    painted = made.averaged.paint(batch.labels, seeds=[0, 1])
    assert (trained - painted).abs().max() < 0.05


EVERYTHING = [
    *STYLE,
    "warp=0.1",
    "zoom=0.5",
    "crop_margin=0.3",
    "keep_horizon=true",
    "balance=0.5",
    "augmentation.colour=true",
    "augmentation.translation=0.125",
    "augmentation.cutout=0.25",
    "batch_size=4",
    "accumulate=2",
    "images=16",
    "checkpoint_every_images=8",
    "score_every_images=8",
    "score_weights=patches",
    "decay=cosine",
    "warmup_images=4",
]
SEGMENTS = ["discriminator=segments", "noise_size=4", "features=0", "augmentation.translation=0.125", "images=8"]


@pytest.mark.parametrize("options", [EVERYTHING, SEGMENTS, ["modulation=classes"]], ids=["all", "segments", "classes"])
def test_a_run_with_all_that_is_random_ends_the_same_after_an_interruption(tmp_path, samples, options):
    settings = small(*options)
    shown = settings.training.images * 3 // 4
    run(tmp_path / "whole", samples, settings, val_samples=samples, sky=frozenset({0}))

    with pytest.raises(RuntimeError, match="power cut"):
        cut = stop_at(shown, RuntimeError("power cut"))
        run(tmp_path / "parts", samples, settings, val_samples=samples, sky=frozenset({0}), on_step=cut)
    run(tmp_path / "parts", samples, settings, val_samples=samples, sky=frozenset({0}))

    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert checkpoint.read_progress(checkpoint.latest(tmp_path / "parts")) == checkpoint.read_progress(
        checkpoint.latest(tmp_path / "whole")
    )


def ruined(steps):
    """A SpadeMethod whose generator's gradients are not finite in these steps, counted from 0."""

    class Ruined(SpadeMethod):
        taken = -1

        def step(self, batch):
            Ruined.taken += 1
            return super().step(batch)

        def ask_generator(self, *given):
            asked = super().ask_generator(*given)
            return asked | {"ruin": asked["adversarial"] * float("nan")} if Ruined.taken in steps else asked

    return Ruined


def test_a_step_whose_gradients_are_no_numbers_is_skipped_and_counted(tmp_path, samples, monkeypatch):
    monkeypatch.setitem(train_module.METHODS, "spade", ruined({1}))
    steps = []

    assert run(tmp_path, samples, on_step=steps.append) == 8

    assert [step.skipped_steps for step in steps] == [0, 1, 1, 1]
    assert [step.signs.skipped for step in steps] == [False, True, False, False]


def test_a_skipped_step_leaves_no_trace_in_the_networks():
    taught = ruined({0})(small(), classes=3, unknown=True, edges=False, accelerator=accelerate(small()))
    before = {name: x.clone() for part in (taught.painter, taught.judge.network) for name, x in state(part)}

    lesson = taught.step(drawn_batch())

    after = {name: x for part in (taught.painter, taught.judge.network) for name, x in state(part)}
    assert lesson.skipped == ("generator", "discriminator")
    assert [name for name in before if not torch.equal(before[name], after[name])] == []


def state(network):
    return network.state_dict().items()


def test_ten_skipped_steps_in_a_row_end_the_run_with_a_sentence_and_the_last_good_checkpoint(
    tmp_path, samples, monkeypatch
):
    monkeypatch.setitem(train_module.METHODS, "spade", ruined(set(range(2, 100))))

    with pytest.raises(TrainingError, match=r"10 steps in a row.*generator_learning_rate.*checkpoints.0000000"):
        run(tmp_path, samples, small("images=40", "checkpoint_every_images=4", "keep_checkpoints=9"))

    newest = checkpoint.latest(tmp_path)
    assert all(torch.isfinite(x).all() for x in load_file(newest / NETWORKS).values())


def test_skipped_steps_are_still_counted_after_an_interruption(tmp_path, samples, monkeypatch):
    monkeypatch.setitem(train_module.METHODS, "spade", ruined({0}))
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, samples, on_step=stop_at(4, KeyboardInterrupt()))
    steps = []

    run(tmp_path, samples, on_step=steps.append)

    assert steps[0].skipped_steps == 1


def test_scores_are_taken_at_intervals_and_the_best_is_kept(tmp_path, samples):
    scores = []
    settings = small("images=12", "score_every_images=4", "score_weights=patches", "keep_checkpoints=1")

    run(tmp_path, samples, settings, val_samples=samples, on_score=scores.append)

    assert [scored.images_shown for scored in scores] == [4, 8, 12]
    best = min(scores, key=lambda scored: scored.value)
    assert checkpoint.images_shown(checkpoint.best(tmp_path)) == best.images_shown
    assert all(scored.floor > 0 and scored.photos == 3 for scored in scores)


def test_a_run_that_gets_no_better_ends_early_where_that_is_asked_for(tmp_path, samples, monkeypatch):
    monkeypatch.setattr("gaugan.validation.Validation.score", scores_of(3.0, 1.0, 2.0, 1.5, 0.5))
    settings = small("images=40", "score_every_images=4", "score_weights=patches", "patience=2")

    assert run(tmp_path, samples, settings, val_samples=samples) == 16
    assert run(tmp_path, samples, settings, val_samples=samples) == 16
    assert checkpoint.images_shown(checkpoint.best(tmp_path)) == 8


def scores_of(*values):
    left = iter(values)
    return lambda validation, painter: Scored(
        images_shown=0, name="drawn", value=next(left), floor=9.0, photos=3, is_best=False
    )


def test_a_run_can_begin_with_the_weights_of_another(tmp_path, samples):
    run(tmp_path / "first", samples)
    origin = Origin(checkpoint=checkpoint.best(tmp_path / "first"), classes=(0, 1, 2))
    starts, sheets = [], []

    run(
        tmp_path / "second",
        samples,
        small("images=2", "seed=5"),
        origin=origin,
        on_start=starts.append,
        on_samples=sheets.append,
    )

    painter = load_painter(tmp_path / "first")
    assert "generator and discriminator" in starts[0].begun_from
    labels = sheets[0].labels[0]
    close = (sheets[0].generated[0].int() - painter.paint(labels, size=tuple(labels.shape)).int()).abs()
    assert close.float().mean() < 2  # edges of the sheet are of instances, those of the painter of labels


def test_out_of_memory_in_a_step_is_a_sentence(tmp_path, samples, monkeypatch):
    def step(self, batch):
        torch.empty(2**50)

    monkeypatch.setattr(SpadeMethod, "step", step)

    with pytest.raises(OutOfMemoryError, match="a batch of 2 images at 32 px"):
        run(tmp_path, samples)


def test_a_label_out_of_range_is_named_before_anything_is_painted(tmp_path, samples):
    labels = tmp_path / "bad.png"
    Image.fromarray(np.full((40, 50), 77, np.uint8)).save(labels)
    bad = Sample(image=samples[0].image, labels=labels, instances=samples[0].instances)
    starts = []

    with pytest.raises(DataError, match=r"bad\.png holds class 77.*column 0, row 0"):
        run(tmp_path, [*samples, bad], on_start=starts.append)
    assert starts == []


def interrupted_in(callback):
    """A callback in which Ctrl-C is pressed at the end of the run."""
    seen = []

    def call(report):
        seen.append(report)
        if report.images_shown == 8 and len(seen) == callback:
            signal.raise_signal(signal.SIGINT)

    return seen, call


def test_ctrl_c_while_a_sheet_is_painted_loses_neither_sheet_nor_score(tmp_path, samples):
    settings = small("score_every_images=4", "score_weights=patches", "images=12")
    sheets, on_samples = interrupted_in(3)
    scores = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path, samples, settings, val_samples=samples, on_samples=on_samples, on_score=scores.append)
    finally:
        signal.signal(signal.SIGINT, before)
    run(tmp_path, samples, settings, val_samples=samples, on_samples=on_samples, on_score=scores.append)

    assert [sheet.images_shown for sheet in sheets] == [0, 4, 8, 12]
    assert [scored.images_shown for scored in scores] == [4, 8, 12]


def test_ctrl_c_at_the_very_end_of_a_run_ends_it_as_it_would_have_ended(tmp_path, samples):
    sheets, on_samples = interrupted_in(3)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run(tmp_path, samples, on_samples=on_samples) == 8
    finally:
        signal.signal(signal.SIGINT, before)

    assert [sheet.images_shown for sheet in sheets] == [0, 4, 8]


def test_a_skipped_step_does_not_move_the_average(tmp_path, samples, monkeypatch):
    monkeypatch.setitem(train_module.METHODS, "spade", ruined({3}))
    settings = small("checkpoint_every_images=2", "keep_checkpoints=9", "norm=instance", "crop_size=64", "images=8")

    run(tmp_path, samples, settings)

    before, after = (load_file(tmp_path / "checkpoints" / name / AVERAGED) for name in ("000000006", "000000008"))
    weights = [name for name in before if name.endswith(("weight", "bias", "weight_orig"))]
    assert weights and all(torch.equal(before[name], after[name]) for name in weights)


def test_patience_without_scores_is_refused(tmp_path, samples):
    with pytest.raises(SettingsError, match=r"training\.patience is 2, but nothing is scored"):
        run(tmp_path, samples, small("patience=2"))


def test_a_score_in_the_features_that_the_loss_uses_is_refused(tmp_path, samples):
    torch.manual_seed(0)
    layers = torchvision.models.squeezenet1_1(weights=None).features.state_dict()
    save_file({f"features.{name}": x for name, x in layers.items()}, tmp_path / "weights.safetensors")
    (tmp_path / "copy.safetensors").write_bytes((tmp_path / "weights.safetensors").read_bytes())
    loss = f"perceptual_weights={tmp_path / 'weights.safetensors'}"
    score = f"score_weights={tmp_path / 'copy.safetensors'}"

    with pytest.raises(SettingsError, match=r"the same network.*score_weights=patches"):
        run(tmp_path, samples, small(loss, score, "score_every_images=4"), val_samples=samples)


def test_decoded_photos_of_processes_that_are_no_longer_there_are_removed(tmp_path, samples):
    (tmp_path / "photos-1.cache").write_bytes(b"left")
    left = []

    run(tmp_path, samples, on_step=lambda step: left.append((tmp_path / "photos-1.cache").exists()))

    assert not any(left)


def test_settings_that_processes_cannot_share_are_refused():
    with pytest.raises(SettingsError, match=r"batch_size is 2, expected a multiple of 3: 3 processes"):
        train_module.refuse_uneven(small(), 3)
