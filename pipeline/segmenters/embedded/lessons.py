"""What the student learns from: photos, what hands and teacher say of each place, and random views of both."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.images import read_labels, read_photo
from pipeline.segmenters.embedded.teacher import Answer, Teacher

TEACHER_LONGER_SIDE_PX = 321
SMALL_LONGER_SIDE_PX = 201
"""At which the teacher looks at photos of 100 x 100 pixels."""
SMALL_PHOTOS = {"mountain": 200, "sea": 160}
"""How many of them are taken of each scene: of what the others show too little."""
STORED_LONGER_SIDE_PX = 513
JUDGED_EVERY = 7
"""Of the unlabelled photos every seventh is kept out of training, to judge by."""

OPEN = 255
"""A place of which the hands say nothing."""
HANDS = ("sky", "tree", "road", "grass", "water", "building", "mountain", "unknown")
"""Stanford Background's classes in the order of its ids, each as the class of landscape that is most of it."""

TEACHER_SHARE = 0.2
"""How much the teacher is believed where hands have labelled: two pairs of hands agree on 92 % of the pixels."""
DEFAULT_BELIEF = 0.02
"""What is added to the likeliest class of a hand's label, for where the teacher believes in none that would fit it."""
CONFIDENT = 0.5
"""Where no hands have labelled, the teacher is heard when it is at least so sure."""

LONGER_SIDES_PX = (257, 577)
SMALL_LONGER_SIDES_PX = (193, 321)
UNLABELLED_WEIGHT, SMALL_WEIGHT = 1.3, 0.35
"""How often these photos are drawn, where one of a street with labels by hand has 1."""
MOST_TURN = math.radians(6)
MOST_STRETCH = 1.1


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One photo and what is said of it.

    pixels: (3, H, W) uint8 RGB.
    beliefs: (K, h, w) float16, the teacher's for the classes; its corners are the photo's corners.
    words: (T, h', w') float16, the teacher's for all its outputs; so are its corners.
    hands: (H, W) uint8, Stanford's ids, 255 open; None where no hands have labelled.
    longer_sides_px: between what sizes it is seen.
    weight: how often it is drawn, relative to the others.
    """

    pixels: Tensor
    beliefs: Tensor
    words: Tensor
    hands: Tensor | None
    longer_sides_px: tuple[int, int]
    weight: float


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Views of several lessons, all of one size.

    x: (B, 3, 16m+1, 16n+1) float32 RGB in [-1, 1].
    targets: (B, K, 4m+1, 4n+1) float32, which add up to 1, or to 0 where there is nothing to learn.
    words: (B, T, 2m+1, 2n+1) float32, likewise.
    hands: (B, 4m+1, 4n+1) int64, Stanford's ids, 255 open.
    """

    x: Tensor
    targets: Tensor
    words: Tensor
    hands: Tensor


@dataclass(frozen=True, kw_only=True)
class Classes:
    """`names` are the student's outputs: classes of landscape, and unknown."""

    names: tuple[str, ...]
    members: Tensor
    """(8, K) float32, 1 where a class belongs to one of Stanford's."""
    defaults: Tensor
    """(8, K) float32, 1 at the class that is most of each of Stanford's."""


def list_classes(data: Path, names: Sequence[str]) -> Classes:
    """These classes, and how they lie in Stanford's eight."""
    with (data / "classes/stanford8.csv").open(encoding="utf-8", newline="") as file:
        eight = {line["landscape"]: int(line["stanford8_id"]) for line in csv.DictReader(file)}
    members = [[float(eight[name] == index) for name in names] for index in range(len(HANDS))]
    defaults = [[float(name == hand) for name in names] for hand in HANDS]
    return Classes(names=tuple(names), members=torch.tensor(members), defaults=torch.tensor(defaults))


def list_stanford(data: Path, split: str) -> list[Path]:
    folder = data / "stanford_background"
    stems = (folder / f"{split}.txt").read_text(encoding="utf-8").split()
    return [folder / "images" / f"{stem}.jpg" for stem in stems]


def list_unlabelled(data: Path, *, judged: bool) -> list[Path]:
    """The landscape photos without labels: those to judge by, or those to learn from."""
    photos = sorted((data / "pixabay_landscapes").glob("*.jpg"))
    return [photo for index, photo in enumerate(photos) if (index % JUDGED_EVERY == 0) == judged]


def list_small(data: Path) -> list[Path]:
    """Photos of 100 x 100 pixels, without labels."""
    folder = data / "intel_scenes_100px"
    return [photo for scene, most in SMALL_PHOTOS.items() for photo in sorted((folder / scene).glob("*.jpg"))[:most]]


