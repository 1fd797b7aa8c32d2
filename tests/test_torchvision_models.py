"""DeepLabV3 and Mask R-CNN, with random weights of the exact entries."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import detection, segmentation

from pipeline.classes import load_taxonomy, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import choices, registry
from pipeline.segmenters.torchvision_models import (
    BUILDERS,
    LEAST_SCORE,
    maskrcnn_names,
    open_deeplabv3,
    open_maskrcnn,
)

VOC = vocabulary_names("voc")


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        whole = segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, aux_loss=True)
    path = tmp_path_factory.mktemp("weights") / choices.DEEPLABV3_MOBILENET.file_name
    torch.save(whole.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def maskrcnn_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        whole = detection.maskrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None)
    path = tmp_path_factory.mktemp("weights") / choices.MASKRCNN.file_name
    torch.save(whole.state_dict(), path)
    return path


def open_mobilenet(path: Path):
    return open_deeplabv3("deeplabv3-mobilenet", path, names=VOC, look=choices.DEEPLABV3_LOOK)


def test_deeplabv3_gives_a_sixteenth_of_a_photo_that_is_not_square(mobilenet_file: Path):
    network = open_mobilenet(mobilenet_file)

    assert network.module(torch.zeros(1, 3, 64, 96)).shape == (1, 21, 4, 6)


def test_deeplabv3_gives_what_the_whole_network_gives_before_its_upsampling(mobilenet_file: Path):
    whole = segmentation.deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, aux_loss=True).eval()
    whole.load_state_dict(torch.load(mobilenet_file, weights_only=True))
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))

    with torch.inference_mode():
        logits = open_mobilenet(mobilenet_file).module(x)
        expected = whole(x)["out"]

    upsampled = torch.nn.functional.interpolate(logits, size=(64, 96), mode="bilinear", align_corners=False)
    assert torch.allclose(upsampled, expected, atol=1e-5)


def test_the_sizes_that_are_pinned_are_those_of_the_networks(mobilenet_file: Path, maskrcnn_file: Path):
    for pin, path in ((choices.DEEPLABV3_MOBILENET, mobilenet_file), (choices.MASKRCNN, maskrcnn_file)):
        assert abs(path.stat().st_size - pin.about_bytes) < 0.01 * pin.about_bytes


def test_the_pins_are_the_ones_of_the_library():
    weights = {
        choices.DEEPLABV3_RESNET101: segmentation.DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1,
        choices.DEEPLABV3_MOBILENET: segmentation.DeepLabV3_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1,
        choices.MASKRCNN: detection.MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    }

    for pin, known in weights.items():
        assert pin.url == known.url
        assert pin.sha256 == known.url.removesuffix(".pth").rpartition("-")[2]


def test_the_outputs_are_in_the_order_of_the_vocabulary():
    known = segmentation.DeepLabV3_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1.meta["categories"]

    assert len(known) == len(VOC) == 21
    assert [name.replace("_", "") for name in known[:4]] == ["background", "aeroplane", "bicycle", "bird"]
    assert known[-1] == "tvmonitor"


def test_an_entry_that_is_missing_is_a_sentence(mobilenet_file: Path, tmp_path: Path):
    state = torch.load(mobilenet_file, weights_only=True)
    del state["classifier.4.bias"]
    torch.save(state, tmp_path / "less.pth")

    with pytest.raises(SegmenterError, match=r"less\.pth does not fit its network.*Missing.*classifier\.4\.bias"):
        open_mobilenet(tmp_path / "less.pth")


def test_an_entry_too_many_is_a_sentence(mobilenet_file: Path, tmp_path: Path):
    torch.save(torch.load(mobilenet_file, weights_only=True) | {"more": torch.zeros(1)}, tmp_path / "more.pth")

    with pytest.raises(SegmenterError, match=r"does not fit its network.*Unexpected.*more"):
        open_mobilenet(tmp_path / "more.pth")


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04"])
def test_a_damaged_file_is_a_sentence(tmp_path: Path, content: bytes):
    (tmp_path / "bad.pth").write_bytes(content)

    with pytest.raises(SegmenterError, match=r"bad\.pth cannot be read as weights"):
        open_mobilenet(tmp_path / "bad.pth")


def test_a_file_of_something_else_is_a_sentence(tmp_path: Path):
    torch.save([1, 2], tmp_path / "list.pth")

    with pytest.raises(SegmenterError, match="something else than weights"):
        open_mobilenet(tmp_path / "list.pth")


def test_both_deeplabv3_are_known_by_name():
    assert {choice.spec for choice in registry.CHOICES if choice.family == "torchvision"} == set(BUILDERS)


def test_deeplabv3_is_of_no_use_to_landscape(tmp_path: Path):
    with pytest.raises(SegmenterError, match=r"knows no class of landscape: .* no sky, water or mountain"):
        registry.open_segmenter("deeplabv3-mobilenet", taxonomy=load_taxonomy(), weights_folder=tmp_path)


def test_deeplabv3_labels_a_taxonomy_that_has_its_classes(mobilenet_file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry.weights, "fetch", lambda pin, folder, on_bytes: mobilenet_file)
    cocostuff = load_taxonomy("cocostuff")
    segmenter = registry.open_segmenter("deeplabv3-mobilenet", taxonomy=cocostuff, weights_folder=mobilenet_file.parent)

    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    labelling = segmenter.finish(segmenter.run(segmenter.prepare(photo, "a.jpg", (40, 60))))

    assert labelling.ids.shape == (40, 60)
    assert len(segmenter.reached) == 20
    assert "airplane" in segmenter.reached


def test_mask_rcnn_gives_only_what_it_is_sure_of(maskrcnn_file: Path):
    network = open_maskrcnn(maskrcnn_file)

    assert network.roi_heads.score_thresh == LEAST_SCORE == 0.5
    assert not network.training


def test_mask_rcnn_refuses_the_weights_of_another_network(mobilenet_file: Path):
    with pytest.raises(SegmenterError, match="does not fit its network"):
        open_maskrcnn(mobilenet_file)


def test_the_labels_of_mask_rcnn_are_91():
    names = maskrcnn_names()

    assert len(names) == 91
    assert names[:3] == ("__background__", "person", "bicycle")
