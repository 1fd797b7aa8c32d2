"""Whether scores tell good pictures from bad ones: distances of pictures whose worth is known, network by network.

    python -m benchmarks.scores
    python -m benchmarks.scores --size 128 --photos 100

Half of the photos are compared with pictures made of the other half: those photos as they are, which is the best that
can be, photos that were spoiled, and the floor, which paints the label maps of `gauganpipe label` in the mean colours
of their classes, with noise. Photos are halved anew in every round, and a distance is the mean over the rounds. Behind
it stands how much worse it is than that of photos, in deviations of the latter over the rounds.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from gaugan.data import Batch, Crops, stack
from gaugan.features import load_features
from gaugan.floor import class_means, painted_in_class_means
from gaugan.metrics import frechet_distance, kernel_distance
from gaugan.randomness import generator
from gaugan.reading import Sample
from gaugan.score import Scorer
from gaugan.settings import Data
from pipeline.classes import load_taxonomy
from pipeline.manifest import Manifest
from pipeline.segmenters.choices import EMBEDDED_WEIGHTS
from pipeline.workspace import Workspace

DATA = Path(__file__).parents[2] / "shared" / "data"
PHOTOS = DATA / "pixabay_landscapes"
WEIGHTS = (
    EMBEDDED_WEIGHTS,
    DATA / "weights" / "squeezenet1_0_imagenet.pth",
    DATA / "weights" / "squeezenet1_1_features_imagenet.pth",
    DATA / "weights" / "mobilenet_v2_imagenet.pth",
)
GOOD = "photos"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64, help="of the pictures, in pixels")
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()

    began = time.perf_counter()
    sets = make_sets(read_crops(asked.photos, size=asked.size, seed=asked.seed), seed=asked.seed)
    number = len(sets[GOOD])
    print(
        f"{number - number // 2} photos against {number // 2} pictures at {asked.size} px, {asked.rounds} rounds, "
        f"seed {asked.seed}, torch {torch.__version__}, {time.strftime('%Y-%m-%d')}"
    )
    for path in WEIGHTS:
        if path.is_file():
            report(path, sets, rounds=asked.rounds, seed=asked.seed)
    print(f"\n{time.perf_counter() - began:.0f} s on {torch.get_num_threads()} threads")


def read_crops(number: int, *, size: int, seed: int) -> Batch:
    """The middles of photos that were labelled by the product itself."""
    taxonomy = load_taxonomy()
    with tempfile.TemporaryDirectory() as folder:
        workspace, photos = Workspace(root=Path(folder) / "workspace"), Path(folder) / "photos"
        photos.mkdir()
        paths = sorted(PHOTOS.glob("*.jpg"))
        for index in torch.randperm(len(paths), generator=generator(seed, "photos"))[:number].tolist():
            (photos / paths[index].name).write_bytes(paths[index].read_bytes())
        program = Path(sys.executable).with_name("gauganpipe")
        options = ["--quality", "fast", "--keep-all", "--quiet", "-C", str(workspace.root)]
        subprocess.run([program, "label", str(photos), *options], check=True, stdout=subprocess.DEVNULL)
        samples = [
            Sample(image=workspace.resolve(row.file_name), labels=workspace.resolve(row.label_file_name))
            for row in Manifest(workspace).rows.values()
            if row.label_file_name
        ]
        crops = Crops(samples, settings=Data(crop_size=size), classes=len(taxonomy), seed=seed)
        return stack([crops.middle(index) for index in range(len(samples))])


def make_sets(photos: Batch, *, seed: int) -> dict[str, Tensor]:
    """Name -> pictures (N, 3, H, W) in [-1, 1]; the k-th of each are made of the same photo."""
    image, number = photos.image, len(photos.image)
    means, deviations = class_means([(image, photos.labels)], classes=len(load_taxonomy()))
    random = [generator(seed, "floor", index) for index in range(number)]
    painted = painted_in_class_means(photos.labels, means, deviations, generators=random)
    flat = painted_in_class_means(photos.labels, means, torch.zeros_like(deviations), generators=random)
    noise = torch.stack([torch.randn(image.shape[1:], generator=generator(seed, "noise", k)) for k in range(number)])
    return {
        GOOD: image,
        "photos, blurred by half a pixel": gaussian_blur(image, [5, 5], [0.5, 0.5]),
        "photos, blurred by 1 pixel": gaussian_blur(image, [7, 7], [1.0, 1.0]),
        "photos, blurred by 2 pixels": gaussian_blur(image, [13, 13], [2.0, 2.0]),
        "photos, noise of 0.05": (image + 0.05 * noise).clamp(-1, 1),
        "photos, the first 8 again and again": image[torch.arange(number) % 8],
        "half photo, half mean colours": (image + flat) / 2,
        "mean colours": flat,
        "the floor: mean colours, noise": painted,
    }


def report(weights: Path, sets: dict[str, Tensor], *, rounds: int, seed: int) -> None:
    """One table."""
    features = load_features(weights, normalise=True)
    scorer = Scorer(features, [sets[GOOD]])
    described = {name: scorer.describe([pictures]) for name, pictures in sets.items()}
    measured: dict[str, list[tuple[float, float]]] = {name: [] for name in sets}
    for turn in range(rounds):
        order = torch.randperm(len(scorer.photos), generator=generator(seed, "halves", turn))
        seen, others = order[len(order) // 2 :], order[: len(order) // 2]
        for name, vectors in described.items():
            pair = vectors[others], scorer.photos[seen]
            measured[name].append((kernel_distance(*pair), frechet_distance(*pair)))
    print(f"\n{features.name} {features.digest}: {scorer.photos.shape[1]} numbers a picture")
    print(f"  {'':<38}{'kernel distance':>18}{'worse by':>10}{'Frechet distance':>20}{'worse by':>10}", flush=True)
    of_photos = list(zip(*measured[GOOD], strict=True))
    for name, pairs in measured.items():
        line = f"  {name:<38}"
        for figures, best, width in zip(zip(*pairs, strict=True), of_photos, (18, 20), strict=True):
            mean = statistics.mean(figures)
            worse = (mean - statistics.mean(best)) / statistics.stdev(best)
            line += f"{mean:>{width}.5f}{worse:>10.1f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
