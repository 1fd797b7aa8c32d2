"""SPADE as a method of the training loop: its networks, and one step of teaching them."""

import contextlib
import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from gaugan.augment import bent
from gaugan.checkpoint import About
from gaugan.data import Batch
from gaugan.errors import SettingsError
from gaugan.features import Features, load_features
from gaugan.guard import Guard
from gaugan.lesson import Lesson
from gaugan.randomness import generator
from gaugan.settings import Settings
from gaugan.spade import transfer
from gaugan.spade.conditions import Condition
from gaugan.spade.initial import initialise
from gaugan.spade.losses import perceptual
from gaugan.spade.painter import SpadePainter, release
from gaugan.spade.patch_judge import PatchJudge
from gaugan.spade.segment_judge import SegmentJudge
from gaugan.spade.synchronised import synchronise
from gaugan.spade.view import View, generators, view

SATURATES = 0.99
"""Values of pictures beyond this, on either side of 0, are at the end of their range."""


class SpadeMethod:
    """The networks of a run, their optimizers, and the step that teaches them.

    networks, optimizers: by name, for checkpoints.    painter: what is averaged into `averaged`.
    guard: says which gradients are sound.

    Raises: SettingsError when the weights of the perceptual loss cannot be read.
    Source: Park et al. 2019, section 3 and appendix A; with `discriminator=segments` Schönfeld et al. 2021.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        classes: int,
        unknown: bool,
        edges: bool,
        accelerator: Accelerator,
        named_weights: Mapping[str, Path] | None = None,
    ) -> None:
        self.settings, self.accelerator, self.classes = settings, accelerator, classes
        self.features = read_features(settings, named_weights or {}, device=accelerator.device)
        self.guard = Guard()

        # Networks, with weights that are a function of the seed on every device.
        self.painter = SpadePainter(settings, classes=classes, unknown=unknown, edges=edges)
        if settings.model.discriminator == "patches":
            self.judge = PatchJudge(settings, classes=classes, unknown=unknown, edges=edges)
        else:
            self.judge = SegmentJudge(settings, classes=classes)
        initialise(self.painter, generator=generator(settings.training.seed, "painter"))
        initialise(self.judge.network, generator=generator(settings.training.seed, "discriminator"))
        self.averaged = copy.deepcopy(self.painter).requires_grad_(False).to(accelerator.device)
        release(self.averaged)
        if accelerator.num_processes > 1:
            on = {"device": accelerator.device}
            if settings.model.norm == "syncbatch":
                self.painter = synchronise(self.painter, **on)
            if settings.model.discriminator_norm == "syncbatch":
                self.judge.network = synchronise(self.judge.network, **on)
        self.painter.to(accelerator.device)
        self.judge.network.to(accelerator.device)

        # Optimizers; the style encoder learns with the generator.
        rates = settings.optimizer
        adam = {"betas": (rates.beta1, rates.beta2), "fused": accelerator.device.type in ("cpu", "cuda")}
        self.optimizers = {
            "generator": torch.optim.Adam(self.painter.parameters(), lr=rates.generator_learning_rate, **adam),
            "discriminator": torch.optim.Adam(
                self.judge.network.parameters(), lr=rates.discriminator_learning_rate, **adam
            ),
        }

        # The same, as the devices of this run want to be called.
        self.paints = accelerator.prepare(self.painter)
        self.judges = accelerator.prepare(self.judge.network)
        self.steps = {name: accelerator.prepare(optimizer) for name, optimizer in self.optimizers.items()}

    @property
    def networks(self) -> dict[str, nn.Module]:
        encoder = {} if self.painter.encoder is None else {"encoder": self.painter.encoder}
        return {"generator": self.painter.generator, **encoder, "discriminator": self.judge.network}

    def begin_from(self, folder: Path, *, about: About, classes: Sequence[int | None]) -> tuple[str, ...]:
        """Begin with the weights of another run's checkpoint, as of gaugan.spade.transfer; returns what does."""
        networks = {"painter": self.painter, "averaged": self.averaged, "discriminator": self.judge.network}
        return transfer.begin_from(folder, about=about, classes=classes, **networks)

    def step(self, batch: Batch) -> Lesson:
        """Teach the generator, then the discriminator, on one batch; losses are weighted as they were added.

        Gradients that are no use end the step before anything is learned from them, and leave no trace.
        """
        parts = batch.parts(self.settings.training.accumulate)
        views = [view(part, self.settings, classes=self.classes) for part in parts]
        conditions = [self.condition(part) for part in parts]
        losses, signs, pictures = Means(len(parts)), Means(len(parts)), []
        self.judge.weigh(views)
        undo = restoring(self.painter, self.judge.network)
        self.painter.train()
        self.judge.network.train()

        # The generator; the discriminator only passes gradients on.
        self.judge.network.requires_grad_(False)
        for k, (part, seen, condition) in enumerate(zip(parts, views, conditions, strict=True)):
            with self.exchanging(self.paints, last=k == len(parts) - 1):
                picture, divergence = self.paints(condition, part.image, self.noise(part, draw=0))
                asked = self.ask_generator(seen, part, picture, divergence)
                self.accelerator.backward(sum(asked.values()) / len(parts))
            losses.add(asked)
            signs.add(signs_of(picture.detach(), part.image))
            pictures.append(picture.detach())
        self.judge.network.requires_grad_(True)
        if not self.learn("generator", self.painter):
            undo()
            return Lesson(losses={}, skipped=tuple(self.optimizers))

        # The discriminator, on new pictures by the generator that has just learned, or on the same.
        undo = restoring(self.judge.network)
        for k, (part, seen, condition) in enumerate(zip(parts, views, conditions, strict=True)):
            picture = pictures[k]
            if self.settings.training.fresh_pictures:
                with torch.no_grad():
                    picture, _ = self.paints(condition, part.image, self.noise(part, draw=1))
            with self.exchanging(self.judges, last=k == len(parts) - 1):
                asked, verdicts = self.judge.for_discriminator(self.judges, seen, picture)
                self.accelerator.backward(sum(asked.values()) / len(parts))
            losses.add(asked)
            signs.add(verdicts)
        if not self.learn("discriminator", self.judge.network):
            undo()
            return Lesson(losses={}, skipped=("discriminator",))
        return Lesson(losses=losses.of, signs=signs.of)

    def ask_generator(self, seen: View, part: Batch, picture: Tensor, divergence: Tensor | None) -> dict[str, Tensor]:
        """All that the generator and the style encoder are to make small."""
        settings = self.settings.losses
        asked = self.judge.for_generator(seen, picture)
        if self.features is not None:
            looks = self.features(seen.complete(picture).float()), self.features(part.image)
            asked["perceptual"] = settings.perceptual * perceptual(*looks, weights=self.features.weights)
        if divergence is not None:
            # A sum over the pictures of a step, where everything else is a mean over its parts and processes.
            parts = self.settings.training.accumulate * self.accelerator.num_processes
            asked["kl"] = settings.kl * parts * divergence
        return asked

    def condition(self, batch: Batch) -> Condition:
        """What the generator sees of a batch: its maps, perhaps bent."""
        share, seed = self.settings.data.warp, self.settings.training.seed
        bending = generators(seed, "warp", batch.positions) if share else ()
        return self.painter.condition(*bent(batch.labels, batch.edges, share=share, generators=bending))

    def exchanging(self, network: nn.Module, *, last: bool) -> contextlib.AbstractContextManager[None]:
        """Gradients travel between processes with the last part of a batch only."""
        return contextlib.nullcontext() if last else self.accelerator.no_sync(network)

    @torch.no_grad()
    def settle(self, batches: Iterable[Batch]) -> None:
        """Give the averaged weights the statistics that they themselves make on these batches.

        The running statistics of batch normalisation and the power iterations of spectral normalisation belong to the
        weights that made them; averaged weights have their own.
        """
        norms = [
            layer
            for layer in self.averaged.modules()
            if isinstance(layer, nn.BatchNorm2d) and layer.track_running_stats
        ]
        momenta = [layer.momentum for layer in norms]
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # a plain mean over the batches
        self.averaged.train()
        for batch in batches:
            self.averaged(self.averaged.condition(batch.labels, batch.edges), batch.image, self.noise(batch, draw=2))
        self.averaged.eval()
        release(self.averaged)
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum

    def noise(self, batch: Batch, *, draw: int) -> Tensor | None:
        """Style noise of a batch, a function of the seed and each image's position."""
        seed = self.settings.training.seed
        return self.painter.noise([(seed, position, draw) for position in batch.positions], like=batch.image)

    def learn(self, name: str, network: nn.Module) -> bool:
        """Take a step along the gradients, if they are sound; returns whether they were."""
        gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
        is_sound = self.guard.admits(name, torch.nn.utils.get_total_norm(gradients).item())
        if is_sound:
            self.steps[name].step()
        self.steps[name].zero_grad()
        return is_sound


