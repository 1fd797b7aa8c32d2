"""The training loop, from samples to checkpoints: it knows a method by step(batch) -> lesson, and what it paints."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from gaugan import cache, checkpoint
from gaugan.checkpoint import NO_PROGRESS, About
from gaugan.data import Batch, Crops, Positions, batches, have_instances, stack, to_bytes
from gaugan.diagnosis import Signs
from gaugan.errors import SettingsError, TrainingError
from gaugan.guard import MOST_IN_A_ROW, Guard
from gaugan.interrupts import hold_interrupt, terminating
from gaugan.lesson import Lesson
from gaugan.memory import explains_memory, peak_memory_bytes
from gaugan.processes import accelerate, explained_processes, shared, summed
from gaugan.reading import UNKNOWN, Sample
from gaugan.reports import Samples, Scored, Start, Step
from gaugan.sampling import repeat_factors
from gaugan.scan import known_shares
from gaugan.schedule import is_due, learning_rate_factor, set_learning_rates
from gaugan.settings import Settings
from gaugan.spade.conditions import edges
from gaugan.spade.method import SpadeMethod
from gaugan.validation import Validation, is_scored, refuse_scores

SETTLE_IMAGES, SETTLE_BATCH_SIZE = 64, 8
PHOTOS = "photos-{}.cache"
"""The file in a run's folder that each process keeps decoded photos in."""
SHARES = "labels.safetensors"
"""The file in a run's folder that says how much of each class its photos show."""

NO_NAMES: Mapping[str, Path] = MappingProxyType({})

METHODS: Mapping[str, Callable[..., "Method"]] = {"spade": SpadeMethod}


