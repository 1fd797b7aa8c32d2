"""What each of the smaller economies of painting and training is worth: one line each, with its ratio.

    python -m benchmarks.costs

The preset `spade` at 256 px, a batch of one, maps of COCO-Stuff with 184 channels. With and without take turns in one
process; ratios are medians over the turns. What looking up windows is worth stands in benchmarks/spade.py.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import dense
from benchmarks.spade import COCO, coco_scenes, one_hot, processor, seen
from gaugan import cache
from gaugan.allocator import keep_memory
from gaugan.config import load_settings
from gaugan.data import Batch, Crops
from gaugan.processes import accelerate
from gaugan.reading import Sample
from gaugan.spade.conditions import edges
from gaugan.spade.losses import feature_matching
from gaugan.spade.method import SpadeMethod
from gaugan.spade.painter import fold
from gaugan.spade.patch_judge import judge

CLASSES, SIDE = 182, 256
Way = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    asked = parser.parse_args()

    keep_memory()
    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}\n")
    batch = coco_scenes(1)[0].batch(SIDE, CLASSES)
    method = build()
    compare("step: memory kept, not given back to the system", *allocators())
    for name, without, with_it in (
        judged_maps(method, batch),
        frozen_discriminator(method, batch),
        real_half(method, batch),
        fused_adam(method),
        folded_weights(batch),
    ):
        compare(name, *take_turns(without, with_it, asked.turns))
    compare_photos(asked.turns)
    named = {"bf16 in convolutions": "precision=bf16", "pictures used twice": "fresh_pictures=false"}
    for name, assignment in named.items():
        other = build(assignment)
        turns = take_turns(lambda: method.step(batch), lambda other=other: other.step(batch), asked.turns)
        compare(f"step: {name} ({assignment}; another algorithm)", *turns)


def compare(name: str, without: list[float], with_it: list[float]) -> None:
    """Prints a line."""
    ratio = statistics.median(a / b for a, b in zip(without, with_it, strict=True))
    before, after = (1000 * statistics.median(seconds) for seconds in (without, with_it))
    print(f"{name:<66}{before:>9.1f} ms{after:>9.1f} ms{ratio:>8.2f} x", flush=True)


def take_turns(without: Way, with_it: Way, turns: int) -> tuple[list[float], list[float]]:
    """Seconds of both, turn by turn; the first turn warms up."""
    taken: tuple[list[float], list[float]] = [], []
    for turn in range(turns + 1):
        for way, seconds in zip((without, with_it), taken, strict=True):
            began = time.perf_counter()
            way()
            if turn:
                seconds.append(time.perf_counter() - began)
    return taken


def build(*assignments: str) -> SpadeMethod:
    given = [f"crop_size={SIDE}", "batch_size=1", "device=cpu", "losses.perceptual=0", *assignments]
    settings = load_settings("spade", given)
    return SpadeMethod(settings, classes=CLASSES, unknown=True, edges=True, accelerator=accelerate(settings))


def allocators() -> tuple[list[float], list[float]]:
    """Steps of two processes, as an allocator is chosen once."""
    command = [sys.executable, "-m", "benchmarks.spade", "--only", "step", "--of", "coco", "--alone", "ours"]
    command += ["--sizes", str(SIDE), "--maps", "3"]
    runs = [
        subprocess.run([*command, *more], capture_output=True, check=True, text=True)
        for more in (["--system-allocator"], [])
    ]
    without, with_it = (json.loads(run.stdout.splitlines()[-1])["seconds"] for run in runs)
    return [without], [with_it]


def judged_maps(method: SpadeMethod, batch: Batch) -> tuple[str, Way, Way]:
    both = torch.cat([batch.image, batch.image])

    @torch.no_grad()
    def without() -> None:
        hot = one_hot(batch, CLASSES)
        dense.judge(method.judge.network, torch.cat([hot, hot]), both)

    @torch.no_grad()
    def with_it() -> None:
        method.judge.network(seen(batch, CLASSES), both)

    return "D: labels added up once for picture and photo, no one-hot map", without, with_it


def frozen_discriminator(method: SpadeMethod, batch: Batch) -> tuple[str, Way, Way]:
    def pass_gradients(needs_own: bool) -> None:
        method.judge.network.requires_grad_(needs_own)
        picture = batch.image.clone().requires_grad_()
        fake, real = judge(method.judge.network, seen(batch, CLASSES), picture, batch.image)
        (feature_matching(fake, real) - fake[0][-1].mean()).backward()
        method.judge.network.requires_grad_(True).zero_grad()

    return "G step, its D: no gradients of D's weights", lambda: pass_gradients(True), lambda: pass_gradients(False)


def real_half(method: SpadeMethod, batch: Batch) -> tuple[str, Way, Way]:
    def pass_gradients(*, apart: bool) -> None:
        method.judge.network.requires_grad_(False)
        picture, condition = batch.image.clone().requires_grad_(), seen(batch, CLASSES)
        if apart:
            fake, real = method.judge.judge_for_generator(condition, picture, batch.image)
        else:
            fake, real = judge(method.judge.network, condition, picture, batch.image)
        (feature_matching(fake, real) - fake[0][-1].mean()).backward()
        method.judge.network.requires_grad_(True)

    name = "G step, its D: no gradients on the photo's half"
    return name, lambda: pass_gradients(apart=False), lambda: pass_gradients(apart=True)


def fused_adam(method: SpadeMethod) -> tuple[str, Way, Way]:
    generator = method.painter.generator
    for parameter in generator.parameters():
        parameter.grad = torch.zeros_like(parameter)
    plain, fused = (torch.optim.Adam(generator.parameters(), lr=1e-9, fused=is_fused) for is_fused in (None, True))
    return "step: G's optimizer fused", plain.step, fused.step


def folded_weights(batch: Batch) -> tuple[str, Way, Way]:
    usual = build().painter.generator.eval()
    folded = build().painter.generator.eval()
    fold(folded)

    @torch.no_grad()
    def paint(network: torch.nn.Module) -> None:
        network(seen(batch, CLASSES))

    name = "painting: weights divided by their spectral norm once"
    return name, lambda: paint(usual), lambda: paint(folded)


def compare_photos(turns: int) -> None:
    samples = [
        Sample(
            image=path,
            labels=COCO / "train_label" / f"{path.stem}.png",
            instances=COCO / "train_inst" / f"{path.stem}.png",
        )
        for path in sorted((COCO / "train_img").glob("*.jpg"))
    ]
    settings = load_settings("spade", [f"crop_size={SIDE}"]).data
    reading = {"settings": settings, "classes": CLASSES, "seed": 0, "find_edges": edges}

    def read(crops: Crops) -> None:
        for position in range(len(samples)):
            crops[position]

    plan = cache.plan(samples, settings=settings)
    with tempfile.TemporaryDirectory() as folder:
        photos = cache.open_cache(Path(folder) / "photos.cache", plan)
        decoded, kept = Crops(samples, **reading), Crops(samples, **reading, cache=photos)
        turns_of_both = take_turns(lambda: read(decoded), lambda: read(kept), turns)
        compare(f"loader: {len(samples)} photos kept decoded", *turns_of_both)


if __name__ == "__main__":
    main()
