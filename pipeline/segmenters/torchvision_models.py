"""DeepLabV3 and Mask R-CNN as torchvision trained them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import detection, segmentation

from pipeline.errors import SegmenterError
from pipeline.segmenters.looks import Look
from pipeline.segmenters.network import Network

MASKRCNN_OUTPUTS = 91
VOC_OUTPUTS = 21
LEAST_SCORE = 0.5
"""Things that Mask R-CNN is less sure of are left out."""
BUILDERS = {
    "deeplabv3-resnet101": segmentation.deeplabv3_resnet101,
    "deeplabv3-mobilenet": segmentation.deeplabv3_mobilenet_v3_large,
}


class DeepLabV3(nn.Module):
    """Logits of each class at the stride of the backbone.

    Source: Chen et al. 2017, Rethinking Atrous Convolution for Semantic Image Segmentation, section 3.
    """

    def __init__(self, whole: nn.Module) -> None:
        super().__init__()
        self.backbone = whole.backbone
        self.classifier = whole.classifier

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, 3, H, W) float32, normalised RGB.    Returns (B, 21, H / stride, W / stride)."""
        return self.classifier(self.backbone(x)["out"])


def open_deeplabv3(name: str, path: Path, *, names: tuple[str, ...], look: Look) -> Network:
    """The network of a weights file of torchvision.    name: one of BUILDERS.

    Raises: SegmenterError when the file is damaged or of another network.
    """
    whole = BUILDERS[name](weights=None, weights_backbone=None, num_classes=VOC_OUTPUTS, aux_loss=True)
    _load(path, whole)
    module = DeepLabV3(whole).eval().requires_grad_(False)
    return Network(
        module=module, to_input=look.to_input, align_corners=False, longer_side_px=look.longer_px, names=names
    )


def open_maskrcnn(path: Path) -> nn.Module:
    """Mask R-CNN on a ResNet-50: a list of (3, H, W) float32 RGB 0..1 -> for each its boxes, labels, scores and masks.

    Raises: SegmenterError when the file is damaged or of another network.
    """
    network = detection.maskrcnn_resnet50_fpn_v2(
        weights=None, weights_backbone=None, num_classes=MASKRCNN_OUTPUTS, box_score_thresh=LEAST_SCORE
    )
    _load(path, network)
    return network.eval().requires_grad_(False)


def maskrcnn_names() -> tuple[str, ...]:
    """What the labels of Mask R-CNN mean, by number."""
    return tuple(detection.MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1.meta["categories"])


def _load(path: Path, network: nn.Module) -> None:
    """Fills a network with the weights of a file; nothing in the file is executed."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise SegmenterError(f"{path} cannot be read as weights: it is damaged. Delete it to fetch it again") from error
    if not isinstance(state, Mapping):
        raise SegmenterError(f"{path} holds something else than weights. Delete it to fetch it again")
    try:
        network.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        complaint = " ".join(str(error).split())[:300]
        raise SegmenterError(f"{path} does not fit its network. {complaint}") from error
