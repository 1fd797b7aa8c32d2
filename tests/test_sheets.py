"""Sheets of pictures: everything in its place, and an animation of how one changes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import images, sheets
from pipeline.sheets import contact_sheet, write_animation


def sheet_of(folder: Path, number: int, *, height: int = 40, width: int = 60) -> tuple[Path, str]:
    """A sheet that stays the same but for a square that grows darker with the number."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:20, :20] = (20, 120, 220)
    pixels[10:30, 30:50] = 250 - number % 250
    path = folder / f"{number:09d}.png"
    images.write_picture(path, pixels)
    return path, f"{number} images"


def frames_of(path: Path) -> list[tuple[np.ndarray, int]]:
    """The pixels of every frame and how long it is shown, in ms."""
    frames = []
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            frames.append((np.asarray(image.convert("RGB")), image.info["duration"]))
    return frames


def test_a_sheet_shows_every_picture_in_its_place():
    red, green, blue = (np.full((10, 20, 3), colour, np.uint8) for colour in ([250, 0, 0], [0, 250, 0], [0, 0, 250]))

    sheet = contact_sheet([[red, green], [blue]], tile_px=32)

    assert sheet.shape == (2 * 16 + 3 * 2, 2 * 32 + 3 * 2, 3)
    assert sheet[10, 18].tolist() == [250, 0, 0]
    assert sheet[10, 52].tolist() == [0, 250, 0]
    assert sheet[28, 18].tolist() == [0, 0, 250]
    assert sheet[28, 52].tolist() == [255, 255, 255]


def test_a_sheet_has_titles_above_its_columns():
    tile = np.zeros((64, 64, 3), np.uint8)

    plain, titled = (contact_sheet([[tile, tile]], titles=titles, tile_px=64) for titles in ((), ("photo", "labels")))

    head = titled[: len(titled) - len(plain)]
    assert len(head) > 0
    assert (head[:, :64] < 128).any() and (head[:, 70:] < 128).any()


def test_a_sheet_without_pictures_is_a_sheet():
    assert contact_sheet([]).shape[2] == 3


def test_an_animation_shows_the_sheets_in_turn_and_holds_the_last(tmp_path):
    written = [sheet_of(tmp_path, number) for number in (0, 100, 200)]

    unreadable = write_animation(tmp_path / "progress.gif", written)

    frames = frames_of(tmp_path / "progress.gif")
    assert unreadable == []
    assert [pixels.shape for pixels, _ in frames] == [(64, 60, 3)] * 3
    assert [shown_ms for _, shown_ms in frames] == [200, 200, 3000]
    assert [pixels[20, 40] for pixels, _ in frames] == [pytest.approx([250 - k] * 3, abs=4) for k in (0, 100, 200)]


def test_an_animation_goes_round_for_ever(tmp_path):
    write_animation(tmp_path / "progress.gif", [sheet_of(tmp_path, number) for number in (0, 100)])

    with Image.open(tmp_path / "progress.gif") as image:
        assert image.info["loop"] == 0


def test_what_does_not_change_does_not_flicker(tmp_path):
    write_animation(tmp_path / "progress.gif", [sheet_of(tmp_path, number) for number in range(0, 240, 40)])

    first, *others = [pixels[:20, :20] for pixels, _ in frames_of(tmp_path / "progress.gif")]
    assert all(np.array_equal(first, other) for other in others)


def test_every_frame_has_a_caption_of_its_own(tmp_path):
    path, _ = sheet_of(tmp_path, 0)

    write_animation(tmp_path / "progress.gif", [(path, "begun"), (path, "12,000 images")])

    (first, _), (last, _) = frames_of(tmp_path / "progress.gif")
    assert (first[40:] < 128).any() and (last[40:] < 128).sum() > (first[40:] < 128).sum()
    assert np.array_equal(first[:40], last[:40])


def test_a_large_sheet_is_shrunk_to_1024_pixels_with_its_caption(tmp_path):
    write_animation(tmp_path / "progress.gif", [sheet_of(tmp_path, 0, height=1500, width=300)])

    [(pixels, _)] = frames_of(tmp_path / "progress.gif")
    assert pixels.shape == (1024, 200, 3)


def test_many_sheets_are_thinned_out_evenly_with_the_first_and_the_last():
    written = [(Path(f"{number}.png"), "") for number in range(119)]

    thinned = [int(path.stem) for path, _ in sheets._thinned(written, 60)]

    assert thinned == list(range(0, 119, 2))


def test_the_last_of_a_few_sheets_too_many_is_among_them():
    thinned = sheets._thinned([(Path(f"{number}.png"), "") for number in range(62)], 60)

    assert len(set(thinned)) == 60
    assert (thinned[0][0].stem, thinned[-1][0].stem) == ("0", "61")


def test_a_sheet_that_cannot_be_read_is_left_out_and_named(tmp_path):
    written = [sheet_of(tmp_path, number) for number in (0, 100, 200)]
    written[1][0].write_bytes(written[1][0].read_bytes()[:60])
    written[2][0].unlink()

    unreadable = write_animation(tmp_path / "progress.gif", written)

    assert unreadable == [written[1][0], written[2][0]]
    assert len(frames_of(tmp_path / "progress.gif")) == 1


@pytest.mark.parametrize("sizes", [(), (60,)])
def test_without_a_sheet_that_can_be_read_there_is_no_animation(tmp_path, sizes):
    written = [sheet_of(tmp_path, number) for number in range(len(sizes))]
    for (path, _), size in zip(written, sizes, strict=True):
        path.write_bytes(path.read_bytes()[:size])

    write_animation(tmp_path / "progress.gif", written)

    assert not (tmp_path / "progress.gif").exists()


def test_an_animation_takes_the_place_of_the_one_before_and_leaves_nothing_beside_it(tmp_path):
    written = [sheet_of(tmp_path, number) for number in (0, 100)]
    write_animation(tmp_path / "progress.gif", written[:1])

    write_animation(tmp_path / "progress.gif", written)

    assert len(frames_of(tmp_path / "progress.gif")) == 2
    assert not list(tmp_path.glob("*.part"))


def test_sheets_of_several_sizes_are_animated_too(tmp_path):
    written = [sheet_of(tmp_path, 0), sheet_of(tmp_path, 100, height=80, width=50)]

    assert write_animation(tmp_path / "progress.gif", written) == []
    assert len(frames_of(tmp_path / "progress.gif")) == 2
