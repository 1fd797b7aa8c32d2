"""Our own files go to bytes and come back as they were; hashes mirror; sheets show what they are given."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from pipeline import images
from pipeline.classes import UNKNOWN, load_taxonomy
from pipeline.errors import PhotoError

PALETTE = load_taxonomy().palette
SHARED = Path(__file__).parents[2] / "shared"

PHOTOS = arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)))
MAPS = array_shapes(min_dims=2, max_dims=2, max_side=20)


def draw(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A photo of soft spots."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC))


def bits_apart(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.fixture
def kept(tmp_path):
    """Bytes -> the path of a file that holds them."""

    def keep(data: bytes, name: str = "g1.png") -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return keep


# Photos


def test_a_photo_comes_back_nearly_as_it_was(kept):
    photo = draw(60, 80)

    again = images.read_photo(kept(images.encode_photo(photo), "g1.jpg"))

    assert again.shape == photo.shape and again.dtype == np.uint8
    assert np.abs(again.astype(int) - photo).mean() < 2
    assert again.flags.writeable


def test_the_same_photo_gives_the_same_bytes():
    assert images.encode_photo(draw(60, 80)) == images.encode_photo(draw(60, 80))


def test_a_photo_is_written_without_chroma_subsampling_and_without_metadata():
    written = Image.open(io.BytesIO(images.encode_photo(draw(60, 80))))

    assert {layer[1:3] for layer in written.layer} == {(1, 1)}
    assert set(written.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_photo_turned_upside_down_as_a_view_is_written_too(kept):
    photo = draw(60, 80)

    again = images.read_photo(kept(images.encode_photo(photo[::-1]), "g1.jpg"))

    assert np.abs(again.astype(int) - photo[::-1]).mean() < 2


def test_a_photo_that_is_gone_is_named(tmp_path):
    with pytest.raises(PhotoError, match=r"^cannot be used: g9f\.jpg is not there$"):
        images.read_photo(tmp_path / "g9f.jpg")


def test_a_folder_in_place_of_a_photo_is_named(tmp_path):
    with pytest.raises(PhotoError, match="cannot be read"):
        images.read_photo(tmp_path)


def test_a_photo_cut_off_is_refused(kept):
    data = images.encode_photo(draw(60, 80))

    with pytest.raises(PhotoError, match=r"g1\.jpg is no JPEG that can be read to its end"):
        images.read_photo(kept(data[: len(data) // 2], "g1.jpg"))


# Label maps


@given(arrays(np.uint8, MAPS))
def test_every_id_of_a_label_map_comes_back(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("labels") / "g1.png"
    path.write_bytes(images.encode_labels(ids, PALETTE))

    assert np.array_equal(images.read_labels(path), ids)


def test_a_label_map_is_an_8_bit_indexed_png_in_the_colours_of_its_classes():
    ids = np.array([[0, 1], [2, UNKNOWN]], np.uint8)

    data = images.encode_labels(ids, PALETTE)

    assert (data[24], data[25]) == (8, 3)
    shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert shown[0, 1].tolist() == list(PALETTE[3:6])
    assert shown[1, 1].tolist() == [0, 0, 0]


def test_a_grey_label_map_is_read_as_it_is(kept):
    ids = np.array([[0, 7], [23, UNKNOWN]], np.uint8)
    file = io.BytesIO()
    Image.fromarray(ids).save(file, "PNG")

    assert np.array_equal(images.read_labels(kept(file.getvalue())), ids)


@pytest.mark.parametrize(
    ("picture", "form", "found"),
    [
        (Image.new("RGB", (4, 4)), "PNG", "is 8-bit RGB"),
        (Image.new("RGBA", (4, 4)), "PNG", "is 8-bit RGB with transparency"),
        (Image.new("LA", (4, 4)), "PNG", "is 8-bit grey with transparency"),
        (Image.new("I;16", (4, 4)), "PNG", "is 16-bit grey"),
        (Image.new("1", (4, 4)), "PNG", "is 1-bit grey"),
        (Image.new("L", (4, 4)), "JPEG", "is no PNG"),
        (Image.new("L", (4, 4)), "BMP", "is no PNG"),
    ],
)
def test_anything_else_is_no_label_map(kept, picture, form, found):
    file = io.BytesIO()
    picture.save(file, form)

    with pytest.raises(PhotoError) as refusal:
        images.read_labels(kept(file.getvalue()))

    assert str(refusal.value) == f"cannot be used: g1.png {found}; a label map is an 8-bit indexed or grey PNG"


def test_a_label_map_cut_off_is_refused(kept):
    data = images.encode_labels(np.arange(250, dtype=np.uint8).reshape(10, 25), PALETTE)

    for end in (0, 20, 30, 900, len(data) - 100):
        with pytest.raises(PhotoError, match=r"^cannot be used: g1\.png is (no PNG|cut off or damaged)"):
            images.read_labels(kept(data[:end]))


# Label maps that others made


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_drawing_is_read_as_it_is_stored(kept, mode):
    picture = Image.fromarray(draw(6, 8)).convert(mode)
    file = io.BytesIO()
    picture.save(file, "PNG")

    drawing = images.read_drawing(kept(file.getvalue()))

    assert np.array_equal(drawing.pixels, np.asarray(picture.convert(mode.removesuffix("A"))))
    assert drawing.palette is None


@pytest.mark.parametrize(("colours", "bits"), [(2, 1), (4, 2), (16, 4), (200, 8)])
def test_an_indexed_drawing_keeps_its_places_and_its_palette(kept, colours, bits):
    places = np.arange(200, dtype=np.uint8).reshape(10, 20) % colours
    palette = np.random.default_rng(0).integers(0, 256, (colours, 3), dtype=np.uint8)
    picture, file = Image.fromarray(places), io.BytesIO()
    picture.putpalette(palette.tobytes())
    picture.save(file, "PNG", bits=bits)

    drawing = images.read_drawing(kept(file.getvalue()))

    assert file.getvalue()[24] == bits
    assert np.array_equal(drawing.pixels, places)
    assert np.array_equal(drawing.palette[:colours], palette)


@pytest.mark.parametrize(
    ("mode", "found"),
    [
        ("LA", "is 8-bit grey with transparency; a label map is a PNG: indexed,"),
        ("I;16", "is 16-bit grey; a label map"),
        ("1", "is 1-bit grey; a label map"),
        ("RGBA", "is transparent in places"),
    ],
)
def test_a_drawing_of_another_kind_is_refused(kept, mode, found):
    file = io.BytesIO()
    Image.new(mode, (4, 4)).save(file, "PNG")

    with pytest.raises(PhotoError, match=rf"g1\.png {found}"):
        images.read_drawing(kept(file.getvalue()))


@pytest.mark.parametrize("read", [images.read_drawing, images.read_labels])
def test_a_small_file_that_says_it_is_huge_is_refused(kept, read):
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    body = b"IDAT" + zlib.compress(bytes(100))
    data += struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))

    with pytest.raises(PhotoError, match=r"g1\.png is 60000x60000, and 200 megapixels at most are read"):
        read(kept(data))


def test_a_drawing_cut_off_is_refused(kept):
    file = io.BytesIO()
    Image.fromarray(draw(40, 50)).save(file, "PNG")

    for end in (0, 20, 30, 900, len(file.getvalue()) - 100):
        with pytest.raises(PhotoError, match=r"^cannot be used: g1\.png is (no PNG|cut off or damaged)"):
            images.read_drawing(kept(file.getvalue()[:end]))


# Instance maps and edge maps


@given(arrays(np.uint16, MAPS))
def test_every_id_of_an_instance_map_comes_back(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp("instances") / "g1.png"
    path.write_bytes(images.encode_instances(ids))

    again = images.read_instances(path)

    assert np.array_equal(again, ids) and again.dtype == np.uint16


def test_an_8_bit_map_is_no_instance_map(kept):
    with pytest.raises(PhotoError, match=r"g1\.png is 8-bit indexed; an instance map is a 16-bit grey PNG"):
        images.read_instances(kept(images.encode_labels(np.zeros((2, 2), np.uint8), PALETTE)))


@pytest.mark.parametrize("kind", [bool, np.uint8])
def test_edges_come_back_as_0_and_255(kept, kind):
    edges = np.array([[0, 1], [1, 0]]).astype(kind)

    again = images.read_edges(kept(images.encode_edges(edges)))

    assert again.tolist() == [[0, 255], [255, 0]] and again.dtype == np.uint8


def test_edges_read_and_written_again_are_the_same_bytes(kept):
    data = images.encode_edges(np.eye(5, dtype=bool))

    assert images.encode_edges(images.read_edges(kept(data))) == data


# Hashes


@given(PHOTOS)
def test_a_mirrored_photo_has_the_hashes_the_other_way_round(photo):
    assert images.dhash(photo[:, ::-1]) == images.dhash(photo)[::-1]


def test_a_large_mirrored_photo_too():
    photo = np.random.default_rng(0).integers(0, 256, (1365, 2047, 3), dtype=np.uint8)

    assert images.dhash(photo[:, ::-1]) == images.dhash(photo)[::-1]


def test_a_hash_says_where_it_grows_brighter_to_the_right():
    slope = np.repeat(np.arange(17, dtype=np.uint8)[None, :, None] * 15, 16, axis=0).repeat(3, axis=2)

    assert images.dhash(slope) == ("f" * 64, "0" * 64)


def test_a_hash_sets_the_bit_of_the_one_step_that_is_brighter():
    photo = np.zeros((16, 17, 3), np.uint8)
    photo[0, 1] = 255

    photo_bits, mirror_bits = (bin(int(digits, 16))[2:].zfill(256) for digits in images.dhash(photo))

    assert [place for place, bit in enumerate(photo_bits) if bit == "1"] == [0]
    assert [place for place, bit in enumerate(mirror_bits) if bit == "1"] == [14]


def test_an_even_photo_has_no_bits():
    assert images.dhash(np.full((50, 70, 3), 128, np.uint8)) == ("0" * 64, "0" * 64)


def test_a_small_copy_stays_within_40_bits_and_another_photo_does_not():
    photo = draw(600, 800)
    small = np.asarray(Image.fromarray(photo).resize((311, 233), Image.Resampling.LANCZOS))

    assert bits_apart(images.dhash(photo)[0], images.dhash(small)[0]) <= 40
    assert bits_apart(images.dhash(photo)[0], images.dhash(draw(600, 800, seed=1))[0]) > 40


# Pictures to look at


def test_labels_are_shown_in_the_colours_of_their_classes_and_unknown_in_black():
    ids = np.array([[0, 1, UNKNOWN]], np.uint8)

    shown = images.colourise(ids, bytes(range(1, 7)) + bytes([9]) * 762)

    assert shown.tolist() == [[[1, 2, 3], [4, 5, 6], [0, 0, 0]]]


def test_an_overlay_mixes_and_leaves_the_unknown_as_it_is():
    photo = np.full((1, 2, 3), 100, np.uint8)
    ids = np.array([[0, UNKNOWN]], np.uint8)

    mixed = images.overlay(photo, ids, bytes([200, 0, 100]) + bytes(765), opacity=0.5)

    assert mixed.tolist() == [[[150, 50, 100], [100, 100, 100]]]


@pytest.mark.parametrize(("opacity", "same_as"), [(0.0, "photo"), (1.0, "labels")])
def test_an_overlay_goes_from_the_photo_to_the_labels(opacity, same_as):
    photo, ids = draw(6, 8), np.zeros((6, 8), np.uint8)

    mixed = images.overlay(photo, ids, PALETTE, opacity=opacity)

    assert np.array_equal(mixed, photo if same_as == "photo" else images.colourise(ids, PALETTE))


def test_a_picture_is_written_as_it_is(tmp_path):
    photo = draw(6, 8)

    images.write_picture(tmp_path / "sheets" / "one.png", photo)

    assert np.array_equal(np.asarray(Image.open(tmp_path / "sheets" / "one.png")), photo)
    assert [path.name for path in (tmp_path / "sheets").iterdir()] == ["one.png"]


# Real photos


def test_real_photos_are_read_and_told_apart():
    folder = SHARED / "data" / "pixabay_landscapes"
    if not folder.is_dir():
        pytest.skip(f"no photos at {folder}")

    photos = [images.decode_photo(path.read_bytes()).pixels for path in sorted(folder.glob("*.jpg"))[:20]]

    hashes = [images.dhash(photo)[0] for photo in photos]
    assert all(photo.shape[0] == 480 for photo in photos)
    assert min(bits_apart(one, other) for one in hashes for other in hashes if one != other) > 40
