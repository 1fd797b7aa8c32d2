"""All that a command measures: found and looked at before anything is painted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.console import Console
from pipeline.evaluation import words
from pipeline.evaluation.asked import SELF, Asked, demand_libraries, refuse_nonsense
from pipeline.evaluation.judges import Descriptions, find_judges
from pipeline.evaluation.measuring import Bench
from pipeline.evaluation.painting import Painted
from pipeline.evaluation.photos import Photos, judged_photos, training_photos
from pipeline.evaluation.references import CLASS_MEANS, NEAREST_MAP, REAL, References
from pipeline.evaluation.results import Measured, Measurement, Results
from pipeline.evaluation.segmenting import open_reader
from pipeline.evaluation.subjects import Subject, find_size, find_subjects
from pipeline.manifest import read
from pipeline.rows import Row, digest
from pipeline.run_ancestry import UNKNOWN_LICENSE
from pipeline.samples import trained_rows
from pipeline.workspace import Workspace

EVALUATION, REFERENCES, COMPARED = "evaluation", "references", "compared"
LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a command measures.    painted: of each run and style.    results: by the name of whose they are.

    root: the folder of runs, or the one that takes everything in its place.    palette: 256 RGB triples."""

    asked: Asked
    root: Path
    subjects: list[Subject]
    bench: Bench
    painted: list[Painted]
    results: dict[str, Results]
    palette: bytes

    @property
    def columns(self) -> list[str]:
        """Whose numbers are shown, in their order: runs, floor, ceiling."""
        runs = [words.column(painted.subject.name, painted.style) for painted in self.painted]
        return [*runs, *([CLASS_MEANS, NEAREST_MAP] if len(self.bench.references.trained) else []), REAL]

    def measurements(self) -> list[tuple[Results, Measurement]]:
        """In the order in which they are told; each with where it is kept."""
        bench, references = self.bench, self.bench.references
        beside = self.results[REFERENCES]
        listed = [
            (self.results[painted.subject.name], one) for painted in self.painted for one in bench.of_run(painted)
        ]
        if len(references.trained):
            for pictures in (references.class_means(), references.nearest_map()):
                listed += [(beside, one) for one in bench.of_reference(pictures)]
        listed += [(beside, one) for one in bench.of_real()]
        first, *others = [painted for painted in self.painted if painted.style == self.painted[0].style]
        return listed + [(self.results[COMPARED], one) for other in others for one in bench.of_pair(first, other)]

    def numbers(self) -> list[Measured]:
        """Of all measurements, once they are taken."""
        return words.told_apart([number for results, one in self.measurements() for number in results.of(one)])

    def read_again(self) -> None:
        """What is there by now: another command may have painted and measured since this one looked."""
        for results in self.results.values():
            results.read()
        for painted in self.painted:
            painted.read()

    @property
    def missing(self) -> int:
        return sum(not results.knows(one) for results, one in self.measurements())

    @property
    def unpainted(self) -> int:
        return sum(len(painted.missing()) for painted in self.painted)

    @property
    def is_done(self) -> bool:
        return not self.missing and not self.unpainted


def prepare(workspace: Workspace, asked: Asked, *, console: Console) -> Job:
    """All that can refuse, looked at before anything is painted; writes nothing but a download that was asked for."""
    refuse_nonsense(asked)
    demand_libraries(asked)
    manifest = read(workspace)
    found = find_subjects(workspace, manifest, asked)
    size = find_size(found, asked.width_px)
    photos = judged_photos(
        workspace,
        manifest,
        split=asked.split,
        limit=asked.limit,
        size=size,
        seen_by=[(subject.name, subject.seen(asked.split, manifest)) for subject in found],
        console=console,
    )
    root = asked.out or workspace.runs
    classes = len(manifest.taxonomy)

    # Runs have mostly learned from the same photos.
    shown: dict[tuple[str, ...], Photos] = {}

    def shown_to(rows: Sequence[Row]) -> Photos:
        same = tuple(f"{row.id} {row.digests.get('image')} {row.digests.get('label')}" for row in rows)
        if same not in shown:
            shown[same] = training_photos(workspace, rows, size=size, classes=classes)
        return shown[same]

    # What stands in the place of pictures must not be the judged photos themselves.
    judged = {word for case in photos.cases for word in (case.id, case.group)}
    offered = [row for row in trained_rows(manifest) if row.split == "train"]
    may_learn = [row for row in offered if judged.isdisjoint((row.id, row.group))]
    trained = {subject.name: shown_to(subject.trained_on) for subject in found if asked.split != "train"}
    _say_what_is_odd(asked, found, console)
    bench = Bench(
        asked=asked,
        photos=photos,
        references=References(photos, shown_to(may_learn), asked.seed),
        trained={name: theirs for name, theirs in trained.items() if len(theirs)},
        judges=find_judges(workspace, asked, found, console),
        reader=open_reader(workspace, manifest, photos, asked, console),
        descriptions=Descriptions(root / REFERENCES, console),
        names=manifest.taxonomy.names,
        console=console,
    )
    results = {subject.name: Results(_place(root, subject, asked)) for subject in found}
    painted = [
        Painted(results[subject.name].folder, subject, photos, style=style, seed=asked.seed, split=asked.split)
        for subject in found
        for style in asked.styles
        if style != SELF or subject.has_encoder
    ]
    results[REFERENCES] = Results(root / REFERENCES)
    if len(found) > 1:
        results[COMPARED] = Results(root / COMPARED / _name_of(found))
    palette = manifest.taxonomy.palette
    return Job(asked=asked, root=root, subjects=found, bench=bench, painted=painted, results=results, palette=palette)


def _place(root: Path, subject: Subject, asked: Asked) -> Path:
    """Where the scores of a run are kept: in its own folder, or in the one that was named."""
    return root / subject.name if asked.out else subject.folder / EVALUATION


def _name_of(subjects: Sequence[Subject]) -> str:
    """Of the folder in which several runs are compared."""
    name = "+".join(subject.name for subject in subjects)
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}-{digest(name.encode())}"


def _say_what_is_odd(asked: Asked, subjects: Sequence[Subject], console: Console) -> None:
    if asked.split == "train":
        console.note("photos of train were learned from: these scores say how well they were learned by heart")
    if asked.split == "val":
        console.note("the best checkpoints were chosen on val, which flatters them: take --split test for a headline")
    for subject in subjects:
        if SELF in asked.styles and not subject.has_encoder:
            console.note(
                f"{subject.name} has no style encoder: no photo gives it a style, so it is judged by drawn ones"
            )
        if not subject.has_style:
            console.note(f"{subject.name} has no styles: one map has one picture, and no diversity")
        unknown = [one.run for one in subject.ancestry.runs if one.license == UNKNOWN_LICENSE]
        if unknown:
            console.note(
                f"{subject.name} began with weights of {' and '.join(unknown)}, of which nothing is known: if they "
                f"learned from photos of {asked.split}, these scores are too kind"
            )
        if subject.about.missing:
            console.note(f"{subject.name} is without {' and '.join(subject.about.missing)}")
