"""Networks of transformers, saved by the library with random weights and settings as small as they come."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.classes import load_taxonomy, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import registry
from pipeline.segmenters.segmenter import Options
from tests.hub_server import serve

transformers = pytest.importorskip("transformers", reason="transformers is not here")
pytest.importorskip("scipy", reason="scipy is not here")

from pipeline.segmenters.transformers_models import open_folder  # noqa: E402

LANDSCAPE = load_taxonomy()
NAMES = ("person", "sky-other-merged", "sea", "tree-merged")
PREPROCESSOR = {
    "size": {"shortest_edge": 64, "longest_edge": 64},
    "do_pad": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "rescale_factor": 1 / 255,
}
SQUARE = {"size": {"height": 64, "width": 96}}
SLIDING = {"size": {"shortest_edge": 64, "longest_edge": None}, "do_split_image": True}


@pytest.fixture(autouse=True)
def quiet_library():
    """The library's bars and talk stay out of the tests' output."""
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()


def save_eomt(
    folder: Path, names: tuple[str, ...] = NAMES, preprocessor: dict | None = PREPROCESSOR
) -> torch.nn.Module:
    config = transformers.EomtConfig(
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=64,
        patch_size=16,
        num_blocks=2,
        num_queries=7,
        num_register_tokens=1,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    return save(folder, transformers.EomtForUniversalSegmentation, config, preprocessor)


def save_segformer(folder: Path, names: tuple[str, ...] = NAMES, preprocessor: dict | None = SQUARE) -> torch.nn.Module:
    config = transformers.SegformerConfig(
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        depths=[1, 1, 1, 1],
        decoder_hidden_size=16,
        id2label=dict(enumerate(names)),
        label2id={name: index for index, name in enumerate(names)},
    )
    return save(folder, transformers.SegformerForSemanticSegmentation, config, preprocessor)


def save(folder: Path, kind: type, config: object, preprocessor: dict | None) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kind(config).eval()
    if hasattr(network, "attn_mask_probs"):
        network.attn_mask_probs.zero_()  # as at the end of its training
    network.save_pretrained(folder)
    if preprocessor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor), encoding="utf-8")
    return network


def change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_eomt_adds_its_proposals_up_as_the_library_does(tmp_path: Path):
    whole = save_eomt(tmp_path)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        logits = open_folder(tmp_path)[0].module(x)
        seen = whole(pixel_values=x)

    classes = seen.class_queries_logits[0].softmax(dim=-1)[:, :-1]  # (Q, S)
    expected = (classes[:, :, None, None] * seen.masks_queries_logits[0].sigmoid()[:, None]).sum(dim=0)
    assert torch.allclose(logits[0].exp(), expected, atol=1e-5)
    assert logits.shape == (1, 4, 16, 16)


def test_eomt_is_shown_a_photo_that_fits_its_square(tmp_path: Path):
    save_eomt(tmp_path)
    network, look = open_folder(tmp_path)

    x = network.to_input(noise(120, 200), 1.25)

    assert look.takes_one_size
    assert x.shape == (1, 3, 32, 64)  # 38.4 is 2.4 patches
    assert network.module(x).shape == (1, 4, 8, 16)


def test_eomt_for_labels_alone_slides_along_the_photo(tmp_path: Path):
    save_eomt(tmp_path, preprocessor=SLIDING)
    network, _ = open_folder(tmp_path)

    x = network.to_input(noise(120, 200), 1.0)

    assert x.shape == (1, 3, 64, 112)
    assert network.module(x).shape == (1, 4, 16, 28)


def test_the_values_are_those_of_the_librarys_own_preprocessor(tmp_path: Path):
    save_eomt(tmp_path)
    photo = noise(64, 64)

    ours = open_folder(tmp_path)[0].to_input(photo, 1.0)
    theirs = transformers.AutoImageProcessor.from_pretrained(tmp_path, image_processor_type="EomtImageProcessor")(
        images=photo, return_tensors="pt"
    )["pixel_values"]

    assert torch.allclose(ours, theirs, atol=1e-5)


def test_segformer_gives_the_librarys_logits(tmp_path: Path):
    whole = save_segformer(tmp_path)
    network, _ = open_folder(tmp_path)
    x = network.to_input(noise(50, 50), 1.0)

    assert x.shape == (1, 3, 64, 96)
    assert torch.equal(network.module(x), whole(pixel_values=x).logits)


def test_without_a_preprocessor_photos_are_512(tmp_path: Path):
    save_segformer(tmp_path, preprocessor=None)

    assert open_folder(tmp_path)[0].to_input(noise(50, 50), 1.0).shape == (1, 3, 512, 512)


def test_names_stand_in_the_config(tmp_path: Path):
    save_segformer(tmp_path)

    assert open_folder(tmp_path)[0].names == NAMES


def test_a_file_of_names_goes_before_the_config(tmp_path: Path):
    save_segformer(tmp_path)
    (tmp_path / "classes.json").write_text('["sky", "sea", "tree", "rock"]', encoding="utf-8")

    assert open_folder(tmp_path)[0].names == ("sky", "sea", "tree", "rock")


def test_known_classes_in_known_order_are_known_however_they_are_written(tmp_path: Path):
    vocabulary = vocabulary_names("ade20k")
    written = tuple(name if index < 3 else f"{name} (ade)" for index, name in enumerate(vocabulary))
    save_segformer(tmp_path, names=written)

    assert open_folder(tmp_path)[0].names == vocabulary


def test_labels_without_a_name_say_where_to_write_them(tmp_path: Path):
    save_segformer(tmp_path, names=("LABEL_0", "LABEL_1"))

    with pytest.raises(SegmenterError, match=r"has 2 outputs, and nothing there says.*classes\.json"):
        open_folder(tmp_path)


@pytest.mark.parametrize("numerics", [0, 1, 2])
def test_a_panoptic_folder_gives_segments_in_every_way_of_computing(tmp_path: Path, numerics: int):
    folder = tmp_path / "my_panoptic_net"
    save_eomt(folder)
    segmenter = registry.open_segmenter(
        f"hf:{folder}", taxonomy=LANDSCAPE, weights_folder=tmp_path, options=Options(quality="best")
    )
    segmenter = segmenter.computing(segmenter.numerics_choices[numerics])

    labelling = segmenter.finish(segmenter.run(segmenter.prepare(noise(48, 64), "lake.jpg", (48, 64))))

    assert labelling.ids.shape == labelling.segments.shape == (48, 64)
    assert segmenter.thing_outputs == {0}
    assert segmenter.name == "hf:my_panoptic_net"
    assert segmenter.reached == ("sky", "sea", "tree")


def test_a_folder_of_labels_alone_gives_no_segments(tmp_path: Path):
    save_eomt(tmp_path / "net", preprocessor=SLIDING)
    segmenter = registry.open_segmenter(f"hf:{tmp_path / 'net'}", taxonomy=LANDSCAPE, weights_folder=tmp_path)

    labelling = segmenter.finish(segmenter.run(segmenter.prepare(noise(48, 64), "lake.jpg", (48, 64))))

    assert labelling.segments is None


def test_a_kind_that_labels_no_pixels_is_refused(tmp_path: Path):
    save_segformer(tmp_path)
    change_json(tmp_path / "config.json", model_type="bert")

    with pytest.raises(SegmenterError, match=r"of kind 'bert', which labels no pixels\. Known are beit"):
        open_folder(tmp_path)


def test_code_in_the_folder_is_not_run(tmp_path: Path):
    save_segformer(tmp_path)
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", encoding="utf-8")
    change_json(tmp_path / "config.json", auto_map={"AutoModelForSemanticSegmentation": "evil.Net"})

    open_folder(tmp_path)

    assert not (tmp_path / "ran").exists()


def test_weights_that_are_no_safetensors_are_not_read(tmp_path: Path):
    network = save_segformer(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")

    with pytest.raises(SegmenterError, match="cannot be read as a network"):
        open_folder(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path):
    save_segformer(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(SegmenterError, match="cannot be read as a network"):
        open_folder(tmp_path)


def test_an_entry_that_is_missing_is_refused_not_drawn_by_lot(tmp_path: Path):
    from safetensors.torch import load_file, save_file

    save_segformer(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["decode_head.classifier.bias"]
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(SegmenterError, match=r"missing keys decode_head\.classifier\.bias"):
        open_folder(tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        {"image_mean": "grey"},
        {"image_std": [0, 1, 1]},
        {"image_std": [1, 1]},
        {"rescale_factor": float("inf")},
        {"size": {"height": 10**9, "width": 10**9}},
        {"size": {"short": 3}},
        {"size": -5},
    ],
)
def test_a_preprocessor_of_no_use_is_a_sentence(tmp_path: Path, said: dict):
    save_segformer(tmp_path, preprocessor=said)

    with pytest.raises(SegmenterError, match=r"preprocessor_config\.json .*Fetch the folder again"):
        open_folder(tmp_path)


def test_a_network_of_the_hub_is_fetched_and_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save_eomt(tmp_path / "made", names=vocabulary_names("cocopanoptic"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        for path in (tmp_path / "made").iterdir():
            address = f"/tue-mps/coco_panoptic_eomt_small_640_2x/resolve/main/{path.name}"
            server.files[address] = path.read_bytes()
        segmenter = registry.open_segmenter("eomt-small-coco", taxonomy=LANDSCAPE, weights_folder=tmp_path)

    labelling = segmenter.finish(segmenter.run(segmenter.prepare(noise(48, 64), "lake.jpg", (48, 64))))

    assert (segmenter.name, segmenter.license) == ("eomt-small-coco", "MIT")
    assert len(segmenter.thing_outputs) == 80
    assert labelling.segments.shape == (48, 64)
