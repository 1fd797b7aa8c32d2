"""What is measured of sets of pictures: each function gives numbers with their intervals, and knows no file."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.evaluation.results import Found, Outcome

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.confusion import Confusion

MOST_FOR_FRECHET = 2500
"""The Frechet distance is slow to draw anew; of more pictures it has no interval, and hardly needs one."""
NEIGHBOURS_PR, NEIGHBOURS_DC = 3, 5
"""As in the papers that the measures come from."""


def distances(photos: "Tensor", pictures: "Tensor", network: Any, *, seed: int) -> Outcome:
    """How far two sets are apart in the features of a network, and how they cover each other.

    photos, pictures: (N, D), row by row of the same maps.    network: of `judges`.
    """
    from gaugan import bootstrap
    from gaugan.metrics import frechet_distance, kernel_distance

    kernel_name, frechet_name = names_of_distances(network)
    kernel = kernel_distance(pictures, photos)
    frechet = frechet_distance(pictures, photos)
    found = [_found(kernel_name, kernel, bootstrap.interval_of_kernel_distance(photos, pictures, seed=seed))]
    if len(photos) <= MOST_FOR_FRECHET:
        found.append(_found(frechet_name, frechet, bootstrap.interval_of_frechet_distance(photos, pictures, seed=seed)))
    else:
        found.append(Found(metric=frechet_name, value=frechet))
    return Outcome(found=[*found, *coverage(photos, pictures, network)], judge=network.name)


def difference(photos: "Tensor", one: "Tensor", other: "Tensor", network: Any, *, seed: int) -> Outcome:
    """How much farther the other is than the one; all (N, D), row by row of the same maps."""
    from gaugan.bootstrap import interval_of_kernel_difference
    from gaugan.metrics import kernel_distance

    kernel_name, _ = names_of_distances(network)
    apart = kernel_distance(other, photos) - kernel_distance(one, photos)
    ends = interval_of_kernel_difference(photos, other, one, seed=seed)
    return Outcome(found=[_found(f"difference_of_{kernel_name}", apart, ends)], judge=network.name)


def halves(photos: "Tensor", network: Any) -> Outcome:
    """The same of one half of the photos against the other, as far as any set of so many can be from photos."""
    from gaugan.metrics import frechet_distance, kernel_distance

    one, other = photos[::2], photos[1::2]
    if min(len(one), len(other)) < 2:
        return Outcome(found=[])
    number = min(len(one), len(other))
    kernel_name, frechet_name = names_of_distances(network)
    found = [
        Found(metric=kernel_name, value=kernel_distance(one, other)),
        Found(metric=frechet_name, value=frechet_distance(one, other)),
    ]
    return Outcome(found=[*found, *coverage(one[:number], other[:number], network)], judge=network.name)


def coverage(photos: "Tensor", pictures: "Tensor", network: Any) -> list[Found]:
    """Precision and recall, density and coverage; none of sets that have fewer than the neighbours they ask for."""
    from gaugan.neighbours import density_coverage, precision_recall

    found = {}
    if len(photos) > NEIGHBOURS_PR:
        found |= precision_recall(photos, pictures, k=NEIGHBOURS_PR)._asdict()
    if len(photos) > NEIGHBOURS_DC:
        found |= density_coverage(photos, pictures, k=NEIGHBOURS_DC)._asdict()
    return [Found(metric=f"{name}_{network.name}", value=value) for name, value in found.items()]


def names_of_distances(network: Any) -> tuple[str, str]:
    """KID and FID are those in the released weights of Inception; every other network's go by its own name."""
    if getattr(network, "is_released", False):
        return "kid", "fid"
    return f"kernel_distance_{network.name}", f"frechet_distance_{network.name}"


def nearest_trained(
    pictures: "Tensor", trained: "Tensor", network: Any, *, ids: Sequence[str], trained_ids: Sequence[str], seed: int
) -> Outcome:
    """How far each picture is from the photo nearest to it that was trained on."""
    from gaugan.neighbours import nearest

    apart, places = nearest(pictures, trained)
    return Outcome(
        judge=network.name,
        found=[mean_of(f"distance_to_nearest_trained_{network.name}", apart, seed=seed)],
        of_pictures={
            id: {"nearest_trained": trained_ids[place], "distance_to_nearest_trained": float(distance)}
            for id, place, distance in zip(ids, places.tolist(), apart.tolist(), strict=True)
        },
    )


