"""SPADE by looking up windows against SPADE computed densely: painting, a training step, and memory.

    python -m benchmarks.spade
    python -m benchmarks.spade --only forward --sizes 256 --maps 8

Networks of the preset `spade`: 64 channels, batch of one, float32 unless said. The maps are those of COCO-Stuff (182
classes, unknown and edges: 184 channels) and of landscape photos labelled by `gauganpipe label` (20 classes: 22). What
is timed begins with whole-number label maps and takes turns in one process, which keeps its memory; ratios are medians
over the turns. The last lines compare with a process of its own that computes densely and is left to the system's
allocator, as everybody runs it.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import Tensor

from benchmarks.dense import DenseTraining, paint
from gaugan.allocator import keep_memory
from gaugan.config import load_settings
from gaugan.data import Batch
from gaugan.reading import UNKNOWN, nearest, read_instances, read_labels, read_photo
from gaugan.spade.conditions import Condition, condition, edges
from gaugan.spade.generator import Generator
from gaugan.spade.initial import initialise
from gaugan.spade.method import SpadeMethod
from gaugan.spade.painter import fold

DATA = Path(__file__).parents[2] / "shared" / "data"
COCO, PHOTOS = DATA / "coco_stuff_sample", DATA / "pixabay_landscapes"
SIZES = {"forward": (256, 512), "step": (128, 256)}
GOALS = {
    ("coco", "forward", 256): (2.7, 4.5),
    ("coco", "forward", 512): (3.5, 7.0),
    ("coco", "step", 256): (1.7, 2.6),
    ("landscapes", "forward", 256): (2.0, None),
    ("landscapes", "forward", 512): (2.5, None),
    ("landscapes", "step", 256): (1.5, None),
}
"""Times as fast as the dense way in the same process, and as the dense way in a process of its own."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A photo and its maps.    image: (3, H, W) uint8.    labels: (H, W) uint8.    instances: (H, W) int32."""

    image: Tensor
    labels: Tensor
    instances: Tensor

    def batch(self, side: int, classes: int) -> Batch:
        """A batch of one, `side` pixels high and wide."""
        size = (side, side)
        labels = nearest(self.labels, size)
        image = torch.nn.functional.interpolate(self.image[None].float(), size=size, mode="area")
        return Batch(
            image=image / 127.5 - 1,
            labels=labels.masked_fill(labels == UNKNOWN, classes)[None],
            edges=edges(nearest(self.instances, size)[None]).byte(),
            positions=(0,),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SIZES, help="forward or step")
    parser.add_argument("--of", choices=("coco", "landscapes"), help="only these maps")
    parser.add_argument("--sizes", type=int, nargs="+", help="in pixels")
    parser.add_argument("--maps", type=int, default=6, help="label maps that take turns")
    parser.add_argument("--alone", choices=("dense", "ours"), help=argparse.SUPPRESS)
    parser.add_argument("--system-allocator", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()

    if not asked.system_allocator:
        keep_memory()
    if asked.alone:
        (what,), (side,) = [asked.only], asked.sizes
        taken = measure(asked.of, what, side, number=asked.maps, only=asked.alone)
        print(json.dumps({"seconds": statistics.median(taken[asked.alone]), "peak_mb": peak_mb()}))
        return

    print(f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}\n")
    for of in [asked.of] if asked.of else ["coco", "landscapes"]:
        for what in [asked.only] if asked.only else SIZES:
            for side in asked.sizes or SIZES[what]:
                report(of, what, side, number=asked.maps)


def report(of: str, what: str, side: int, *, number: int) -> None:
    """One table."""
    taken = measure(of, what, side, number=number)
    goal, goal_alone = GOALS.get((of, what, side), (None, None))
    print(f"{of}, {what} at {side} px, median of {number} maps")
    for name, seconds in taken.items():
        ratio = statistics.median(plain / own for plain, own in zip(taken["dense"], seconds, strict=True))
        note = f"   (goal {goal})" if goal and name == "ours" else ""
        print(f"  {name:<38}{statistics.median(seconds):>8.3f} s{ratio:>8.2f} x{note}")
    said = ["--only", what, "--of", of, "--sizes", str(side), "--maps", str(number)]
    plain, dense, ours = (
        alone([*said, "--alone", name, *more])
        for name, more in (("dense", ["--system-allocator"]), ("dense", []), ("ours", []))
    )
    note = f"   (goal {goal_alone})" if goal_alone else ""
    ratio = plain["seconds"] / ours["seconds"]
    print(f"  {'dense, alone, the system allocator':<38}{plain['seconds']:>8.3f} s   ours alone is {ratio:.2f} x{note}")
    print(f"  peak memory: dense {dense['peak_mb']:,.0f} MB, ours {ours['peak_mb']:,.0f} MB\n", flush=True)


def alone(options: list[str]) -> dict[str, float]:
    """The figures of a process of its own."""
    command = [sys.executable, "-m", "benchmarks.spade", *options]
    return json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()[-1])


def measure(of: str, what: str, side: int, *, number: int, only: str | None = None) -> dict[str, list[float]]:
    """Seconds of each way, map by map; one map before them warms up."""
    scenes, classes = (coco_scenes(number), 182) if of == "coco" else (landscape_scenes(number), 20)
    batches = [scene.batch(side, classes) for scene in scenes]
    ways = (forward_ways if what == "forward" else step_ways)(classes, side, only=only)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn, batch in enumerate([batches[0], *batches]):
        for name, way in ways.items():
            began = time.perf_counter()
            way(batch)
            if turn:
                taken[name].append(time.perf_counter() - began)
    return taken


