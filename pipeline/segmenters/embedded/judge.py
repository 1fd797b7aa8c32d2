"""How often each class of the embedded segmenter is right, on photos that it has not learned from.

python -m pipeline.segmenters.embedded.judge --data ../shared/data --work judged
"""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy, translate, vocabulary_names
from pipeline.images import read_labels, read_photo
from pipeline.segmenters.embedded import lessons, network
from pipeline.segmenters.embedded.score import average, look, read_lookup
from pipeline.segmenters.embedded.teacher import Teacher, open_teacher
from pipeline.segmenters.embedded.train import PARENTS
from pipeline.segmenters.merge import label, merged_ids

OPEN = 254
"""A pixel whose class is not known; 255 is of no class of landscape."""
STANFORD, TEACHER, COCO = "hands, Stanford val", "teacher, unlabelled", "hands, COCO sample"
INSTEAD = {**PARENTS, "clouds": "sky", "fog": "sky", "snow": "unknown", "gravel": "dirt"}
"""What the segmenter should say of classes that it does not offer."""


def judge(data: Path, weights: Path, work: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """Class -> what it is judged by -> precision, and share of all pixels that are said to be of it.

    work: where the teacher's answers are kept.
    """
    taxonomy = load_taxonomy()
    targets = translate(network.names(weights), taxonomy)
    ids = merged_ids(targets)
    model = network.build(load_file(weights)).to(memory_format=torch.channels_last)
    teacher = open_teacher(data / "weights")
    to_eight, to_offered = read_lookup(data), _read_offered(ids, taxonomy)
    made = {source: np.zeros(256, np.int64) for source in (STANFORD, TEACHER, COCO)}
    right = {source: np.zeros(256, np.int64) for source in made}
    for source, pixels, truth in _list_truths(data, teacher, taxonomy, work):
        views = [look(model, targets, pixels, 1.0, mirrored=mirrored) for mirrored in (False, True)]
        seen = label(average(views).numpy(), ids, truth.shape, align_corners=network.ALIGN_CORNERS).ids
        is_right = to_eight[seen] == truth if source == STANFORD else seen == to_offered[truth]
        known = truth != OPEN
        made[source] += np.bincount(seen[known], minlength=256)
        right[source] += np.bincount(seen[known & is_right], minlength=256)
    names = [taxonomy.names[id] if id != UNKNOWN else "unknown" for id in ids]
    return {
        name: {
            source: (right[source][id] / max(made[source][id], 1), made[source][id] / made[source].sum())
            for source in made
        }
        for name, id in zip(names, ids, strict=True)
    }


def show(judged: dict[str, dict[str, tuple[float, float]]]) -> str:
    """A table in Markdown, a line a class: precision, and in brackets the share of the pixels."""
    sources = next(iter(judged.values()))
    lines = ["| class | " + " | ".join(sources) + " |", "|---" * (1 + len(sources)) + "|"]
    for name, entry in judged.items():
        values = [f"{right:.2f} ({share:.1%})" if share > 0.0005 else "-" for right, share in entry.values()]
        lines.append(f"| {name} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def _list_truths(
    data: Path, teacher: Teacher, taxonomy: Taxonomy, work: Path
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """What a photo is judged by, the photo, and its true ids: (H, W, 3) uint8, (H, W) uint8.

    The ids are Stanford's eight for Stanford's photos, and of landscape for the others.
    """
    for photo in lessons.list_stanford(data, "val"):
        hands = lessons.read_hands(photo)
        yield STANFORD, read_photo(photo), np.where(hands == lessons.OPEN, OPEN, hands)

    ids = np.array([taxonomy.id_of(name) if name in taxonomy.names else UNKNOWN for name in teacher.names], np.uint8)
    corrections = lessons.read_corrections()
    for photo in lessons.list_unlabelled(data, judged=True):
        answer = lessons.read_answer(photo, teacher, work / "teacher")
        beliefs = lessons.correct(answer.beliefs, photo, teacher, corrections).numpy()
        truth = np.where(beliefs.max(axis=0) >= lessons.CONFIDENT, ids[beliefs.argmax(axis=0)], OPEN)
        yield TEACHER, read_photo(photo), truth.astype(np.uint8)

    words = vocabulary_names("cocostuff")
    lookup = np.full(256, OPEN, np.uint8)
    lookup[: len(words)] = translate(words, taxonomy)
    for photo in sorted((data / "coco_stuff_sample").glob("*_img/*.jpg")):
        folder = photo.parent.with_name(photo.parent.name.replace("img", "label"))
        yield COCO, read_photo(photo), lookup[read_labels(folder / f"{photo.stem}.png")]


def _read_offered(ids: Sequence[int], taxonomy: Taxonomy) -> np.ndarray:
    """(256,) uint8: each id of landscape, or of what should be said where the segmenter does not offer that class."""
    lookup = np.arange(256, dtype=np.uint8)
    for word, instead in INSTEAD.items():
        if taxonomy.id_of(word) not in ids:
            lookup[taxonomy.id_of(word)] = taxonomy.id_of(instead) if instead in taxonomy.names else UNKNOWN
    return lookup


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds stanford_background")
    parser.add_argument("--weights", type=Path, default=network.WEIGHTS, help="default: those in the package")
    parser.add_argument("--work", type=Path, required=True, help="where the teacher's answers are kept")
    options = parser.parse_args(arguments)
    print(show(judge(options.data, options.weights, options.work)))


if __name__ == "__main__":
    main()