class Method(Protocol):
    """What the loop asks of a method.

    networks, optimizers: what a checkpoint holds, by name.    painter: what is averaged into `averaged`.
    averaged: a network with paint(labels, seeds=, edges=), as SpadePainter has it.
    guard: what says which gradients are sound.    features: what judges looks, with a name, or None.
    """

    optimizers: Mapping[str, torch.optim.Optimizer]
    painter: nn.Module
    averaged: Any
    guard: Guard
    features: Any

    @property
    def networks(self) -> Mapping[str, nn.Module]: ...

    def begin_from(self, folder: Path, *, about: About, classes: Sequence[int | None]) -> tuple[str, ...]: ...

    def step(self, batch: Batch) -> Lesson: ...

    def settle(self, batches: Iterable[Batch]) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The checkpoint whose weights a run begins with.

    classes: for each class of this run the one of the other that it continues, or None.
    """

    checkpoint: Path
    classes: tuple[int | None, ...]


@explained_processes()
@terminating()
@explains_memory
def train(
    settings: Settings,
    *,
    train_samples: Sequence[Sample],
    fixed_samples: Sequence[Sample],
    classes: int,
    run_folder: Path,
    val_samples: Sequence[Sample] = (),
    sky: frozenset[int] = frozenset(),
    origin: Origin | None = None,
    named_weights: Mapping[str, Path] = NO_NAMES,
    on_start: Callable[[Start], None] | None = None,
    on_step: Callable[[Step], None] | None = None,
    on_samples: Callable[[Samples], None] | None = None,
    on_score: Callable[[Scored], None] | None = None,
) -> int:
    """Train, or go on where run_folder/checkpoints was left; returns the images shown.

    fixed_samples: painted at the start, now and then, and at the end; may be empty.    classes: C.
    val_samples: scored on, if there are two or more.    sky: classes above the horizon.    origin: what to begin from.
    named_weights: files that settings may call by a name.    on_...: called on the first process only.
    A KeyboardInterrupt, theirs too, and the signal that ends a process save first.
    Raises: SettingsError, DataError, CheckpointError, OutOfMemoryError, TrainingError.
    """
    plan, images_in_all = settings.training, settings.training.images_in_all(len(train_samples))
    if checkpoint.is_finished(run_folder, images_in_all=images_in_all):
        remove_leftovers(run_folder)
        return checkpoint.images_shown(checkpoint.latest(run_folder))

    # The device, or this process's share of several.
    accelerator = accelerate(settings)
    leads, ranks = accelerator.is_main_process, accelerator.num_processes
    refuse_uneven(settings, ranks)

    # What the photos show, from looking through all label maps before anything is learned from one.
    samples = [*train_samples, *val_samples]
    shares = shared(known_shares(run_folder / SHARES, samples, classes=classes) if leads else None)
    factors = repeat_factors(shares[: len(train_samples)], balance=settings.data.balance)

    # Crops by position; edges only where every sample has instances.
    has_edges = settings.data.edges and have_instances([*samples, *fixed_samples])
    reading = {
        "settings": settings.data,
        "classes": classes,
        "seed": plan.seed,
        "find_edges": edges if has_edges else None,
        "sky": sky,
    }
    crops = Crops(train_samples, **reading, factors=factors)
    fixed = Crops(fixed_samples, **reading) if fixed_samples else None

    # Networks: from the newest checkpoint, from another run, or from the seed.
    shape = {"classes": classes, "unknown": True, "edges": has_edges}
    method = METHODS[settings.model.method](settings, **shape, accelerator=accelerator, named_weights=named_weights)
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in method.optimizers.items()}
    state = {"networks": method.networks, "optimizers": method.optimizers, "averaged": method.averaged}
    newest, progress, begun = checkpoint.latest(run_folder), NO_PROGRESS, ()
    images_shown = checkpoint.images_shown(newest) if newest else 0
    about = About(settings=settings, **shape, images_shown=images_shown)
    if newest:
        checkpoint.load(newest, about=about, **state)
        progress = checkpoint.read_progress(newest)
        method.guard.load(progress.guard)
    elif origin:
        begun = method.begin_from(origin.checkpoint, about=about, classes=origin.classes)

    def settle() -> None:
        settling, size = range(SETTLE_IMAGES), max(2, min(SETTLE_BATCH_SIZE, plan.batch_size // plan.accumulate))
        method.settle(
            stack([crops[k] for k in settling[i : i + size]]).to(accelerator.device) for i in settling[::size]
        )

    def save() -> None:
        now = replace(about, images_shown=images_shown)
        so_far = replace(progress, guard=method.guard.state())
        checkpoint.save(run_folder, about=now, keep=plan.keep_checkpoints, progress=so_far, **state)

    # Scores on the validation photos.
    refuse_scores(settings, photos=len(val_samples), named_weights=named_weights)
    validation = None
    if leads and is_scored(settings, photos=len(val_samples)):
        judged_by = {"weights": plan.score_weights, "named_weights": named_weights, "device": accelerator.device}
        validation = Validation(Crops(val_samples, **reading), trained_on=crops, **judged_by)

    positions = Positions(
        start=images_shown,
        stop=images_in_all,
        batch_size=plan.batch_size,
        rank=accelerator.process_index,
        ranks=ranks,
    )
    keeping, is_whole = run_folder / PHOTOS.format(accelerator.process_index), True
    try:
        # Say what is about to happen, when it is known what the disk has room for.
        if leads:
            remove_leftovers(run_folder, of_processes_from=ranks)
        crops.cache = cache.open_cache(keeping, cache.plan(train_samples, settings=settings.data))
        if leads and on_start:
            on_start(
                Start(
                    images_shown=images_shown,
                    images_in_all=images_in_all,
                    parameters=parameters(method),
                    edges=has_edges,
                    device=device_name(accelerator.device),
                    processes=ranks,
                    photos=len(train_samples),
                    photos_kept=len(crops.cache.plan.sizes) if crops.cache else 0,
                    perceptual=method.features.name if method.features else None,
                    scored_on=validation.photos if validation else 0,
                    begun_from=f"{' and '.join(begun)} of {origin.checkpoint}" if begun else None,
                )
            )
        if leads and on_samples and fixed and not images_shown:
            settle()  # untrained networks have no statistics of their own yet: what they paint would be one flat colour
            on_samples(paint(method, fixed, images_shown=0))

        # Interrupts wait for the end of a step, and of what is due after it.
        with hold_interrupt() as held:
            started = time.perf_counter()
            for batch in batches(crops, positions, device=accelerator.device):
                waited = time.perf_counter() - started

                # One step.
                is_whole = False
                factor = learning_rate_factor(images_shown, images_in_all, training=plan)
                set_learning_rates(method.optimizers, rates, factor=factor)
                lesson = method.step(batch)
                images_shown += plan.batch_size
                method.guard.count(skipped=bool(lesson.skipped))
                if "generator" not in lesson.skipped:
                    keep = checkpoint.half_life_keep(
                        images=plan.batch_size,
                        images_shown=images_shown,
                        half_life_images=plan.ema_images,
                        rampup=plan.ema_rampup,
                    )
                    checkpoint.average(method.averaged, method.painter, keep=keep)
                is_whole = True
                numbers, is_asked_to_stop = everyones(
                    {**lesson.losses, **lesson.signs}, asked=held.asked, device=accelerator.device, ranks=ranks
                )
                seconds = time.perf_counter() - started

                # Report, before the checkpoint that makes this step one of those that are not repeated.
                if leads and on_step:
                    on_step(
                        Step(
                            images_shown=images_shown,
                            images_in_all=images_in_all,
                            losses={name: numbers[name] for name in lesson.losses},
                            signs=signs(numbers, images_shown=images_shown, waited=waited / seconds),
                            seconds=seconds,
                            images_per_second=plan.batch_size / seconds,
                            peak_memory_bytes=peak_memory_bytes(accelerator.device),
                            learning_rate=rates["generator"] * factor,
                            skipped_steps=method.guard.skipped,
                        )
                    )
                if method.guard.gives_up:
                    raise TrainingError(no_use(checkpoint.latest(run_folder)))

                # Scores, samples and checkpoints, when their number of images is full.
                is_last = images_shown >= images_in_all
                sample_is_due, score_is_due, checkpoint_is_due = (
                    is_last or is_due(images_shown, every_images, plan.batch_size)
                    for every_images in (
                        plan.sample_every_images,
                        plan.score_every_images,
                        plan.checkpoint_every_images,
                    )
                )
                score_is_due = score_is_due and is_scored(settings, photos=len(val_samples))
                if leads and (sample_is_due or score_is_due or checkpoint_is_due):
                    settle()
                if leads and score_is_due:
                    scored = validation.score(method.averaged)
                    progress = progress.scored(scored.value, images_shown=images_shown, patience=plan.patience)
                    is_best = progress.best_at == images_shown
                    checkpoint_is_due = checkpoint_is_due or is_best or progress.ended_early
                    sample_is_due = sample_is_due or progress.ended_early
                    if on_score:
                        on_score(replace(scored, images_shown=images_shown, is_best=is_best))
                if leads and sample_is_due and on_samples and fixed:
                    on_samples(paint(method, fixed, images_shown=images_shown))
                if leads and checkpoint_is_due:
                    save()
                if is_last or (plan.patience and score_is_due and shared(progress.ended_early)):
                    held.asked = False  # there is nothing left to stop
                    break
                if is_asked_to_stop:
                    raise KeyboardInterrupt
                started = time.perf_counter()
    except KeyboardInterrupt:
        if leads and is_whole and images_shown:
            settle()
            save()
        raise
    finally:
        cache.remove(keeping)
    return images_shown


def refuse_uneven(settings: Settings, processes: int) -> None:
    """Raises: SettingsError when so many processes cannot share a batch."""
    plan = settings.training
    if plan.batch_size % (processes * plan.accumulate):
        raise SettingsError(
            f"training.batch_size is {plan.batch_size}, expected a multiple of {processes * plan.accumulate}: "
            f"{processes} processes were launched, and each learns its share in {plan.accumulate} parts"
        )


def remove_leftovers(run_folder: Path, *, of_processes_from: int = 0) -> None:
    """Remove decoded photos that killed processes left behind, those with this number or a higher one."""
    for left in run_folder.glob(PHOTOS.format("*")):
        number = left.stem.rpartition("-")[2]
        if number.isdigit() and int(number) >= of_processes_from:
            cache.remove(left)


def everyones(
    scalars: Mapping[str, Tensor], *, asked: bool, device: torch.device, ranks: int
) -> tuple[dict[str, float], bool]:
    """Numbers of a step, as means over the processes, and whether any of them was asked to stop."""
    own = torch.stack([torch.tensor(float(asked), device=device), *(x.float() for x in scalars.values())])
    stops, *values = (summed(own) / ranks).tolist()
    return dict(zip(scalars, values, strict=True)), stops > 0


def signs(numbers: Mapping[str, float], *, images_shown: int, waited: float) -> Signs:
    """What the numbers of a step say of how the training goes; there are none of a step that was skipped."""
    return Signs(
        images_shown=images_shown,
        verdict_real=numbers.get("verdict_real", 0.0),
        verdict_fake=numbers.get("verdict_fake", 0.0),
        saturated=numbers.get("saturated", 0.0),
        photos_saturated=numbers.get("photos_saturated", 0.0),
        spread=numbers.get("spread"),
        waited=waited,
        skipped=not numbers,
    )


def no_use(newest: Path | None) -> str:
    """Why a run stops that learns nothing any more."""
    lower = "optimizer.generator_learning_rate and optimizer.discriminator_learning_rate, or set precision=float32"
    return (
        f"{MOST_IN_A_ROW} steps in a row had gradients that are no use: not finite, or thousands of times longer than "
        f"before. Lower {lower}. "
        + (f"The last good checkpoint is {newest}: begin from it with --init-from" if newest else "Then begin anew")
    )


def paint(method: Method, fixed: Crops, *, images_shown: int) -> Samples:
    """Samples of the fixed label maps, each with a style of its own that stays the same."""
    device = next(method.averaged.parameters()).device
    crops = [fixed.middle(index) for index in range(len(fixed.samples))]
    pictures = []
    for seed, crop in enumerate(crops):
        on_device = crop.to(device)
        pictures.append(method.averaged.paint(on_device.labels, seeds=[seed], edges=on_device.edges).cpu())
    batch = stack(crops)
    return Samples(
        images_shown=images_shown,
        labels=batch.labels.masked_fill(batch.labels == fixed.classes, UNKNOWN).to(torch.uint8),
        photos=to_bytes(batch.image),
        generated=to_bytes(torch.cat(pictures)),
    )


def parameters(method: Method) -> dict[str, int]:
    """Numbers learned, by network."""
    return {name: sum(p.numel() for p in network.parameters()) for name, network in method.networks.items()}


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