def forward_ways(classes: int, side: int, *, only: str | None) -> dict[str, Callable[[Batch], object]]:
    """Painting one map, from whole numbers to a picture."""

    def build() -> Generator:
        network = Generator(condition_channels=classes + 2, crop_size=side)
        initialise(network, generator=torch.Generator().manual_seed(0))
        return network.eval()

    @torch.no_grad()
    def densely(network: Generator, batch: Batch, layout: torch.memory_format) -> None:
        paint(network, one_hot(batch, classes).contiguous(memory_format=layout))

    @torch.no_grad()
    def ours(network: Generator, batch: Batch, *, bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            network(seen(batch, classes))

    plain = build()
    last = plain if only else build()
    if only != "dense":
        last.to(memory_format=torch.channels_last)
        fold(last)  # as gauganpipe generate does
    ways = {
        "dense": lambda batch: densely(plain, batch, torch.contiguous_format),
        "dense, channels last": lambda batch: densely(last, batch, torch.channels_last),
        "ours": lambda batch: ours(last, batch, bf16=False),
        "ours, convolutions in bf16": lambda batch: ours(last, batch, bf16=True),
    }
    return {only: ways[only]} if only else ways


def step_ways(classes: int, side: int, *, only: str | None) -> dict[str, Callable[[Batch], object]]:
    """One step of generator and discriminator; all ways teach the same networks."""

    def method(*assignments: str) -> SpadeMethod:
        given = [f"crop_size={side}", "batch_size=1", "device=cpu", "losses.perceptual=0", *assignments]
        settings = load_settings("spade", given)
        shape = {"classes": classes, "unknown": True, "edges": True}
        AcceleratorState._reset_state(reset_partial_state=True)  # another method may have another precision
        # Not by gaugan.train.accelerate, which would keep the memory of a process that is to give it back.
        accelerator = Accelerator(
            cpu=True, mixed_precision="no" if settings.training.precision == "float32" else "bf16"
        )
        return SpadeMethod(settings, **shape, accelerator=accelerator)

    def densely(training: DenseTraining, batch: Batch, layout: torch.memory_format) -> None:
        training.step(one_hot(batch, classes).contiguous(memory_format=layout), batch)

    exact = method()
    ways: dict[str, Callable[[Batch], object]] = {}
    if only != "ours":
        dense = DenseTraining(exact, exact.settings)
        ways["dense"] = lambda batch: densely(dense, batch, torch.contiguous_format)
    if only is None:
        ways["dense, channels last"] = lambda batch: densely(dense, batch, torch.channels_last)
    if only != "dense":
        ways["ours"] = exact.step
    if only is None:
        rough = method("precision=bf16", "fresh_pictures=false")
        ways["ours, bf16 and pictures used twice"] = rough.step
    return ways


def one_hot(batch: Batch, classes: int) -> Tensor:
    """(B, classes + 2, H, W) float32, as the reference makes it: a map of zeros, ones scattered into it, edges last."""
    labels = batch.labels.long()[:, None]
    hot = torch.zeros(len(labels), classes + 1, *labels.shape[2:]).scatter_(1, labels, 1)
    return torch.cat([hot, batch.edges.float()], dim=1)


def seen(batch: Batch, classes: int) -> Condition:
    return condition(batch.labels, classes=classes, unknown=True, edges=batch.edges)


def coco_scenes(number: int) -> list[Scene]:
    paths = sorted(COCO.glob("*_label/*.png"))
    return [
        Scene(
            image=read_photo(path.parents[1] / path.parent.name.replace("label", "img") / f"{path.stem}.jpg"),
            labels=read_labels(path, classes=182),
            instances=read_instances(path.parents[1] / path.parent.name.replace("label", "inst") / path.name),
        )
        for path in paths[:: max(1, len(paths) // number)][:number]
    ]


def landscape_scenes(number: int) -> list[Scene]:
    """Photos labelled, and split into instances, by the product itself."""
    from pipeline import flow, preferences
    from pipeline.console import Console
    from pipeline.manifest import Manifest
    from pipeline.workspace import Workspace

    with tempfile.TemporaryDirectory() as folder:
        workspace, quiet = Workspace(root=Path(folder) / "workspace"), Console(quiet=True)
        photos = Path(folder) / "photos"
        photos.mkdir()
        paths = sorted(PHOTOS.glob("*.jpg"))
        for path in paths[:: max(1, len(paths) // (2 * number))]:
            (photos / path.name).write_bytes(path.read_bytes())
        flow.label(workspace, str(photos), preferences.Asked(), workers=2, console=quiet)
        flow.build_edges(workspace, flow.Which(), workers=2, console=quiet)
        rows = [row for row in Manifest(workspace).rows.values() if row.edge_file_name and row.status == "ok"]
        return [
            Scene(
                image=read_photo(workspace.resolve(row.file_name)),
                labels=read_labels(workspace.resolve(row.label_file_name), classes=20),
                instances=read_instances(workspace.resolve(row.instance_file_name)),
            )
            for row in sorted(rows, key=lambda row: row.id)[:number]
        ]


def peak_mb() -> float:
    """The most memory this process had; not what the process that began it had, which getrusage counts."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000


def processor() -> str:
    """What the system calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