def likeness(
    photos: "Iterable[Tensor]",
    pictures: "Iterable[Tensor]",
    network: Any,
    *,
    ids: Sequence[str],
    seed: int,
    is_self: bool,
) -> Outcome:
    """How unlike each picture is to its own photo, as a network sees both.

    photos, pictures: batches (B, 3, H, W) float32 in [-1, 1] of the same maps.    network: of gaugan.features.
    is_self: whether the photo gave the style, so that the picture is to be the photo again, pixel by pixel.
    """
    import torch

    from gaugan.likeness import WINDOW_PX, feature_distance, psnr, ssim

    measured: dict[str, list[Tensor]] = {}
    for photo, picture in zip(photos, pictures, strict=True):
        pair = [batch.to(network.mean.device) for batch in (photo, picture)]
        measured.setdefault(f"distance_to_own_photo_{network.name}", []).append(feature_distance(network, *pair))
        if is_self:
            measured.setdefault("psnr", []).append(psnr(photo, picture))
            if min(photo.shape[2:]) >= WINDOW_PX:
                measured.setdefault("ssim", []).append(ssim(photo, picture))
    values = {metric: torch.cat(parts) for metric, parts in measured.items()}
    rows = zip(*(column.tolist() for column in values.values()), strict=True)
    return Outcome(
        judge=network.name,
        found=[mean_of(metric, column, seed=seed) for metric, column in values.items()],
        of_pictures={id: dict(zip(values, row, strict=True)) for id, row in zip(ids, rows, strict=True)},
    )


def diversity(samples: "Iterable[Tensor]", network: Any, *, seed: int) -> Outcome:
    """How much pictures of one map differ, as a network sees them: the mean over the pairs of each map, and the maps.

    samples: of each map its pictures, (S, 3, H, W) float32 in [-1, 1].    network: of gaugan.features.
    """
    import torch

    from gaugan.likeness import diversity as differ

    values = torch.tensor([differ(network, few.to(network.mean.device)) for few in samples], dtype=torch.float64)
    return Outcome(judge=network.name, found=[mean_of(f"diversity_{network.name}", values, seed=seed)])


def mean_of(metric: str, values: "Tensor", *, seed: int) -> Found:
    """The mean of one value a map, and its interval.    values: (N,)."""
    from gaugan.bootstrap import interval_of_mean

    return _found(metric, values.mean().item(), interval_of_mean(values, seed=seed))


def agreement(
    confusion: "Confusion", prefix: str, *, judge: str, names: Sequence[str], ids: Sequence[str], seed: int
) -> Outcome:
    """How well a segmenter finds what the maps asked for.

    prefix: of the metrics' names, which says whose word it is.    judge: the segmenter.    names: of the classes.
    """
    from gaugan.bootstrap import interval

    def drawn(metric: str, value: float, measure: "Callable[[Tensor], float]") -> Found:
        return _found(f"{prefix}_{metric}", value, interval(measure, len(confusion), seed=seed))

    found = [
        drawn("mean_iou", confusion.mean_iou, confusion.mean_iou_of),
        drawn("pixel_accuracy", confusion.pixel_accuracy, confusion.pixel_accuracy_of),
        Found(metric=f"{prefix}_frequency_weighted_iou", value=confusion.frequency_weighted_iou),
    ]
    pixels = confusion.pixels.double() / max(1, int(confusion.pixels.sum()))
    for name, iou, share in zip(names, confusion.iou.tolist(), pixels.tolist(), strict=True):
        if iou == iou:
            found.append(Found(metric=f"{prefix}_iou", value=iou, of_class=name))
            found.append(Found(metric=f"{prefix}_share", value=share, of_class=name))
    accuracies = confusion.pixel_accuracies.tolist()
    of_pictures = {id: {f"{prefix}_pixel_accuracy": accuracy} for id, accuracy in zip(ids, accuracies, strict=True)}
    return Outcome(found=found, of_pictures=of_pictures, judge=judge)


def _found(metric: str, value: float, ends: tuple[float, float]) -> Found:
    """A number with its interval; too few maps have none."""
    return Found(metric=metric, value=value, low=ends[0], high=ends[1])
