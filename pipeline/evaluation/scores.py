"""What is measured of sets of pictures: each function gives numbers with their intervals, and knows no file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.evaluation.results import Found, Outcome

if TYPE_CHECKING:
    from torch import Tensor

    from gaugan.confusion import Confusion

MOST_FOR_FRECHET = 2500
"""The Frechet distance is slow to draw anew; of more pictures it has no interval, and hardly needs one."""
NEIGHBOURS_PR, NEIGHBOURS_DC = 3, 5
"""As in the papers that the measures come from."""


@dataclass(frozen=True, kw_only=True)
class Lots:
    """How maps are drawn anew for an interval.    groups: of each map the number of its group."""

    seed: int
    groups: Sequence[int]

    def of(self, measure: "Callable[..., tuple[float, float]]", *sets: Any) -> tuple[float, float]:
        """The ends of an interval by a function of gaugan.bootstrap."""
        return measure(*sets, seed=self.seed, groups=self.groups)


def distances(photos: "Tensor", pictures: "Tensor", network: Any, *, lots: Lots) -> Outcome:
    """How far two sets are apart in the features of a network, and how they cover each other.

    photos, pictures: (N, D), row by row of the same maps.    network: of `judges`.
    """
    from gaugan import bootstrap
    from gaugan.metrics import frechet_distance, kernel_distance

    kernel_name, frechet_name = names_of_distances(network)
    kernel = kernel_distance(pictures, photos)
    frechet = frechet_distance(pictures, photos)
    found = [_found(kernel_name, kernel, lots.of(bootstrap.interval_of_kernel_distance, photos, pictures))]
    if len(photos) <= MOST_FOR_FRECHET:
        found.append(_found(frechet_name, frechet, lots.of(bootstrap.interval_of_frechet_distance, photos, pictures)))
    else:
        found.append(Found(metric=frechet_name, value=frechet))
    return Outcome(found=[*found, *coverage(photos, pictures, network)], judge=network.name)


def difference(photos: "Tensor", one: "Tensor", other: "Tensor", network: Any, *, lots: Lots) -> Outcome:
    """How much farther the other is than the one; all (N, D), row by row of the same maps."""
    from gaugan.bootstrap import interval_of_kernel_difference
    from gaugan.metrics import kernel_distance

    kernel_name, _ = names_of_distances(network)
    apart = kernel_distance(other, photos) - kernel_distance(one, photos)
    ends = lots.of(interval_of_kernel_difference, photos, other, one)
    return Outcome(found=[_found(f"difference_of_{kernel_name}", apart, ends)], judge=network.name)


def halves(one: "Tensor", other: "Tensor", network: Any) -> Outcome:
    """The same of one half of the photos against the other, as far as any set of so many can be from photos.

    one, other: (N, D) and (M, D), two or more of each.
    """
    from gaugan.metrics import frechet_distance, kernel_distance

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
    pictures: "Tensor", trained: "Tensor", network: Any, *, ids: Sequence[str], trained_ids: Sequence[str], lots: Lots
) -> Outcome:
    """How far each picture is from the photo nearest to it that was trained on."""
    from gaugan.neighbours import nearest

    apart, places = nearest(pictures, trained)
    return Outcome(
        judge=network.name,
        found=[mean_of(f"distance_to_nearest_trained_{network.name}", apart, lots=lots)],
        of_pictures={
            id: {"nearest_trained": trained_ids[place], "distance_to_nearest_trained": float(distance)}
            for id, place, distance in zip(ids, places.tolist(), apart.tolist(), strict=True)
        },
    )


def photos_to_nearest_trained(photos: "Tensor", trained: "Tensor", network: Any, *, lots: Lots) -> Outcome:
    """The same of photos that the run has not seen: about so far are pictures of one that learned nothing by heart."""
    from gaugan.neighbours import nearest

    apart, _ = nearest(photos, trained)
    found = mean_of(f"photos_to_nearest_trained_{network.name}", apart, lots=lots)
    return Outcome(judge=network.name, found=[found])


def likeness(
    photos: "Iterable[Tensor]",
    pictures: "Iterable[Tensor]",
    network: Any,
    *,
    ids: Sequence[str],
    lots: Lots,
) -> Outcome:
    """How unlike each picture is to its own photo, as a network sees both.

    photos, pictures: batches (B, 3, H, W) float32 in [-1, 1] of the same maps.    network: of gaugan.features.
    """
    from gaugan.likeness import feature_distance

    measured = [
        feature_distance(network, *(batch.to(network.mean.device) for batch in pair))
        for pair in zip(photos, pictures, strict=True)
    ]
    return _of_each({f"distance_to_own_photo_{network.name}": measured}, judge=network.name, ids=ids, lots=lots)


def reconstruction(
    photos: "Iterable[Tensor]", pictures: "Iterable[Tensor]", *, ids: Sequence[str], lots: Lots
) -> Outcome:
    """How well pictures in the style of their photo are that photo again, pixel by pixel: no network looks at them.

    photos, pictures: as of `likeness`.
    """
    from gaugan.likeness import WINDOW_PX, psnr, ssim

    measured: dict[str, list[Tensor]] = {}
    for photo, picture in zip(photos, pictures, strict=True):
        measured.setdefault("psnr", []).append(psnr(photo, picture))
        if min(photo.shape[2:]) >= WINDOW_PX:
            measured.setdefault("ssim", []).append(ssim(photo, picture))
    return _of_each(measured, judge="", ids=ids, lots=lots)


def diversity(samples: "Iterable[Tensor]", network: Any, *, lots: Lots) -> Outcome:
    """How much pictures of one map differ, as a network sees them: the mean over the pairs of each map, and the maps.

    samples: of each of the first maps its pictures, (S, 3, H, W) float32 in [-1, 1].    network: of gaugan.features.
    """
    import torch

    from gaugan.likeness import diversity as differ

    values = torch.tensor([differ(network, few.to(network.mean.device)) for few in samples], dtype=torch.float64)
    return Outcome(judge=network.name, found=[mean_of(f"diversity_{network.name}", values, lots=lots)])


def mean_of(metric: str, values: "Tensor", *, lots: Lots) -> Found:
    """The mean of one value a map, and its interval.    values: (N,), of the first N maps."""
    from gaugan.bootstrap import interval_of_mean

    few = replace(lots, groups=lots.groups[: len(values)])
    return _found(metric, values.mean().item(), few.of(interval_of_mean, values))


def agreement(
    confusion: "Confusion", prefix: str, *, judge: str, names: Sequence[str], ids: Sequence[str], lots: Lots
) -> Outcome:
    """How well a segmenter finds what the maps asked for.

    prefix: of the metrics' names, which says whose word it is.    judge: the segmenter.    names: of the classes.
    """
    from gaugan.bootstrap import interval

    def drawn(metric: str, value: float, measure: "Callable[[Tensor], float]") -> Found:
        return _found(f"{prefix}_{metric}", value, lots.of(interval, measure, len(confusion)))

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


def _of_each(measured: "Mapping[str, Sequence[Tensor]]", *, judge: str, ids: Sequence[str], lots: Lots) -> Outcome:
    """Means, and what they are of.    measured: of each metric the values of all pictures, batch by batch."""
    import torch

    values = {metric: torch.cat(list(parts)) for metric, parts in measured.items()}
    rows = zip(*(column.tolist() for column in values.values()), strict=True)
    return Outcome(
        judge=judge,
        found=[mean_of(metric, column, lots=lots) for metric, column in values.items()],
        of_pictures={id: dict(zip(values, row, strict=True)) for id, row in zip(ids, rows, strict=True)},
    )


def _found(metric: str, value: float, ends: tuple[float, float]) -> Found:
    """A number with its interval; too few maps have none."""
    return Found(metric=metric, value=value, low=ends[0], high=ends[1])
