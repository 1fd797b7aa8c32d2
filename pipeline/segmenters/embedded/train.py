"""Trains the embedded segmenter, from raw data to its weights file.

python -m pipeline.segmenters.embedded.train --data ../shared/data --out weights.safetensors

The student starts from ImageNet features. It learns from hands on Stanford Background and, of what hands do not say,
from the teacher. The same command again goes on where it stopped.
"""

import argparse
import json
import logging
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import save_file
from segmentation_models_pytorch.losses import LovaszLoss
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pipeline.segmenters.embedded.lessons import OPEN, Classes, draw, list_classes, read_lessons
from pipeline.segmenters.embedded.network import NAMES_KEY, DeepLabV3Plus
from pipeline.segmenters.embedded.score import as_table, score
from pipeline.segmenters.embedded.teacher import open_teacher

PARENTS = {"hill": "mountain", "river": "water", "flower": "grass", "structure": "building"}
"""Classes that it learned to say too seldom to be judged: what they are called in the weights file."""

STEPS = 2360
PART_SIZE, PART_BATCH = (209, 273), 6
"""(height, width) of a view in pixels, and how many make a step: parts of photos, while the rates are high."""
WHOLE_SIZE, WHOLE_BATCH = (289, 385), 4
"""While the rates fall, whole photos too, as they will be seen: that the sea lies below the sky shows in no part."""
HEAD_RATE, ENCODER_RATE = 1e-3, 2.5e-4
WARM_UP_STEPS = 60
FALLS = ((1200, 1714, 1.0), (1700, 1960, 0.5), (1960, STEPS, 0.5))
"""First step, end and share of the rates where they fall to nothing. Shortly before the end they rise to a share once
more, and fall again: the moving average is then of several valleys."""
FROZEN_BLOCKS = 3
"""The first blocks of the features see corners and colours, as on ImageNet; they cost most and change least."""
RARE = {"rock": 3.0, "water": 2.0, "river": 2.0, "bush": 2.0, "flower": 2.0, "hill": 2.0}
"""How much more these classes count while the rates fall. Else each is lost in the commoner one that it resembles."""
WEIGHT_DECAY = 0.02
MOST_GRADIENT = 5.0
AVERAGE_DECAY = 0.997
LOVASZ_SHARE = 0.4
WORDS_SHARE = 0.5
"""How much it counts to say all that the teacher says: what tells a car from a bench makes better features of both."""
SEED = 20

LOGGED_EVERY = 20
KEPT_EVERY = 100

log = logging.getLogger(__name__)


def train(data: Path, out: Path, work: Path) -> None:
    """Writes the weights file and logs the scores on val.

    data: the folder that holds stanford_background, pixabay_landscapes, weights and classes.
    work: where the teacher's answers and the checkpoint are kept between runs.
    """
    # What there is to learn.
    teacher = open_teacher(data / "weights")
    classes = list_classes(data, teacher.names)
    lessons = read_lessons(data, teacher, work / "teacher")
    log.info("%d photos, %d outputs: %s", len(lessons), len(classes.names), " ".join(classes.names))

    # The student, or where it stopped.
    torch.manual_seed(SEED)
    model = Student(start(data / "weights/mobilenet_v2_imagenet.pth", len(classes.names)), len(teacher.targets))
    averaged = AveragedModel(model, avg_fn=mix, use_buffers=True)
    features = list(model.network.encoder.parameters())
    others = [*model.network.decoder.parameters(), *model.network.head.parameters(), *model.words.parameters()]
    groups = [{"params": features, "rate": ENCODER_RATE}, {"params": others, "rate": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, lr=0.0, weight_decay=WEIGHT_DECAY)
    emphasis = torch.tensor([RARE.get(name, 1.0) for name in classes.names])[:, None, None]
    first = resume(work / "checkpoint.pt", model, averaged, optimizer)

    # Learn.
    shown = {"loss": 0.0, "steps": 0}
    started = time.perf_counter()
    for step in range(first, STEPS):
        torch.manual_seed(SEED + step)  # dropout
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * share_of_rate(step)
        is_cooling = step >= FALLS[0][0]
        size, count = (WHOLE_SIZE, WHOLE_BATCH) if is_cooling else (PART_SIZE, PART_BATCH)
        batch = draw(lessons, classes, size, count, seed=SEED * 1_000_000 + step)
        with torch.autocast("cpu", torch.bfloat16):
            logits, words = model(batch.x)
        targets = batch.targets * emphasis if is_cooling else batch.targets
        loss = compare(logits.float(), targets, batch.hands, classes)
        loss = loss + WORDS_SHARE * cross_entropy(words.float(), batch.words)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), MOST_GRADIENT)
        optimizer.step()
        averaged.update_parameters(model)

        shown["loss"] += loss.item()
        shown["steps"] += 1
        if (step + 1) % LOGGED_EVERY == 0:
            pace = (time.perf_counter() - started) / (step + 1 - first)
            left = pace * (STEPS - step - 1) / 60
            mean = shown["loss"] / shown["steps"]
            log.info("step %d/%d  loss %.4f  %.2f s a step  %.0f min left", step + 1, STEPS, mean, pace, left)
            shown = {"loss": 0.0, "steps": 0}
        if (step + 1) % KEPT_EVERY == 0 or step + 1 == STEPS:
            keep(work / "checkpoint.pt", step + 1, model, averaged, optimizer)

    # What it has learned.
    write_weights(averaged.module.network, classes, out)
    log.info("%s", as_table(score(out, data, "val"), "val"))


