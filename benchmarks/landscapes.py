"""How well the rules tell landscapes from other pictures: precision, recall and F1 of 'is a landscape'.

The thresholds were chosen on the sets that --chosen-on shows. The rule `layers`, and what counts as ice in `unknown`,
were added after a first look at which wallpapers the others got wrong, so that set is not quite untouched.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from pipeline import images
from pipeline.classes import load_taxonomy
from pipeline.ingest import MAX_SIDE_PX
from pipeline.measures import measure
from pipeline.rows import OK, Row
from pipeline.rules import MIN_SIDE, RULES, Rule, find_numbers, find_verdict
from pipeline.segmenters.registry import open_segmenter
from pipeline.segmenters.segmenter import Segmenter

DATA = Path(__file__).parents[1] / "../shared/data"
DRAWN = 200
SMALL_EVERY = 5
"""Of the small scenes every fifth photo is looked at."""
LANDSCAPES = ("mountain", "sea", "glacier", "forest")
BUILDING, THINGS = 5, (5, 7)
"""Of the hand-made labels: the id of buildings, and with it that of things in front."""
CLEARLY, CLEARLY_NOT = 0.08, 0.3
"""Share of buildings and things in the hand-made labels up to which a photo is a landscape, and above which it is none;
what lies between is left out."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that somebody has called a landscape or not."""

    path: Path
    kind: str
    is_landscape: bool


@dataclass(kw_only=True)
class Score:
    """Pictures by what they are and what the rules made of them."""

    kept: int = 0
    kept_wrongly: int = 0
    lost: int = 0
    rejected: int = 0

    def count(self, *, is_landscape: bool, is_kept: bool) -> None:
        self.kept += is_landscape and is_kept
        self.kept_wrongly += is_kept and not is_landscape
        self.lost += is_landscape and not is_kept
        self.rejected += not is_landscape and not is_kept

    def line(self) -> str:
        precision = self.kept / max(self.kept + self.kept_wrongly, 1)
        recall = self.kept / max(self.kept + self.lost, 1)
        f1 = 2 * self.kept / max(2 * self.kept + self.kept_wrongly + self.lost, 1)
        counts = f"{self.kept} kept, {self.lost} lost; others: {self.rejected} rejected, {self.kept_wrongly} kept"
        return f"precision {precision:.2f}, recall {recall:.2f}, F1 {f1:.2f} (landscapes: {counts})"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--segmenter", default="embedded", help="as the registry names it")
    options.add_argument("--weights", type=Path, default=Path(".weights"), help="where downloaded weights are kept")
    options.add_argument("--chosen-on", action="store_true", help="the sets that the thresholds were chosen on instead")
    asked = options.parse_args()
    segmenter = open_segmenter(asked.segmenter, taxonomy=load_taxonomy(), weights_folder=asked.weights)
    print(f"segmenter {segmenter.name} {segmenter.digest}")
    if asked.chosen_on:
        _show_chosen_on(segmenter)
    else:
        _show_wallpapers(segmenter)


def _show_wallpapers(segmenter: Segmenter) -> None:
    folder = DATA / "cc0_wallpapers"
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["kind"] != "near_duplicate"]
    pictures = [
        Picture(path=_inside(folder, line["file"]), kind=line["kind"], is_landscape=line["kind"] == "landscape")
        for line in lines
    ]
    score = _show("cc0_wallpapers", pictures, segmenter, is_listed=lambda *_: True)
    print(f"\n{score.line()}")


def _show_chosen_on(segmenter: Segmenter) -> None:
    sets = {
        "pixabay_landscapes": [
            Picture(path=path, kind=path.stem.split("-")[0], is_landscape=True)
            for path in sorted((DATA / "pixabay_landscapes").glob("*.jpg"))
        ],
        "stanford_background": list(_outdoor_photos(DATA / "stanford_background")),
        "intel_scenes_100px": [
            Picture(path=path, kind=path.parent.name, is_landscape=path.parent.name in LANDSCAPES)
            for path in sorted((DATA / "intel_scenes_100px").glob("*/*.jpg"))[::SMALL_EVERY]
        ],
    }
    numbers: dict[str, tuple[list[float], list[float]]] = {rule.name: ([], []) for rule in RULES}
    for name, pictures in sets.items():
        score = _show(name, pictures, segmenter, is_listed=_is_wrong, numbers=numbers)
        print(f"{name}: {score.line()}\n")
    print(f"{'rule':<12}{'threshold':>15}{'1 %':>8}{'2 %':>8}{'5 %':>8}   of landscapes   lost   others rejected")
    for rule in RULES:
        if rule is not MIN_SIDE:
            print(_rule_line(rule, *numbers[rule.name]))
    _show_drawn()


