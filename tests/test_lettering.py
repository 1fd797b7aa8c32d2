"""Lettering: pages, screens and captions are text; grass, branches, stars and real landscapes are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipeline import images
from pipeline.lettering import SIDE_PX, find_lettering
from pipeline.measures import measure
from pipeline.rules import RULES
from pipeline.sources.landscapes import draw

DATA = Path(__file__).parents[2] / "shared" / "data"
LIMIT = next(rule.limit for rule in RULES if rule.name == "text")
WORDS = (
    "The",
    "river",
    "bends",
    "below",
    "a",
    "quiet",
    "hill",
    "where",
    "pines",
    "lean",
    "into",
    "wind",
    "and",
    "stone",
)


def page(
    *,
    size: tuple[int, int] = (1000, 1400),
    font_px: int = 24,
    paper: tuple[int, int, int] = (250, 244, 225),
    ink: tuple[int, int, int] = (30, 30, 40),
) -> np.ndarray:
    """Lines of words from margin to margin, (H, W, 3) uint8 RGB."""
    sheet = Image.new("RGB", size, paper)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=font_px)
    words = (WORDS[number * 7 % len(WORDS)] for number in range(100_000))
    for top in range(80, size[1] - 80, font_px * 3 // 2):
        line = ""
        while pen.textlength(line, font=font) < size[0] - 250:
            line += next(words) + " "
        pen.text((80, top), line, fill=ink, font=font)
    return np.array(sheet)


def landscape(seed: int = 3) -> np.ndarray:
    return draw(seed, size=512).photo


def captioned(photo: np.ndarray, text: str, *, font_px: int, colour: str, top: int) -> np.ndarray:
    sheet = Image.fromarray(photo)
    font = ImageFont.load_default(size=font_px)
    place = (sheet.width // 2, top + font_px // 2)
    ImageDraw.Draw(sheet).text(place, text, fill=colour, font=font, anchor="mm")
    return np.array(sheet)


def lettering(photo: np.ndarray) -> float:
    return measure(photo).lettering


def saved(photo: np.ndarray, quality: int) -> np.ndarray:
    _, data = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


# What is text


@pytest.mark.parametrize("font_px", [16, 24, 40, 60])
def test_a_page_is_text(font_px):
    assert lettering(page(font_px=font_px)) > 5 * LIMIT


@pytest.mark.parametrize(
    ("paper", "ink"),
    [((255, 255, 255), (0, 0, 0)), ((28, 30, 36), (210, 212, 220)), ((40, 90, 160), (255, 255, 255))],
    ids=["black on white", "bright on dark", "white on blue"],
)
def test_a_screen_is_text(paper, ink):
    assert lettering(page(size=(1280, 800), font_px=20, paper=paper, ink=ink)) > 5 * LIMIT


def test_a_page_in_another_type_is_text():
    sheet = np.full((900, 1200, 3), 235, np.uint8)
    for line in range(20):
        words = " ".join(WORDS[(line * 3 + number) % len(WORDS)] for number in range(9))
        cv2.putText(sheet, words, (60, 60 + 42 * line), cv2.FONT_HERSHEY_COMPLEX, 0.9, (20, 20, 60), 2, cv2.LINE_AA)

    assert lettering(sheet) > 5 * LIMIT


def test_a_page_that_was_scanned_a_little_askew_is_text():
    sheet = page()
    turn = cv2.getRotationMatrix2D((500, 700), 1.0, 1)
    noise = np.random.default_rng(0).normal(0, 6, sheet.shape)
    scan = cv2.warpAffine(sheet, turn, (1000, 1400), borderValue=(240, 240, 235)) + noise

    assert lettering(saved(scan.clip(0, 255).astype(np.uint8), 60)) > LIMIT


@pytest.mark.parametrize(("font_px", "colour"), [(34, "white"), (48, "black"), (60, "yellow")])
def test_a_caption_before_a_calm_sky_is_text(font_px, colour):
    photo = np.full((480, 720, 3), (70, 110, 170) if colour != "black" else (190, 205, 225), np.uint8)
    photo[240:] = landscape()[-240:, :, :].repeat(2, axis=1)[:, :720]

    assert lettering(captioned(photo, "A QUIET RIVER", font_px=font_px, colour=colour, top=60)) > LIMIT


@pytest.mark.parametrize("quality", [50, 95])
def test_text_that_was_saved_as_a_jpeg_is_text(quality):
    assert lettering(saved(page(), quality)) > 5 * LIMIT


def test_half_a_page_is_half_as_much_text():
    sheet = page()
    half = sheet.copy()
    half[700:] = sheet[0, 0]

    assert lettering(half) == pytest.approx(lettering(sheet) / 2, rel=0.15)


# What is no text


def test_a_small_mark_in_a_corner_is_left_alone():
    photo = captioned(landscape(), "© Photograph 2019", font_px=12, colour="white", top=490)

    assert lettering(photo) <= LIMIT


def test_single_words_are_left_alone():
    photo = np.full((480, 720, 3), (70, 110, 170), np.uint8)

    assert lettering(captioned(photo, "EXIT", font_px=60, colour="white", top=200)) == 0


def test_stars_are_no_text():
    rng = np.random.default_rng(0)
    night = rng.normal(14, 3, (480, 720, 3)).clip(0, 255).astype(np.uint8)
    for x, y, radius in zip(rng.integers(5, 715, 500), rng.integers(5, 475, 500), rng.integers(0, 3, 500), strict=True):
        cv2.circle(night, (int(x), int(y)), int(radius), (240, 240, 230), -1, cv2.LINE_AA)

    assert lettering(night) <= LIMIT


def test_bare_branches_before_the_sky_are_no_text():
    rng = np.random.default_rng(0)
    sky = np.full((480, 720, 3), (200, 215, 235), np.uint8)
    for _ in range(250):
        start, way = rng.integers((0, 0), (720, 480)), rng.normal(size=2) * 60
        end = start + way
        cv2.line(sky, tuple(map(int, start)), tuple(map(int, end)), (40, 34, 30), int(rng.integers(1, 5)), cv2.LINE_AA)

    assert lettering(sky) <= LIMIT


def test_blades_of_grass_are_no_text():
    rng = np.random.default_rng(0)
    meadow = np.full((480, 720, 3), (70, 110, 40), np.uint8)
    for _ in range(4000):
        x, y = (int(place) for place in rng.integers((0, 0), (720, 480)))
        colour = tuple(int(level) for level in rng.integers((60, 120, 20), (190, 230, 90)))
        cv2.line(meadow, (x, y), (x + int(rng.integers(-8, 9)), y - int(rng.integers(8, 30))), colour, 1, cv2.LINE_AA)

    assert lettering(meadow) <= LIMIT


def test_marks_that_climb_are_no_text():
    photo = np.full((480, 512, 3), (200, 215, 235), np.uint8)
    for number in range(30):
        x, y = 20 + 15 * number, 60 + 6 * number
        cv2.ellipse(photo, (x, y), (5, 8), 0, 0, 360, (40, 34, 30), 2, cv2.LINE_AA)

    assert lettering(photo) == 0


def test_marks_on_one_line_are_text():
    photo = np.full((480, 512, 3), (200, 215, 235), np.uint8)
    for number in range(30):
        cv2.ellipse(photo, (20 + 15 * number, 60), (5, 8), 0, 0, 360, (40, 34, 30), 2, cv2.LINE_AA)

    assert lettering(photo) > LIMIT


def test_a_row_of_tree_tops_is_no_text():
    photo = np.full((480, 720, 3), (200, 215, 235), np.uint8)
    photo[260:] = (40, 60, 35)
    for x in range(0, 720, 16):
        top = 240 - 3 * (x // 16 % 2)
        cv2.fillPoly(photo, [np.array([(x, 262), (x + 7, top), (x + 14, 262)])], (40, 60, 35), cv2.LINE_AA)

    assert lettering(photo) <= LIMIT


def test_drawn_landscapes_are_no_text():
    assert max(lettering(landscape(seed)) for seed in range(12)) <= LIMIT


@pytest.mark.parametrize("size", [(1, 1), (1, 512), (512, 1), (63, 512), (64, 64), (512, 512)])
def test_pictures_of_any_size_are_looked_at(size):
    grey = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)

    assert 0 <= find_lettering(grey) <= 1


def test_as_many_marks_as_there_can_be_are_no_text():
    dots = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    dots[1::2, 1::2] = 0

    assert find_lettering(dots) == 0


# Real photos


def share_of_text(folder: str) -> float:
    """Share of the photos that the rule `text` rejects."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"no photos at {DATA / folder}")
    paths = sorted((DATA / folder).glob("*.jpg"))
    return sum(lettering(images.read_photo(path)) > LIMIT for path in paths) / len(paths)


@pytest.mark.parametrize("folder", ["pixabay_landscapes", "cc0_wallpapers/photos"])
def test_no_real_landscape_is_text(folder):
    assert share_of_text(folder) == 0


def test_hardly_any_photo_of_streets_and_fields_is_text():
    assert share_of_text("stanford_background/images") < 0.01