def read_hands(photo: Path) -> np.ndarray:
    """The hand-made labels of a photo of Stanford Background: (H, W) uint8, its ids, 255 open."""
    return read_labels(photo.parent.parent / "labels" / f"{photo.stem}.png")


def ask(photo: Path, teacher: Teacher) -> Answer:
    """What the teacher says of a photo, as it says it."""
    pixels = read_photo(photo)
    is_small = max(pixels.shape) < SMALL_LONGER_SIDE_PX
    return teacher.ask(pixels, SMALL_LONGER_SIDE_PX if is_small else TEACHER_LONGER_SIDE_PX)


def read_answer(photo: Path, teacher: Teacher, folder: Path) -> Answer:
    """What the teacher says of a photo. It is asked once, then looked up.

    folder: where its answers are kept.
    """
    kept = folder / photo.parent.name / f"{photo.stem}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        answer = ask(photo, teacher)
        beside = kept.with_suffix(".part.npz")
        np.savez(beside, beliefs=answer.beliefs, words=answer.words)
        beside.replace(kept)
    with np.load(kept) as file:
        return Answer(beliefs=file["beliefs"], words=file["words"])


def correct(beliefs: np.ndarray, photo: Path, teacher: Teacher, corrections: Sequence[dict[str, str]]) -> Tensor:
    """The teacher's beliefs without what is known to be wrong: (K, h, w) float32."""
    right = torch.from_numpy(beliefs).float()
    for line in corrections:
        if photo.stem.startswith(line["photo"]):
            wrong = [teacher.names.index(word) for word in line["seen"].split()]
            moved = right[wrong].sum(dim=0)
            right[wrong] = 0
            if line["truth"]:
                right[teacher.names.index(line["truth"])] += moved
    return right