class Means:
    """Scalars by name, averaged over the parts of a batch."""

    def __init__(self, parts: int) -> None:
        self.of: dict[str, Tensor] = {}
        self.parts = parts

    def add(self, scalars: Mapping[str, Tensor]) -> None:
        for name, x in scalars.items():
            self.of[name] = self.of.get(name, 0) + x.detach() / self.parts


def signs_of(picture: Tensor, photo: Tensor) -> dict[str, Tensor]:
    """How many values are at the ends of the range, and how much the pictures differ, as a share of the photos."""
    signs = {
        "saturated": (picture.abs() > SATURATES).float().mean(),
        "photos_saturated": (photo.abs() > SATURATES).float().mean(),
    }
    if len(picture) > 1:
        signs["spread"] = picture.float().std(0).mean() / photo.std(0).mean().clamp(min=1e-6)
    return signs


def restoring(*networks: nn.Module) -> Callable[[], None]:
    """What brings running statistics and power iterations back to where they are now."""
    buffers = [buffer for network in networks for buffer in network.buffers()]
    kept = [buffer.clone() for buffer in buffers]

    @torch.no_grad()
    def undo() -> None:
        for buffer, before in zip(buffers, kept, strict=True):
            buffer.copy_(before)

    return undo


def read_features(settings: Settings, named_weights: Mapping[str, Path], *, device: torch.device) -> Features | None:
    """The network of the perceptual loss, or None where there is no such loss."""
    losses = settings.losses
    if not losses.perceptual_weights or not losses.perceptual:
        return None
    path = named_weights.get(losses.perceptual_weights, Path(losses.perceptual_weights))
    try:
        return load_features(path, normalise=losses.perceptual_normalise).to(device)
    except (OSError, ValueError) as error:
        raise SettingsError(f"losses.perceptual_weights: {error}") from error
