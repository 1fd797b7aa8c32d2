"""The pictures that the page of a run shows, chosen by what was measured of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import images
from pipeline.evaluation import words
from pipeline.evaluation.job import Job
from pipeline.evaluation.painting import Painted
from pipeline.report_page.pictures import Picture
from pipeline.rows import digest

SAMPLES, EXTREMES, NEAREST, STYLED = 12, 6, 6, 4
"""So many maps are shown as they come, at either end, near a training photo, and in several styles."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Pictures of a map side by side, what the photo is called, and what is said of it."""

    picture: Picture
    name: str
    says: str


class Gallery:
    """Reads what was measured; pictures are read when they are asked for."""

    def __init__(self, job: Job, painted: Painted, *, on_picture: Callable[[], None]) -> None:
        self._job, self._painted, self._on_picture = job, painted, on_picture
        self._said: dict[str, dict[str, Any]] = {id: {} for id in job.bench.ids}
        results = job.results[painted.subject.name]
        for one in job.bench.of_run(painted):
            if one.said["of"] == painted.subject.name:
                for id, said in results.of_pictures(one).items():
                    self._said[id] |= said
        self._pictures = painted.pictures()

    @property
    def key(self) -> str:
        """The same where the same pictures are shown, by the same names."""
        job, painted = self._job, self._painted
        sets = [photos for photos in (job.bench.photos, job.bench.trained.get(painted.subject.name)) if photos]
        names = [[case.name for case in photos.cases] for photos in sets]
        keys = [painted.key(*one) for one in painted.wanted()]
        return digest(repr((keys, [photos.key for photos in sets], names, job.palette, self._said)).encode())

    def samples(self) -> list[Shown]:
        """As they come: label map, photo, picture."""
        number = len(self._job.bench.photos)
        places = range(number) if number <= SAMPLES else [k * number // SAMPLES for k in range(SAMPLES)]
        return [self._triple(place) for place in places]

    def extremes(self, *, is_best: bool) -> list[Shown]:
        """Those that are the most and the least like their own photo; none where each map is in both."""
        apart = self._ranked("distance_to_own_photo_")
        if len(apart) < 2 * EXTREMES:
            return []
        chosen = apart[:EXTREMES] if is_best else apart[: -EXTREMES - 1 : -1]
        return [self._triple(place, f"distance {words.number(distance)}") for distance, place in chosen]

    def nearest(self) -> list[Shown]:
        """Those that are the nearest to a photo that was trained on, beside it."""
        trained = self._job.bench.trained.get(self._painted.subject.name)
        places = {case.id: place for place, case in enumerate(trained.cases)} if trained else {}
        shown = []
        for distance, place in self._ranked("distance_to_nearest_trained"):
            theirs = places.get(self._said[self._job.bench.ids[place]].get("nearest_trained"))
            if theirs is not None and len(shown) < NEAREST:
                pair = [_pixels(self._pictures.read(place)), _pixels(trained.read(theirs).image)]
                name = f"{self._name(place)} and {trained.cases[theirs].name}"
                shown.append(self._shown(pair, name, f"distance {words.number(distance)}"))
        return shown

    def styled(self) -> list[Shown]:
        """Maps with all their pictures."""
        shown = []
        for place in range(min(STYLED, self._painted.styled_maps)):
            samples = [_pixels(one) for one in ((self._painted.samples(place) + 1) * 127.5).round().byte()]
            shown.append(self._shown([self._labels(place), *samples], self._name(place), ""))
        return shown

    def _triple(self, place: int, says: str = "") -> Shown:
        photo = self._job.bench.photos.read(place).image
        trio = [self._labels(place), _pixels(photo), _pixels(self._pictures.read(place))]
        return self._shown(trio, self._name(place), says)

    def _shown(self, pictures: Sequence[np.ndarray], name: str, says: str) -> Shown:
        from pipeline.evaluation.thumbnails import side_by_side

        self._on_picture()
        return Shown(picture=side_by_side(pictures), name=name, says=says)

    def _ranked(self, beginning: str) -> list[tuple[float, int]]:
        """What was measured of each picture, the smallest first, and its place."""
        found = []
        for place, id in enumerate(self._job.bench.ids):
            values = [value for name, value in self._said[id].items() if name.startswith(beginning)]
            found += [(value, place) for value in values[:1]]
        return sorted(found)

    def _labels(self, place: int) -> np.ndarray:
        return images.colourise(self._job.bench.photos.read(place).labels.numpy(), self._job.palette)

    def _name(self, place: int) -> str:
        return self._job.bench.photos.cases[place].name


def _pixels(picture: Any) -> np.ndarray:
    return picture.permute(1, 2, 0).contiguous().numpy()
