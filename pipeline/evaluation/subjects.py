"""The runs that are judged: found, opened, and whether they can be judged by the photos of this workspace."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import RunError
from pipeline.evaluation.asked import PRIOR, Asked
from pipeline.manifest import Manifest
from pipeline.rows import Row
from pipeline.run_ancestry import Ancestry, ancestry_of
from pipeline.run_folders import newest_run, run_folder
from pipeline.segmenters.weights import sha256_of
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from gaugan.checkpoint import About


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A run with the checkpoint that is judged.

    checkpoint: the best one, which was chosen by its score on val.    weights: digest of its averaged weights.
    ancestry: what it learned from, and the runs that it began with.
    """

    folder: Path
    checkpoint: Path
    weights: str
    about: "About"
    ancestry: Ancestry

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def has_encoder(self) -> bool:
        """Whether a photo can give the style."""
        return self.about.settings.model.style_encoder and "encoder" not in self.about.missing

    @property
    def has_style(self) -> bool:
        """Whether one map has many pictures."""
        return self.about.settings.model.style_encoder or self.about.settings.model.noise_size > 0

    @property
    def trained_on(self) -> tuple[Row, ...]:
        """Rows of its own manifest; none of a run that was trained elsewhere."""
        return self.ancestry.runs[0].trained_on

    def seen(self, split: str, manifest: Manifest) -> frozenset[str]:
        """Ids of photos, and of groups of look-alikes, that say little of how it does on a split.

        It knows them, or its weights did before it began with them. Groups are those of that time and those of today:
        photos may have joined a group since.
        """
        learned, chosen_by = self.ancestry.trained_on, self.ancestry.validated_on
        rows = {"train": (), "val": learned, "test": (*learned, *chosen_by)}[split]
        today = (manifest.rows[row.id] for row in rows if row.id in manifest.rows)
        return frozenset(word for row in (*rows, *today) for word in (row.id, row.group) if word)


def find_subjects(workspace: Workspace, manifest: Manifest, asked: Asked) -> list[Subject]:
    """The runs that are named, or the newest.

    Raises: RunError when one has no checkpoint, speaks of other classes, or cannot take its styles from where they are
    asked for; CheckpointError of gaugan when a checkpoint is damaged.
    """
    folders = [run_folder(workspace, path) for path in asked.runs] or [newest_run(workspace)]
    names = [folder.resolve().name for folder in folders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise RunError(f"two of the runs are called {twice}, so nobody could tell them apart. Name each run once")
    subjects = [_open(folder, manifest) for folder in folders]
    for subject in subjects:
        if PRIOR not in asked.styles and not subject.has_encoder:
            raise RunError(
                f"{subject.name} has no style encoder, so no photo can give it a style. Judge it by drawn styles: "
                f"--style {PRIOR}"
            )
    return subjects


def find_size(subjects: Sequence[Subject], width_px: int | None) -> tuple[int, int]:
    """(height, width) at which all are judged: what was asked for, in the proportions of the first run, or its own.

    Raises: RunError when the runs were trained at several sizes and none is asked for.
    """
    crops = {subject.name: subject.about.settings.data.crop for subject in subjects}
    height, width = crops[subjects[0].name]
    if width_px:
        return max(1, round(height * width_px / width)), width_px
    other = next((name for name, crop in crops.items() if crop != (height, width)), None)
    if other:
        said = [f"{name} at {crops[name][1]}x{crops[name][0]} pixels" for name in (subjects[0].name, other)]
        smaller = min(crop[1] for crop in crops.values())
        raise RunError(
            f"{' and '.join(said)} were trained at different sizes. Say at which they are compared: --size {smaller}"
        )
    return height, width


def _open(folder: Path, manifest: Manifest) -> Subject:
    from gaugan import checkpoint

    best = checkpoint.best(folder)
    if best is None:
        raise RunError(f"{folder} has no checkpoint yet, so there is nothing to judge. Go on with its training first")
    about = checkpoint.read_about(best)
    own = Manifest(Workspace(root=folder))
    if own.taxonomy.names != manifest.taxonomy.names:
        raise RunError(
            f"{folder} paints {_classes(own)}, and the label maps of this workspace are of {_classes(manifest)}. Judge "
            "it in the workspace that it was trained in"
        )
    if about.classes != len(manifest.taxonomy):
        raise RunError(
            f"{folder} was trained on {about.classes} classes, and its own manifest speaks of "
            f"{len(manifest.taxonomy)}. Put its manifests back, or train it anew"
        )
    return Subject(
        folder=folder,
        checkpoint=best,
        weights=sha256_of(best / checkpoint.AVERAGED)[:16],
        about=about,
        ancestry=ancestry_of(folder),
    )


def _classes(manifest: Manifest) -> str:
    return f"{len(manifest.taxonomy)} classes ({', '.join(manifest.taxonomy.names[:4])}, ...)"
