"""evaluation.html: what a run paints and how good it is, on one page that loads nothing from elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import images
from pipeline.console import Console
from pipeline.evaluation import words
from pipeline.evaluation.asked import SELF
from pipeline.evaluation.job import Job
from pipeline.evaluation.painting import Painted
from pipeline.evaluation.references import REAL
from pipeline.evaluation.results import Measured, commit
from pipeline.report_page.pictures import Picture
from pipeline.rows import digest
from pipeline.workspace import write_atomically

TEMPLATE, STYLES = "evaluation.html.j2", "evaluation.css"
HEAD_BYTES = 2000
SAMPLES, EXTREMES, NEAREST, STYLED = 12, 6, 6, 4
"""So many maps are shown as they come, at either end, near a training photo, and in several styles."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Pictures of a map side by side, what the photo is called, and what is said of it."""

    picture: Picture
    name: str
    says: str


@dataclass(frozen=True, kw_only=True)
class ClassLine:
    """How well a class is found: in the pictures, and in the photos, which is the ceiling. share: of the pixels."""

    name: str
    colour: str
    share: float
    pictures: float | None
    photos: float | None


def write_page(job: Job, painted: Painted, numbers: Sequence[Measured], *, console: Console) -> tuple[Path, bool]:
    """Writes the page of a run, or leaves it where it would come out the same; its path, and whether it is new."""
    suffix = "-self" if painted.style == SELF else ""
    path = job.results[painted.subject.name].folder / f"evaluation{suffix}.html"
    key = _key(job, painted, numbers)
    is_there = path.is_file() and f'content="{key}"'.encode() in path.read_bytes()[:HEAD_BYTES]
    if not is_there:
        write_atomically(path, render(job, painted, numbers, key=key, console=console).encode())
    return path, not is_there


def render(job: Job, painted: Painted, numbers: Sequence[Measured], *, key: str, console: Console) -> str:
    """The page. The same numbers and pictures always give the same text.    key: stands for all that it says."""
    import jinja2
    from markupsafe import Markup

    from pipeline.evaluation import curves

    own, columns = words.column(painted.subject.name, painted.style), columns_of(job, painted)
    told = [one for one in numbers if words.column_of(one) in columns]
    drawn = curves.read_curves(painted.subject.folder)
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("pipeline.evaluation", "."), jinja2.PackageLoader("pipeline.report_page", ".")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=lambda value: f"{value:,}",
        digits=words.number,
        halves=words.halves_of,
        percent=lambda share: f"{100 * share:.1f} %",
    )
    with console.bar("page", unit="picture", total=None) as bar:
        gallery = Gallery(job, painted, on_picture=bar.step)
        return environment.get_template(TEMPLATE).render(
            key=key,
            run=painted.subject,
            painted=painted,
            photos=job.bench.photos,
            asked=job.asked,
            columns=columns,
            own=own,
            lines=words.lines_of(told),
            headline=headline(told, own),
            warnings=words.warnings_of(told),
            curves={
                "scores": Markup(curves.draw_scores(drawn, checkpoint=painted.subject.about.images_shown)),
                "losses": Markup(curves.draw_losses(drawn)),
            },
            classes=classes_of(job, told, own),
            reader=job.bench.reader,
            measured=_instruments(told),
            version=f"{version('gauganpipe')} {commit()}".strip(),
            samples=gallery.samples(),
            styled=gallery.styled(),
            best=gallery.extremes(is_best=True),
            worst=gallery.extremes(is_best=False),
            nearest=gallery.nearest(),
        )


def columns_of(job: Job, painted: Painted) -> list[str]:
    """The run in this style mode, floor and ceiling; other runs have pages of their own."""
    runs = {words.column(one.subject.name, one.style) for one in job.painted}
    return [words.column(painted.subject.name, painted.style), *(name for name in job.columns if name not in runs)]


def headline(told: Sequence[Measured], own: str) -> list[tuple[str, str, str]]:
    """The few numbers that say most: what each is called, the number, and what it is to be seen beside."""
    lines, found = words.lines_of(told), []
    for beginning in ("kid", "kernel", "self_consistency_mean", "read_by", "psnr", "diversity", "distance_to_nearest"):
        line = next((line for line in lines if line.metric.startswith(beginning) and own in line.cells), None)
        if line and not (beginning == "kernel" and found):
            beside = [f"{name} {words.number(line.cells[name].value)}" for name in line.cells if name != own]
            found.append((line.words, words.number(line.cells[own].value), ", ".join(beside)))
    return found


def classes_of(job: Job, told: Sequence[Measured], own: str) -> list[ClassLine]:
    """The classes that the maps ask for or the segmenter finds, those of most pixels first."""
    prefix = job.bench.reader.prefix
    cells = {(words.column_of(one), one.metric, one.of_class): one.value for one in told if one.of_class}
    palette = job.palette
    lines = []
    for id, name in enumerate(job.bench.names):
        found = {column: cells.get((column, f"{prefix}_iou", name)) for column in (own, REAL)}
        share = cells.get((own, f"{prefix}_share", name), 0.0)
        if any(value is not None for value in found.values()):
            colour = f"#{palette[3 * id : 3 * id + 3].hex()}"
            lines.append(ClassLine(name=name, colour=colour, share=share, pictures=found[own], photos=found[REAL]))
    return sorted(lines, key=lambda line: -line.share)


class Gallery:
    """The pictures that the page shows, chosen by what was measured of each."""

    def __init__(self, job: Job, painted: Painted, *, on_picture: Callable[[], None]) -> None:
        self._job, self._painted, self._on_picture = job, painted, on_picture
        self._said: dict[str, dict[str, Any]] = {id: {} for id in job.bench.ids}
        results = job.results[painted.subject.name]
        for one in job.bench.of_run(painted):
            if one.said["of"] == painted.subject.name:
                for id, said in results.of_pictures(one).items():
                    self._said[id] |= said
        self._pictures = painted.pictures()

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


def _instruments(told: Sequence[Measured]) -> list[tuple[str, str, str]]:
    """What looked: its name, the digest of its weights, and whether the run was taught by it."""
    found = {(one.judge, one.judge_digest): "" for one in told if one.judge}
    found |= {
        (one.judge, one.judge_digest): "the run learned from it" for one in told if one.judge and one.learned_from
    }
    return [(name, digest, says) for (name, digest), says in sorted(found.items())]


def _key(job: Job, painted: Painted, numbers: Sequence[Measured]) -> str:
    """The same for the same page: what was measured, of what, and how the page is laid out."""
    layout = [(Path(__file__).parent / name).read_bytes() for name in (TEMPLATE, STYLES)]
    columns = columns_of(job, painted)
    told = sorted({one.key for one in numbers if words.column_of(one) in columns})
    return digest(repr((version("gauganpipe"), layout, told, columns, painted.pictures().key)).encode())