def read_corrections() -> list[dict[str, str]]:
    """What the teacher gets wrong: in photos whose name begins so, classes it sees, and the true one or nothing."""
    with Path(__file__).with_name("corrections.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_lessons(data: Path, teacher: Teacher, folder: Path) -> list[Lesson]:
    """All photos that the student learns from.

    folder: where the teacher's answers are kept.
    """
    corrections = read_corrections()
    lessons = []
    for photo in list_stanford(data, "train") + list_unlabelled(data, judged=False) + list_small(data):
        answer = read_answer(photo, teacher, folder)
        pixels = torch.from_numpy(read_photo(photo)).permute(2, 0, 1)
        is_small = max(pixels.shape) < SMALL_LONGER_SIDE_PX
        hands = torch.from_numpy(read_hands(photo)) if photo.parent.name == "images" else None
        lesson = Lesson(
            pixels=_shrink(pixels),
            beliefs=correct(answer.beliefs, photo, teacher, corrections).half(),
            words=torch.from_numpy(answer.words),
            hands=hands,
            longer_sides_px=SMALL_LONGER_SIDES_PX if is_small else LONGER_SIDES_PX,
            weight=_weigh(hands) if hands is not None else SMALL_WEIGHT if is_small else UNLABELLED_WEIGHT,
        )
        lessons.append(lesson)
    return lessons


def draw(lessons: Sequence[Lesson], classes: Classes, size: tuple[int, int], count: int, seed: int) -> Batch:
    """Random views of lessons drawn by weight; the same seed draws the same.

    size: (height, width) in pixels, of the form 16k+1.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = torch.tensor([lesson.weight for lesson in lessons])
    chosen = torch.multinomial(weights, count, replacement=False, generator=generator)
    views = [_view(lessons[index], classes, size, generator) for index in chosen]
    x, targets, words, hands = (torch.stack(parts) for parts in zip(*views, strict=True))
    return Batch(x=x.contiguous(memory_format=torch.channels_last), targets=targets, words=words, hands=hands)


def _weigh(hands: Tensor) -> float:
    """Photos with what is rare in Stanford Background are drawn more often."""
    shares = torch.bincount(hands.flatten().long(), minlength=256)[: len(HANDS)] / hands.numel()
    present = dict(zip(HANDS, (shares > 0.01).tolist(), strict=True))
    return 1 + 2.0 * present["mountain"] + 1.5 * present["water"] + 0.5 * present["grass"]


def _shrink(pixels: Tensor) -> Tensor:
    """pixels: (3, H, W) uint8, made smaller if its longer side is more than 513."""
    scale = STORED_LONGER_SIDE_PX / max(pixels.shape[1:])
    if scale >= 1:
        return pixels.contiguous()
    size = [round(side * scale) for side in pixels.shape[1:]]
    return F.interpolate(pixels[None], size=size, mode="bilinear", antialias=True, align_corners=True)[0]


def _view(
    lesson: Lesson, classes: Classes, size: tuple[int, int], generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A turned, stretched, mirrored window of a photo in changed light, and what is said of its places.

    Returns what a batch has of it: x, targets, words, hands.
    """
    theta = _place_window(lesson.pixels.shape[1:], size, lesson.longer_sides_px, generator)
    places = F.affine_grid(theta, [1, 1, *size], align_corners=True)
    fourth, eighth = places[:, ::4, ::4], places[:, ::8, ::8]
    is_inside = (fourth.abs() <= 1).all(dim=3)[0]

    x = F.grid_sample(lesson.pixels[None].float() / 255, places, align_corners=True, padding_mode="zeros")[0]
    x = _change_light(x, generator) * 2 - 1
    x = x * (places.abs() <= 1).all(dim=3)

    beliefs = F.grid_sample(lesson.beliefs[None].float(), fourth, align_corners=True, padding_mode="border")[0]
    if lesson.hands is None:
        targets = _sharpen(beliefs) * (beliefs.amax(dim=0) >= CONFIDENT)
        hands = torch.full(is_inside.shape, OPEN)
    else:
        hands = F.grid_sample(lesson.hands[None, None].float(), fourth, mode="nearest", align_corners=True)[0, 0]
        hands = hands.long()
        targets = _agree(beliefs, hands, classes)
    words = F.grid_sample(lesson.words[None].float(), eighth, align_corners=True, padding_mode="border")[0]
    return x, targets * is_inside, words * is_inside[::2, ::2], hands.masked_fill(~is_inside, OPEN)


def _place_window(
    photo: Sequence[int], size: tuple[int, int], longer_sides_px: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """Where the corners of a random view lie in the photo: (1, 2, 3) float32, as affine_grid wants it."""

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    height, width = photo
    longer_side_px = math.exp(between(*map(math.log, longer_sides_px)))
    stretch = math.exp(between(-1, 1) * math.log(MOST_STRETCH) / 2)
    turn = between(-1, 1) ** 3 * MOST_TURN
    mirror = -1 if between(0, 1) < 0.5 else 1
    shrink = (max(photo) - 1) / (longer_side_px - 1)
    half_height, half_width = (size[0] - 1) / 2 * shrink / stretch, (size[1] - 1) / 2 * shrink * stretch
    # Anywhere that wastes no place: within the photo, or around it where the window is larger.
    y = (height - 1) / 2 + between(-1, 1) * abs((height - 1) / 2 - half_height)
    x = (width - 1) / 2 + between(-1, 1) * abs((width - 1) / 2 - half_width)

    cosine, sine = math.cos(turn), math.sin(turn)
    across, down = 2 / (width - 1), 2 / (height - 1)
    return torch.tensor(
        [
            [
                [mirror * cosine * half_width * across, -sine * half_height * across, x * across - 1],
                [mirror * sine * half_width * down, cosine * half_height * down, y * down - 1],
            ]
        ]
    )


def _change_light(x: Tensor, generator: torch.Generator) -> Tensor:
    """x: (3, H, W) float32 in [0, 1]. Returns the same with other brightness, contrast, colour and gamma."""
    luck = torch.rand(8, generator=generator) * 2 - 1
    x = x * (1 + 0.3 * luck[0]) * (1 + 0.08 * luck[1:4, None, None])
    x = (x - x.mean()) * (1 + 0.3 * luck[4]) + x.mean()
    grey = x.mean(dim=0, keepdim=True)
    x = grey + (x - grey) * (1 + 0.5 * luck[5]) * (luck[6] > -0.92)
    return x.clamp(0, 1) ** torch.exp(0.25 * luck[7])


def _agree(beliefs: Tensor, hands: Tensor, classes: Classes) -> Tensor:
    """The hand's label decides, and the teacher says which of its finer classes it is; a little of it remains itself.

    beliefs: (K, h, w).    hands: (h, w) int64.
    Returns (K, h, w), which add up to 1, or to 0 where hands say nothing.
    """
    is_open = hands == OPEN
    known = hands.masked_fill(is_open, 0)
    fits = classes.members[known].permute(2, 0, 1)  # (K, h, w)
    likeliest = classes.defaults[known].permute(2, 0, 1)
    decided = _sharpen((beliefs + DEFAULT_BELIEF * likeliest) * fits)
    return ((1 - TEACHER_SHARE) * decided + TEACHER_SHARE * beliefs) * ~is_open


def _sharpen(beliefs: Tensor) -> Tensor:
    """(K, h, w) -> the same at half the temperature, which add up to 1."""
    squares = beliefs**2
    return squares / squares.sum(dim=0, keepdim=True).clamp_min(1e-8)