class Student(nn.Module):
    """The network that is shipped, and a second head that only repeats the teacher's words."""

    def __init__(self, network: DeepLabV3Plus, words: int) -> None:
        super().__init__()
        self.network = network
        self.words = nn.Conv2d(network.head.in_channels, words, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, 3, 16m+1, 16n+1).    Returns logits (B, K, 4m+1, 4n+1) and (B, words, 2m+1, 2n+1)."""
        seen = self.network.see(x)
        return self.network.head(seen), self.words(seen[:, :, ::2, ::2])


def start(features: Path, outputs: int) -> DeepLabV3Plus:
    """A student with ImageNet features and a new head, in training mode.

    The norms of the features are folded into their convolutions and are kept as they are: an identity and a bias. So is
    the norm over whole photos, which would see as many values as a batch has photos.
    """
    model = DeepLabV3Plus(outputs)
    state = torch.load(features, weights_only=True)
    model.encoder.load_state_dict({name: values for name, values in state.items() if name.startswith("features.")})
    model.encoder.features[:FROZEN_BLOCKS].requires_grad_(False)
    nn.init.normal_(model.head.weight, std=0.01)
    model.to(memory_format=torch.channels_last).train()
    pooled = model.decoder.aspp[0].convs[-1]
    for part in (*model.encoder.modules(), *pooled.modules()):
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
    return model


def share_of_rate(step: int) -> float:
    """Rises to 1 in the first steps, and stays there until it falls, several times.

    Source: Loshchilov and Hutter 2017, SGDR, for the warm restart.
    """
    for first, end, share in reversed(FALLS):
        if step >= first:
            return share * (end - step) / (end - first)
    return min((step + 1) / WARM_UP_STEPS, 1.0)


def mix(average: Tensor, now: Tensor, count: int | Tensor) -> Tensor:
    """The moving average after one more step; it forgets faster while it is young."""
    decay = min(AVERAGE_DECAY, (1 + int(count)) / (10 + int(count)))
    return average + (1 - decay) * (now - average)


def compare(logits: Tensor, targets: Tensor, hands: Tensor, classes: Classes) -> Tensor:
    """The cross-entropy to the targets, and the Lovasz loss of Stanford's eight classes: the IoU that is scored.

    logits, targets: (B, K, h, w) float32.    hands: (B, h, w) int64, Stanford's ids, 255 open.

    Source: Berman et al. 2018, The Lovasz-Softmax loss.
    """
    entropy = cross_entropy(logits, targets)
    if (hands == OPEN).all():
        return entropy
    eight = torch.einsum("gk,bkhw->bghw", classes.members, logits.softmax(dim=1))
    overlap = LovaszLoss("multiclass", ignore_index=OPEN)(eight.clamp_min(1e-6).log(), hands)
    return entropy + LOVASZ_SHARE * overlap


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over all that the targets add up to; where there is nothing to learn, they are 0.

    logits, targets: (B, K, h, w) float32.
    """
    return -(targets * logits.log_softmax(dim=1)).sum() / targets.sum().clamp_min(1)


def keep(path: Path, step: int, model: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Writes everything that the next step needs."""
    beside = path.with_suffix(".part")
    torch.save(
        {
            "step": step,
            "model": model.state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.state_dict(),
        },
        beside,
    )
    beside.replace(path)


def resume(path: Path, model: nn.Module, averaged: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Takes up what was kept. Returns the number of steps that are done: 0 when nothing was kept."""
    if not path.exists():
        return 0
    kept = torch.load(path, weights_only=True)
    model.load_state_dict(kept["model"])
    averaged.load_state_dict(kept["averaged"])
    optimizer.load_state_dict(kept["optimizer"])
    return kept["step"]


def write_weights(model: nn.Module, classes: Classes, path: Path) -> None:
    """Writes the network in half precision, and what its outputs are called."""
    called = [PARENTS.get(name, name) for name in classes.names]
    state = {
        name: values.detach().half().contiguous()
        for name, values in model.state_dict().items()
        if values.is_floating_point()
    }
    beside = path.with_suffix(".part")
    save_file(state, beside, metadata={NAMES_KEY: json.dumps(called)})
    beside.replace(path)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds stanford_background")
    parser.add_argument("--out", type=Path, required=True, help="the weights file to write")
    parser.add_argument("--work", type=Path, help="answers of the teacher and checkpoint; default: OUT.work")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    work = options.work or options.out.with_name(options.out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    train(options.data, options.out, work)


if __name__ == "__main__":
    main()
