"""evaluation.html: what a run paints and how good it is, on one page that loads nothing from elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from pipeline.console import Console
from pipeline.evaluation import words
from pipeline.evaluation.asked import SELF
from pipeline.evaluation.curves import Curve, draw_losses, draw_scores, read_curves
from pipeline.evaluation.gallery import Gallery
from pipeline.evaluation.job import Job
from pipeline.evaluation.painting import Painted
from pipeline.evaluation.references import REAL
from pipeline.evaluation.results import Measured, commit
from pipeline.rows import digest
from pipeline.workspace import write_atomically

TEMPLATE, STYLES, SHARED_STYLES = "evaluation.html.j2", "evaluation.css", "report.css"
HEAD_BYTES = 2000


@dataclass(frozen=True, kw_only=True)
class ClassLine:
    """How well a class is found: in the pictures, and in the photos, which is the ceiling. share: of the pixels."""

    name: str
    colour: str
    share: float
    pictures: float | None
    photos: float | None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that the page says, but for its pictures.

    run, checkpoint: names.    weights: their digest.    style: as in Painted.    photos: so many are judged by.
    size: (height, width) in pixels.    own: the column of the run, of `columns`.    headline: as `headline` gives it.
    reader: the segmenter that read the pictures.    measured: name and digest of what looked, and what is said of it.
    """

    run: str
    checkpoint: str
    weights: str
    images_shown: int
    has_style: bool
    style: str
    split: str
    seed: int
    photos: int
    size: tuple[int, int]
    own: str
    columns: Sequence[str]
    lines: Sequence[words.Line]
    headline: Sequence[tuple[str, str, str]]
    warnings: Sequence[str]
    classes: Sequence[ClassLine]
    reader: str
    is_labeller: bool
    measured: Sequence[tuple[str, str, str]]
    curves: Mapping[str, Curve]
    version: str


def write_page(job: Job, painted: Painted, numbers: Sequence[Measured], *, console: Console) -> tuple[Path, bool]:
    """Writes the page of a run, or leaves it where it would come out the same; its path, and whether it is new."""
    suffix = "-self" if painted.style == SELF else ""
    path = job.results[painted.subject.name].folder / f"evaluation{suffix}.html"
    facts = facts_of(job, painted, numbers)
    with console.bar("page", unit="picture", total=None) as bar:
        gallery = Gallery(job, painted, on_picture=bar.step)
        key = _key(facts, gallery)
        is_there = path.is_file() and f'content="{key}"'.encode() in path.read_bytes()[:HEAD_BYTES]
        if not is_there:
            write_atomically(path, render(facts, gallery, key=key).encode())
    return path, not is_there


def facts_of(job: Job, painted: Painted, numbers: Sequence[Measured]) -> Facts:
    """numbers: of all that was measured."""
    subject, photos, reader = painted.subject, job.bench.photos, job.bench.reader
    own, columns = words.column(subject.name, painted.style), columns_of(job, painted)
    told = [one for one in numbers if words.column_of(one) in columns]
    return Facts(
        run=subject.name,
        checkpoint=subject.checkpoint.name,
        weights=subject.weights,
        images_shown=subject.about.images_shown,
        has_style=subject.has_style,
        style=painted.style,
        split=job.asked.split,
        seed=job.asked.seed,
        photos=len(photos),
        size=photos.size,
        own=own,
        columns=columns,
        lines=words.lines_of(told),
        headline=headline(told, own),
        warnings=words.warnings_of(told),
        classes=classes_of(job, told, own),
        reader=reader.segmenter.name,
        is_labeller=reader.is_labeller,
        measured=_instruments(told),
        curves=read_curves(subject.folder),
        version=f"{version('gauganpipe')} {commit()}".strip(),
    )


def render(facts: Facts, gallery: Gallery, *, key: str) -> str:
    """The page. The same facts and pictures always give the same text.    key: stands for all that it says."""
    import jinja2
    from markupsafe import Markup

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
    return environment.get_template(TEMPLATE).render(
        vars(facts),
        key=key,
        charts={
            "scores": Markup(draw_scores(facts.curves, checkpoint=facts.images_shown)),
            "losses": Markup(draw_losses(facts.curves)),
        },
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
            if beginning == "distance_to_nearest":
                beside += [f"{REAL} {words.number(one.cells[own].value)}" for one in lines if _is_baseline(one, own)]
            found.append((line.words, words.number(line.cells[own].value), ", ".join(beside)))
    return found


def _is_baseline(line: words.Line, own: str) -> bool:
    return line.metric.startswith("photos_to_nearest") and own in line.cells


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


def _instruments(told: Sequence[Measured]) -> list[tuple[str, str, str]]:
    """What looked: its name, the digest of its weights, and whether the run was taught by it."""
    found = {(one.judge, one.judge_digest): "" for one in told if one.judge}
    found |= {
        (one.judge, one.judge_digest): "the run learned from it" for one in told if one.judge and one.learned_from
    }
    return [(name, digest, says) for (name, digest), says in sorted(found.items())]


def _key(facts: Facts, gallery: Gallery) -> str:
    """The same for the same page: all that it says and shows, and how it is laid out."""
    import pipeline.report_page as report_page

    places = Path(__file__).parent, Path(report_page.__file__).parent
    layout = [(places[0] / TEMPLATE).read_bytes(), (places[0] / STYLES).read_bytes()]
    return digest(repr((layout, (places[1] / SHARED_STYLES).read_bytes(), facts, gallery.key)).encode())
