"""Maps: the user's own label maps, found by a photo's name and held against it."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy, translate_ids
from pipeline.errors import PhotoError, SegmenterError
from pipeline.segmenters import maps, registry
from pipeline.segmenters.maps import Maps, open_maps, split_spec
from pipeline.segmenters.segmenter import Labelling, Options

LANDSCAPE, COCOSTUFF, ADE20K = (load_taxonomy(name) for name in ("landscape", "cocostuff", "ade20k"))
SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "coco_stuff_sample"
NO_PHOTO = np.zeros((3, 4, 3), dtype=np.uint8)
FOUR_BY_THREE = np.array([[0, 0, 0, 255], [3, 3, 3, 3], [10, 10, 19, 19]], dtype=np.uint8)


def write_map(path: Path, ids: np.ndarray = FOUR_BY_THREE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(ids).save(path)
    return path


def photo(height: int = 3, width: int = 4) -> np.ndarray:
    return np.zeros((height, width, 3), dtype=np.uint8)


def open_folder(folder: Path) -> Maps:
    return open_maps(folder, taxonomy=LANDSCAPE)


def labels_of(
    folder: Path | str,
    original_name: str,
    pixels: np.ndarray = NO_PHOTO,
    *,
    taxonomy: Taxonomy = LANDSCAPE,
    options: Options = Options(),  # noqa: B008
) -> Labelling:
    segmenter = open_maps(folder, taxonomy=taxonomy, options=options)
    prepared = segmenter.prepare(pixels, original_name, pixels.shape[:2])
    return segmenter.finish(segmenter.run(prepared))


def test_a_map_becomes_the_labels_as_it_is(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    labelling = labels_of(tmp_path, "lake.jpg")

    assert np.array_equal(labelling.ids, FOUR_BY_THREE)
    assert labelling.ids.dtype == np.uint8
    assert labelling.confidence == 1.0


def test_a_map_has_the_path_of_its_photo(tmp_path: Path):
    write_map(tmp_path / "north" / "lake.png", FOUR_BY_THREE)
    write_map(tmp_path / "south" / "lake.png", FOUR_BY_THREE[::-1])

    assert np.array_equal(labels_of(tmp_path, "south/lake.jpg").ids, FOUR_BY_THREE[::-1])


def test_a_map_that_lies_elsewhere_is_found_by_its_name(tmp_path: Path):
    write_map(tmp_path / "painted" / "lake.PNG")

    assert np.array_equal(labels_of(tmp_path, "summer/lake.jpg").ids, FOUR_BY_THREE)


@pytest.mark.parametrize(
    ("original_name", "map_name"),
    [
        ("a lake, at noon.jpg", "a lake, at noon.png"),
        ("über.see.jpeg", "über.see.png"),
        ("lake", "lake.png"),
        (".lake", ".lake.png"),
        ("[la]*\n?.jpg", "[la]*\n?.png"),
        ("\udcff.jpg", "\udcff.png"),
        ("https://host/lake.jpg", "lake.png"),
    ],
)
def test_a_name_may_hold_any_character(tmp_path: Path, original_name: str, map_name: str):
    try:
        write_map(tmp_path / map_name)
    except (OSError, UnicodeError):
        pytest.skip("this file system allows no such name")

    assert np.array_equal(labels_of(tmp_path, original_name).ids, FOUR_BY_THREE)


def test_an_accent_may_be_a_character_of_its_own(tmp_path: Path):
    write_map(tmp_path / "u\u0308ber.png")

    assert np.array_equal(labels_of(tmp_path, "\u00fcber.jpg").ids, FOUR_BY_THREE)


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path):
    write_map(tmp_path / "secret.png")
    write_map(tmp_path / "maps" / "lake.png")

    with pytest.raises(PhotoError, match="has no label map in"):
        labels_of(tmp_path / "maps", "../secret.jpg")


def test_a_photo_without_a_map_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    with pytest.raises(PhotoError, match=r"has no label map in .*\. Put one at north/hill\.png in it"):
        labels_of(tmp_path, "north/hill.jpg")


def test_two_maps_of_one_name_are_refused(tmp_path: Path):
    write_map(tmp_path / "north" / "lake.png")
    write_map(tmp_path / "south" / "lake.png")

    with pytest.raises(PhotoError, match=r"has 2 label maps in .*: north/lake\.png and south/lake\.png"):
        labels_of(tmp_path, "lake.jpg")


def test_an_id_of_no_class_is_refused_with_its_place(tmp_path: Path):
    ids = FOUR_BY_THREE.copy()
    ids[1, 2] = 20
    write_map(tmp_path / "lake.png", ids)

    with pytest.raises(PhotoError, match=r"lake\.png has the id 20 at x=2, y=1\. The classes of landscape are 0\.\.19"):
        labels_of(tmp_path, "lake.jpg")


def test_a_damaged_map_is_refused(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")
    path.write_bytes(path.read_bytes()[:40])

    with pytest.raises(PhotoError, match=r"lake\.png is cut off or damaged"):
        labels_of(tmp_path, "lake.jpg")


def test_a_map_that_went_away_is_refused(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")
    segmenter = open_folder(tmp_path)
    path.unlink()

    with pytest.raises(PhotoError, match=r"lake\.png is not there"):
        segmenter.prepare(photo(), "lake.jpg", (3, 4))


@pytest.mark.parametrize(
    ("height", "width"),
    [(3, 5), (4, 3), (6, 8), (1, 3), (1, 4)],
    ids=["wider", "turned", "a larger photo", "another shape", "flatter"],
)
def test_a_map_of_another_size_is_refused(tmp_path: Path, height: int, width: int):
    write_map(tmp_path / "lake.png")

    with pytest.raises(PhotoError, match=rf"lake\.png is 4x3, the photo is {width}x{height}, upright\. Make the map"):
        labels_of(tmp_path, "lake.jpg", photo(height, width))


def test_a_map_of_the_photo_before_it_was_shrunk_is_shrunk_too(tmp_path: Path):
    write_map(tmp_path / "lake.png", FOUR_BY_THREE.repeat(3, axis=0).repeat(3, axis=1))

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


def test_a_shrunk_side_may_have_been_rounded(tmp_path: Path):
    write_map(tmp_path / "lake.png", np.zeros((1367, 2049), dtype=np.uint8))

    assert labels_of(tmp_path, "lake.jpg", photo(1366, 2048)).ids.shape == (1366, 2048)


def test_a_shrunk_map_holds_no_new_ids(tmp_path: Path):
    ids = np.random.default_rng(0).choice(np.array([0, 7, 19, 255], dtype=np.uint8), size=(300, 400))
    write_map(tmp_path / "lake.png", ids)

    shrunk = labels_of(tmp_path, "lake.jpg", photo(225, 300)).ids

    assert np.unique(shrunk).tolist() == [0, 7, 19, 255]


def test_the_input_is_the_map_file(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")

    assert open_folder(tmp_path).input_digest("lake.jpg") == hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def test_a_photo_without_a_map_has_no_input(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    assert open_folder(tmp_path).input_digest("hill.jpg") == ""


def test_maps_are_named_after_their_folder(tmp_path: Path):
    write_map(tmp_path / "painted" / "lake.png")

    segmenter = registry.open_segmenter(f"maps:{tmp_path}/painted", taxonomy=LANDSCAPE, weights_folder=tmp_path)

    assert (segmenter.name, segmenter.digest, segmenter.license) == ("maps:painted", "", "unknown")
    assert segmenter.reached == LANDSCAPE.names


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(SegmenterError, match=r"there is no folder of maps at .*painted"):
        open_folder(tmp_path / "painted")


def test_a_folder_without_a_map_is_refused(tmp_path: Path):
    (tmp_path / "lake.jpg").touch()

    with pytest.raises(SegmenterError, match="holds no PNG"):
        open_folder(tmp_path)


# Maps in colours


def paint(ids: np.ndarray, taxonomy: Taxonomy = LANDSCAPE) -> np.ndarray:
    """(H, W, 3) uint8 RGB, unknown pixels black."""
    return np.frombuffer(taxonomy.palette, dtype=np.uint8).reshape(256, 3)[ids]


def write_indexed(path: Path, places: np.ndarray, palette: np.ndarray | bytes) -> Path:
    image = Image.fromarray(places)
    image.putpalette(bytes(palette))
    image.save(path)
    return path


@pytest.mark.parametrize("name", ["landscape", "cocostuff", "ade20k", "gaugan12"])
def test_the_colours_of_every_class_are_read_back_as_its_id(tmp_path: Path, name: str):
    taxonomy = load_taxonomy(name)
    ids = np.array([[*range(len(taxonomy)), UNKNOWN]], dtype=np.uint8)
    write_map(tmp_path / "lake.png", paint(ids, taxonomy))

    labelling = labels_of(tmp_path, "lake.jpg", photo(*ids.shape), taxonomy=taxonomy)

    assert np.array_equal(labelling.ids, ids)


def test_what_gaugan_paints_is_its_red_byte_in_cocostuff(tmp_path: Path):
    painted = paint(np.arange(182, dtype=np.uint8)[None], COCOSTUFF)
    write_map(tmp_path / "lake.png", painted)

    ids = labels_of(tmp_path, "lake.jpg", photo(1, 182), taxonomy=COCOSTUFF).ids

    assert np.array_equal(ids, painted[..., 0])


def test_a_class_that_only_gaugan_has_becomes_unknown_or_what_it_is_among_ours(tmp_path: Path):
    words = ["person", "house", "sky-other", "mud"]
    write_map(tmp_path / "lake.png", paint(np.array([[COCOSTUFF.id_of(word) for word in words]]), COCOSTUFF))

    ids = labels_of(tmp_path, "lake.jpg", photo(1, 4)).ids

    assert ids[0].tolist() == [UNKNOWN, *(LANDSCAPE.id_of(name) for name in ("building", "sky", "dirt"))]


def test_a_map_painted_for_another_taxonomy_says_which(tmp_path: Path):
    write_map(tmp_path / "lake.png", paint(np.array([[2, 4, 16, 26]]), ADE20K))

    ids = labels_of(f"{tmp_path}?taxonomy=ade20k", "lake.jpg", photo(1, 4)).ids

    assert [LANDSCAPE.names[id] for id in ids[0]] == ["sky", "tree", "mountain", "sea"]


def test_an_opaque_alpha_channel_changes_nothing(tmp_path: Path):
    opaque = np.full((3, 4, 1), 255, dtype=np.uint8)
    write_map(tmp_path / "lake.png", np.concatenate([paint(FOUR_BY_THREE), opaque], axis=2))

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


def test_a_transparent_map_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png", np.zeros((3, 4, 4), dtype=np.uint8))

    with pytest.raises(PhotoError, match=r"lake\.png is transparent in places\. Save it without transparency"):
        labels_of(tmp_path, "lake.jpg")


def test_colours_of_no_class_are_named_with_their_place(tmp_path: Path):
    painted = paint(FOUR_BY_THREE)
    painted[1, 2:] = 0x12, 0x34, 0x56
    painted[2, 3] = 0xAB, 0xCD, 0xEF
    write_map(tmp_path / "lake.png", painted)

    with pytest.raises(PhotoError, match=r"#123456, #abcdef, the first at x=2, y=1, which landscape does not have"):
        labels_of(tmp_path, "lake.jpg")


def test_a_map_with_soft_borders_is_refused_with_the_three_most_frequent_colours(tmp_path: Path):
    small = Image.fromarray(paint(FOUR_BY_THREE))
    small.resize((40, 30), Image.Resampling.BILINEAR).save(tmp_path / "lake.png")

    with pytest.raises(
        PhotoError, match=r"(#[0-9a-f]{6}, ){2}#[0-9a-f]{6} and \d+ more.*an anti-aliased one, or one that was a JPEG"
    ):
        labels_of(tmp_path, "lake.jpg", photo(30, 40))


def test_two_palettes_in_one_map_are_refused(tmp_path: Path):
    painted = np.concatenate([paint(np.array([[0, 1]])), paint(np.array([[2, 4]]), ADE20K)], axis=1)
    write_map(tmp_path / "lake.png", painted)

    with pytest.raises(PhotoError, match="is painted with #696969, #9ceedd, the first at x=1, y=0, which ade20k does"):
        labels_of(f"{tmp_path}?taxonomy=ade20k", "lake.jpg", photo(1, 4), taxonomy=LANDSCAPE)


def test_a_painted_map_of_the_photo_before_it_was_shrunk_is_shrunk_too(tmp_path: Path):
    write_map(tmp_path / "lake.png", paint(FOUR_BY_THREE).repeat(3, axis=0).repeat(3, axis=1))

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


# Indexed maps


def test_an_indexed_map_in_our_palette_holds_ids(tmp_path: Path):
    write_indexed(tmp_path / "lake.png", FOUR_BY_THREE, LANDSCAPE.palette)

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


@pytest.mark.parametrize("seed", range(3))
def test_an_indexed_map_in_a_palette_of_no_taxonomy_holds_ids(tmp_path: Path, seed: int):
    palette = np.random.default_rng(seed).integers(0, 256, 768, dtype=np.uint8)
    write_indexed(tmp_path / "lake.png", FOUR_BY_THREE, palette)

    assert np.array_equal(labels_of(tmp_path, "lake.jpg").ids, FOUR_BY_THREE)


@pytest.mark.parametrize("palette", [bytes(768), np.arange(256, dtype=np.uint8).repeat(3)], ids=["black", "grey"])
def test_an_indexed_map_without_colours_holds_ids(tmp_path: Path, palette: np.ndarray | bytes):
    ids = np.full((3, 4), 105, dtype=np.uint8)
    write_indexed(tmp_path / "lake.png", ids, palette)

    assert np.array_equal(labels_of(tmp_path, "lake.jpg", taxonomy=COCOSTUFF).ids, ids)


def test_a_painted_map_that_was_saved_with_a_palette_of_its_own_is_read_by_its_colours(tmp_path: Path):
    sky, sea = LANDSCAPE.id_of("sky"), LANDSCAPE.id_of("sea")
    places = np.array([[0, 0, 1, 2]], dtype=np.uint8)
    path = write_indexed(tmp_path / "lake.png", places, paint(np.array([sea, sky, UNKNOWN])).tobytes())

    ids = labels_of(tmp_path, "lake.jpg", photo(1, 4)).ids

    assert path.read_bytes()[24] < 8
    assert ids[0].tolist() == [sea, sea, sky, UNKNOWN]


def test_an_indexed_map_of_mostly_our_colours_names_the_others(tmp_path: Path):
    palette = np.concatenate([paint(np.array([5, 3, 1])), [[1, 2, 3]]]).astype(np.uint8)
    write_indexed(tmp_path / "lake.png", np.array([[0, 1, 2, 3]], dtype=np.uint8), palette.tobytes())

    with pytest.raises(PhotoError, match="is painted with #010203, the first at x=3, y=0, which landscape does not"):
        labels_of(tmp_path, "lake.jpg", photo(1, 4))


def test_a_16_bit_map_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png", FOUR_BY_THREE.astype(np.uint16))

    with pytest.raises(PhotoError, match=r"lake\.png is 16-bit grey; a label map is a PNG: indexed, 8-bit grey"):
        labels_of(tmp_path, "lake.jpg")


def test_a_header_that_lies_is_refused(tmp_path: Path):
    path = write_map(tmp_path / "lake.png")
    data = bytearray(path.read_bytes())
    data[25] = 3
    path.write_bytes(data)

    with pytest.raises(PhotoError, match=r"lake\.png is cut off or damaged"):
        labels_of(tmp_path, "lake.jpg")


# Maps of another taxonomy


def test_ids_of_another_taxonomy_become_ours(tmp_path: Path):
    words = ["sky-other", "clouds", "water-other", "person"]
    write_map(tmp_path / "lake.png", np.array([[COCOSTUFF.id_of(word) for word in words]], dtype=np.uint8))

    ids = labels_of(f"{tmp_path}?taxonomy=cocostuff", "lake.jpg", photo(1, 4)).ids

    assert ids[0].tolist() == [*(LANDSCAPE.id_of(name) for name in ("sky", "clouds", "water")), UNKNOWN]


def test_the_taxonomy_of_maps_may_be_a_file(tmp_path: Path):
    write_map(tmp_path / "lake.png", np.zeros((3, 4), dtype=np.uint8))
    (tmp_path / "mine.csv").write_text("id,name,colour,also\n0,Himmel,#0000ff,sky\n", encoding="utf-8")

    segmenter = open_maps(f"{tmp_path}?taxonomy={tmp_path}/mine.csv", taxonomy=LANDSCAPE)

    assert segmenter.reached == ("sky",)
    assert (segmenter.prepare(photo(), "lake.jpg", (3, 4)).ids == LANDSCAPE.id_of("sky")).all()


def test_maps_reach_what_their_taxonomy_has(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    segmenter = open_maps(f"{tmp_path}?taxonomy=ade20k", taxonomy=LANDSCAPE)

    assert set(LANDSCAPE.names) - set(segmenter.reached) == {"clouds", "fog", "gravel", "snow"}


def test_a_taxonomy_that_nobody_knows_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    with pytest.raises(SegmenterError, match=r"cannot be read: there is no taxonomy 'portrait'\. Choose one of ade20k"):
        open_maps(f"{tmp_path}?taxonomy=portrait", taxonomy=LANDSCAPE)


def test_a_taxonomy_that_shares_no_class_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png")
    (tmp_path / "mine.csv").write_text("id,name,colour\n0,dragon,#0000ff\n", encoding="utf-8")

    with pytest.raises(SegmenterError, match=r"speak mine\.csv, which has no class of landscape"):
        open_maps(f"{tmp_path}?taxonomy={tmp_path}/mine.csv", taxonomy=LANDSCAPE)


def test_an_id_beyond_the_taxonomy_of_the_maps_is_refused(tmp_path: Path):
    write_map(tmp_path / "lake.png", np.full((3, 4), 182, dtype=np.uint8))

    with pytest.raises(PhotoError, match=r"has the id 182 at x=0, y=0\. The classes of cocostuff are 0\.\.181"):
        labels_of(f"{tmp_path}?taxonomy=cocostuff", "lake.jpg")


def test_a_folder_may_look_like_a_question(tmp_path: Path):
    folder = tmp_path / "maps?taxonomy=cocostuff"
    try:
        write_map(folder / "lake.png")
    except OSError:
        pytest.skip("this file system allows no such name")

    assert split_spec(folder) == (folder, "")


def test_the_parameters_change_with_the_taxonomy_of_the_maps(tmp_path: Path):
    write_map(tmp_path / "lake.png")
    specs = (f"{tmp_path}", f"{tmp_path}?taxonomy=landscape", f"{tmp_path}?taxonomy=cocostuff")

    plain, named, other = (open_maps(spec, taxonomy=LANDSCAPE).parameters for spec in specs)

    assert plain == named != other


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the COCO-Stuff sample is not here")
@pytest.mark.parametrize("split", ["train", "val"])
def test_the_label_maps_of_the_reference_are_read(split: str):
    folder = SAMPLE / f"{split}_label"
    segmenter = open_maps(f"{folder}?taxonomy=cocostuff", taxonomy=LANDSCAPE)

    for path in sorted(folder.glob("*.png")):
        raw = np.asarray(Image.open(path))
        ids = segmenter.prepare(photo(), f"{path.stem}.jpg", raw.shape).ids
        assert np.array_equal(ids, translate_ids(raw, COCOSTUFF, LANDSCAPE))


# Instances


class FakeInstances:
    """One thing in every photo but hill.jpg."""

    def find(self, original_name: str, size: tuple[int, int]) -> np.ndarray | None:
        return None if original_name == "hill.jpg" else np.ones(size, dtype=np.uint16)

    def digest_of(self, original_name: str) -> str:
        return "" if original_name == "hill.jpg" else "0123456789abcdef"


@pytest.fixture
def with_instances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maps:
    monkeypatch.setattr(maps, "open_instances", lambda path: FakeInstances())
    for name in ("lake", "hill"):
        write_map(tmp_path / f"{name}.png")
    return open_maps(tmp_path, taxonomy=LANDSCAPE, options=Options(instances=tmp_path / "instances"))


def test_things_that_were_told_apart_come_with_the_labels(with_instances: Maps):
    labelling = with_instances.finish(with_instances.run(with_instances.prepare(photo(), "lake.jpg", (3, 4))))

    assert labelling.segments.shape == (3, 4)
    assert labelling.segments.dtype == np.uint16


def test_a_photo_without_things_has_no_segments(with_instances: Maps):
    assert with_instances.prepare(photo(), "hill.jpg", (3, 4)).segments is None


def test_the_things_are_part_of_the_input(with_instances: Maps, tmp_path: Path):
    plain = open_folder(tmp_path)

    assert with_instances.input_digest("lake.jpg") != plain.input_digest("lake.jpg")
    assert with_instances.input_digest("hill.jpg") == plain.input_digest("hill.jpg")


def test_maps_without_instances_have_no_segments(tmp_path: Path):
    write_map(tmp_path / "lake.png")

    assert labels_of(tmp_path, "lake.jpg").segments is None
