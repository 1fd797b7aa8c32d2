"""Networks of segmentation-models-pytorch, saved by the library with random weights."""

import json
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file, save_file

from pipeline.classes import load_taxonomy
from pipeline.errors import SegmenterError
from pipeline.segmenters import registry
from pipeline.segmenters.looks import Look
from pipeline.segmenters.segmenter import Options
from pipeline.segmenters.smp_hub import open_folder

LANDSCAPE = load_taxonomy()
NAMES = ("sky", "sea", "tree")
SMALL = {"encoder_weights": None, "classes": 3}
NETWORKS = {
    "UPerNet": (smp.UPerNet, {"encoder_name": "tu-convnext_atto", "decoder_channels": 16}, 4),
    "Segformer": (smp.Segformer, {"encoder_name": "mit_b0", "decoder_segmentation_channels": 16}, 4),
    "DPT": (
        smp.DPT,
        {
            "encoder_name": "tu-vit_tiny_patch16_224",
            "decoder_intermediate_channels": (8, 8, 8, 8),
            "decoder_fusion_channels": 8,
        },
        2,
    ),
    "FPN": (smp.FPN, {"encoder_name": "mobilenet_v2", "decoder_pyramid_channels": 16}, 4),
    "Unet": (smp.Unet, {"encoder_name": "mobilenet_v2", "decoder_channels": (16, 16, 8, 8, 8)}, 1),
}
"""Kind -> its class, a small one's settings, and the stride of its decoder."""


def save(folder: Path, kind: str = "Unet", **settings: object) -> torch.nn.Module:
    made, own, _ = NETWORKS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = made(**{**SMALL, **own, **settings}).eval()
    network.save_pretrained(folder)
    return network


def change_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(config), encoding="utf-8")


@pytest.mark.parametrize("kind", NETWORKS)
def test_logits_come_at_the_stride_of_the_decoder(tmp_path: Path, kind: str):
    save(tmp_path, kind)
    stride = NETWORKS[kind][2]

    network, _ = open_folder(tmp_path, names=NAMES)

    assert network.module(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64 // stride, 96 // stride)


@pytest.mark.parametrize("kind", NETWORKS)
def test_upsampled_they_are_what_the_library_gives(tmp_path: Path, kind: str):
    whole = save(tmp_path, kind)
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        logits = open_folder(tmp_path, names=NAMES)[0].module(x)
        expected = whole(x)

    upsampled = torch.nn.functional.interpolate(logits, size=(224, 224), mode="bilinear", align_corners=True)
    assert torch.allclose(upsampled, expected, atol=1e-4)


def test_the_photo_is_shown_as_imagenet_was(tmp_path: Path):
    save(tmp_path)
    network, look = open_folder(tmp_path, names=NAMES)

    x = network.to_input(np.full((300, 400, 3), (255, 0, 128), np.uint8), 1.0)

    assert x.shape == (1, 3, 512, 672)
    assert x[0, :, 9, 9].tolist() == pytest.approx([2.2489, -2.0357, 0.4265], abs=1e-4)
    assert look.longer_px == network.longer_side_px == 2048


def test_names_stand_in_a_file_of_the_folder(tmp_path: Path):
    save(tmp_path)
    (tmp_path / "classes.json").write_text(json.dumps(NAMES), encoding="utf-8")

    assert open_folder(tmp_path)[0].names == NAMES


def test_a_network_that_nobody_named_says_where_to_write_the_names(tmp_path: Path):
    save(tmp_path)

    with pytest.raises(SegmenterError, match=r"has 3 outputs, and nothing there says.*Make .*classes\.json: "):
        open_folder(tmp_path)


def test_two_names_for_three_outputs_are_refused(tmp_path: Path):
    save(tmp_path)

    with pytest.raises(SegmenterError, match="has 3 outputs, and 2 names for them"):
        open_folder(tmp_path, names=NAMES[:2])


def test_no_encoder_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    save(tmp_path)
    change_config(tmp_path, encoder_weights="imagenet")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    assert open_folder(tmp_path, names=NAMES)


def test_a_network_of_one_size_is_shown_that_size(tmp_path: Path):
    save(tmp_path, "DPT", img_size=64, dynamic_img_size=False)

    network, look = open_folder(tmp_path, names=NAMES)

    assert look.takes_one_size
    assert network.module(network.to_input(np.zeros((30, 90, 3), np.uint8), 0.75)).shape == (1, 3, 32, 32)


def test_a_head_for_whole_photos_is_left_out(tmp_path: Path):
    save(tmp_path, aux_params={"classes": 4})

    assert open_folder(tmp_path, names=NAMES)[0].module(torch.zeros(1, 3, 64, 64)).shape == (1, 3, 64, 64)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"_model_class": "create_model"}, "its _model_class is 'create_model'. The known ones are Unet"),
        ({"_model_class": None}, "is of no network of segmentation-models-pytorch"),
        ({"_model_class": "FPN"}, "does not fit its config.json. Error"),
        ({"encoder_name": "no-such-encoder"}, "does not fit Unet"),
        ({"encoder_name": "tu-hf-hub:someone/net"}, "would fetch a network from elsewhere: encoder_name"),
        ({"pretrained_cfg": {"url": "http://127.0.0.1"}}, "would fetch a network from elsewhere: pretrained_cfg"),
        ({"checkpoint_path": "/etc/passwd"}, "would fetch a network from elsewhere: checkpoint_path"),
        ({"in_channels": 4}, "takes 4 channels; photos have 3"),
        ({"classes": "three"}, "does not fit Unet"),
        ({"classes": 5}, "does not fit its config.json. Error"),
    ],
)
def test_a_config_that_is_not_of_these_weights_is_refused(tmp_path: Path, changes: dict, complaint: str):
    save(tmp_path)
    change_config(tmp_path, **changes)

    with pytest.raises(SegmenterError, match=complaint.replace(".", r"\.")):
        open_folder(tmp_path, names=NAMES)