def _is_wrong(picture: Picture, is_kept: bool) -> bool:
    return picture.is_landscape != is_kept


def _rule_line(rule: Rule, landscapes: list[float], others: list[float]) -> str:
    """Where a threshold would lose so many landscapes, and what this one does, each rule taken alone."""
    outer = np.quantile(landscapes, [0.01, 0.02, 0.05] if rule.most is None else [0.99, 0.98, 0.95])
    lost, rejected = (sum(map(rule.is_broken_by, values)) for values in (landscapes, others))
    ends = "".join(f"{end:8.3f}" for end in outer)
    return f"{rule.name:<12}{rule.threshold:>15}{ends}{lost:>23}{rejected:>18}"


def _show(
    name: str,
    pictures: list[Picture],
    segmenter: Segmenter,
    *,
    is_listed: Callable[[Picture, bool], bool],
    numbers: dict[str, tuple[list[float], list[float]]] | None = None,
) -> Score:
    """Prints the pictures that are to be listed, and collects each rule's numbers of landscapes and of others."""
    score, rules = Score(), Counter()
    print(f"\n{name:<44}{'kind':<15}verdict")
    for picture in pictures:
        row = _labelled(picture.path, segmenter)
        verdict = find_verdict(row, load_taxonomy())
        score.count(is_landscape=picture.is_landscape, is_kept=verdict is None)
        for rule, value in find_numbers(row, load_taxonomy()).items() if numbers is not None else ():
            numbers[rule][not picture.is_landscape].append(value)
        if verdict is not None:
            rules[verdict.rule.name] += 1
        if is_listed(picture, verdict is None):
            said = "kept" if verdict is None else f"{verdict.rule.name} {verdict.value:g}, {verdict.rule.threshold}"
            is_right = picture.is_landscape == (verdict is None)
            print(f"{picture.path.name[:42]:<44}{picture.kind:<15}{said}{'' if is_right else '   wrong'}")
    print("rejected by", ", ".join(f"{rule.name} {rules[rule.name]}" for rule in RULES if rules[rule.name]) or "none")
    return score


def _show_drawn() -> None:
    """With the label maps that they were painted from."""
    from pipeline.sources.landscapes import draw

    rejected = Counter()
    for index in range(DRAWN):
        drawing = draw(index)
        verdict = find_verdict(_row(drawing.photo, drawing.labels, confidence=1.0), load_taxonomy())
        rejected.update([verdict.rule.name] if verdict else [])
    print(f"drawn:{DRAWN}: {rejected.total()} rejected {dict(rejected) or ''}")


def _outdoor_photos(folder: Path) -> Iterator[Picture]:
    """Those photos of Stanford Background of which the hand-made labels leave no doubt."""
    for path in sorted((folder / "images").glob("*.jpg")):
        labels = images.read_labels(folder / "labels" / f"{path.stem}.png")
        shares = np.bincount(labels.ravel(), minlength=256) / labels.size
        things = sum(shares[id] for id in THINGS)
        if things <= CLEARLY or things > CLEARLY_NOT:
            kind = "urban" if shares[BUILDING] > CLEARLY_NOT / 2 else "foreground" if things > CLEARLY else "nature"
            yield Picture(path=path, kind=kind, is_landscape=bool(things <= CLEARLY))


def _labelled(path: Path, segmenter: Segmenter) -> Row:
    pixels = images.decode_photo(path.read_bytes(), max_side_px=MAX_SIDE_PX).pixels
    labelling = segmenter.finish(segmenter.run(segmenter.prepare(pixels, path.name, pixels.shape[:2])))
    return _row(pixels, labelling.ids, confidence=labelling.confidence)


def _row(pixels: np.ndarray, ids: np.ndarray, *, confidence: float) -> Row:
    """What ingest and label would say of the photo."""
    shares = np.bincount(ids.ravel(), minlength=256) / ids.size
    names = load_taxonomy().names
    return Row(
        status=OK,
        file_name="photo.jpg",
        label_file_name="labels.png",
        width=pixels.shape[1],
        height=pixels.shape[0],
        shares={name: float(shares[id]) for id, name in enumerate(names) if shares[id]},
        label_unknown=round(float(1 - shares[: len(names)].sum()), 4),
        label_confidence=round(confidence, 4),
        **asdict(measure(pixels)),
    )


def _inside(folder: Path, name: str) -> Path:
    """The file that a line of the set's manifest names, with or without its folder."""
    return folder / name if (folder / name).is_file() else folder / "photos" / name


if __name__ == "__main__":
    main()