def test_a_network_of_one_output_is_refused(tmp_path: Path):
    save(tmp_path, classes=1)

    with pytest.raises(SegmenterError, match="has one output"):
        open_folder(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_config_that_is_no_object_is_refused(tmp_path: Path, text: str):
    save(tmp_path)
    (tmp_path / "config.json").write_text(text, encoding="utf-8")

    with pytest.raises(SegmenterError, match=r"config\.json is no JSON"):
        open_folder(tmp_path, names=NAMES)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str):
    save(tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(SegmenterError, match=rf"{name} cannot be read"):
        open_folder(tmp_path, names=NAMES)


def test_a_truncated_file_is_refused(tmp_path: Path):
    save(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])

    with pytest.raises(SegmenterError, match=r"model\.safetensors cannot be read as weights"):
        open_folder(tmp_path, names=NAMES)


def test_an_entry_that_is_missing_is_refused(tmp_path: Path):
    save(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    del state["segmentation_head.0.bias"]
    save_file(state, tmp_path / "model.safetensors")

    with pytest.raises(SegmenterError, match=r"Missing key.*segmentation_head\.0\.bias"):
        open_folder(tmp_path, names=NAMES)


def test_a_number_that_is_none_is_refused(tmp_path: Path):
    save(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    state["segmentation_head.0.bias"][1] = float("nan")
    save_file(state, tmp_path / "model.safetensors")

    with pytest.raises(SegmenterError, match=r"segmentation_head\.0\.bias holds numbers that are not finite"):
        open_folder(tmp_path, names=NAMES)


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_folder_labels_a_photo(tmp_path: Path, quality: str):
    save(tmp_path / "mine", "UPerNet")
    (tmp_path / "mine" / "classes.json").write_text(json.dumps(NAMES), encoding="utf-8")
    spec, options = f"smp:{tmp_path / 'mine'}", Options(quality=quality)
    segmenter = registry.open_segmenter(spec, taxonomy=LANDSCAPE, weights_folder=tmp_path, options=options)

    photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    labelling = segmenter.finish(segmenter.run(segmenter.prepare(photo, "lake.jpg", (50, 70))))

    assert labelling.ids.shape == (50, 70)
    assert segmenter.name == "smp:mine"
    assert segmenter.reached == NAMES


def test_a_look_of_another_step_is_made_to_fit(tmp_path: Path):
    save(tmp_path)

    _, look = open_folder(tmp_path, names=NAMES, look=Look(shorter_px=64, longer_px=256, step_px=24))

    assert look.step_px == 32
