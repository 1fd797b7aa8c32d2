"""What can be asked for to label photos: one line a segmenter, read without any network library."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.classes import Taxonomy, translate, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import hub, weights
from pipeline.segmenters.looks import Look

DEFAULT = "embedded"
OVERLAY = "+maskrcnn"
EMBEDDED_WEIGHTS = Path(__file__).parent / "embedded" / "weights.safetensors"
EMBEDDED_NAMES_KEY = "classes"

NVIDIA = "LicenseRef-NVIDIA-SegFormer"
"""NVIDIA Source Code License for SegFormer: for research and evaluation, not for commerce."""
NVIDIA_ADDRESS = "https://github.com/NVlabs/SegFormer/blob/master/LICENSE"

COCO_THINGS = 91
"""So many of the first classes of COCO-Stuff are things."""
NEVER_TRAINED = {
    "cocostuff": frozenset(
        {
            "street sign",
            "hat",
            "shoe",
            "eye glasses",
            "plate",
            "mirror",
            "window",
            "desk",
            "door",
            "blender",
            "hair brush",
        }
    )
}
"""Vocabulary -> classes that no network was ever shown."""

DEEPLABV2_LOOK = Look(
    shorter_px=513, longer_px=513, step_px=1, channel_order="BGR", mean=(104.008, 116.669, 122.675), std=(1, 1, 1)
)
DEEPLABV3_LOOK = Look(
    shorter_px=520, longer_px=2080, step_px=8, divisor=255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
DPT_LOOK = Look(shorter_px=480, longer_px=1920, mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))
"""As its authors trained and ran it, unlike the other networks of the hub."""
EMBEDDED_LOOK = Look(shorter_px=385, longer_px=385, step_px=16, mean=(127.5, 127.5, 127.5), std=(127.5, 127.5, 127.5))

DEEPLABV3_RESNET101 = weights.Pin(
    url="https://download.pytorch.org/models/deeplabv3_resnet101_coco-586e9e4e.pth",
    file_name="deeplabv3_resnet101_coco-586e9e4e.pth",
    sha256="586e9e4e",
    license="BSD-3-Clause",
    about_bytes=244_500_000,
)
DEEPLABV3_MOBILENET = weights.Pin(
    url="https://download.pytorch.org/models/deeplabv3_mobilenet_v3_large-fc3c493d.pth",
    file_name="deeplabv3_mobilenet_v3_large-fc3c493d.pth",
    sha256="fc3c493d",
    license="BSD-3-Clause",
    about_bytes=44_350_000,
)
MASKRCNN = weights.Pin(
    url="https://download.pytorch.org/models/maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
    file_name="maskrcnn_resnet50_fpn_v2_coco-73cbd019.pth",
    sha256="73cbd019",
    license="BSD-3-Clause",
    about_bytes=185_800_000,
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One line of what can be asked for."""

    spec: str
    """What follows --segmenter; words in capitals are the user's to fill in."""
    what: str
    family: str
    """embedded, torch, smp, transformers, torchvision, maps or overlay: what opens it."""
    vocabulary: str = ""
    """The table of the classes of its outputs; "" where they are its own."""
    reached: tuple[str, ...] = ()
    """Classes of the taxonomy that it can find; where `is_open`, as many as its owner's weights know."""
    missing: tuple[str, ...] = ()
    """The other classes of the taxonomy."""
    is_open: bool = False
    """Whether the user's own files say what it can find."""
    instances: str = "components"
    """components: touching things are one; panoptic or things: it tells things apart itself; given: the user's own."""
    license: str
    """SPDX-like id of the weights' licence; unknown where they are the user's own."""
    non_commercial: bool = False
    """Whether its weights may not be used for commerce; then it is only opened when that was said to be fine."""
    source: str
    """Where its weights or maps come from."""
    revision: str = ""
    digest: str = ""
    """SHA-256 of its weights, 64 hex digits or as many as are published; "" before the first download."""
    look: Look | None = None
    size_rule: str = ""
    """The size at which it looks at photos."""
    size_mb: int = 0
    """About what it downloads at its first use, 0 for nothing."""
    extra: str = ""
    """The extra of this package that it needs; "" for none."""
    proven: bool = False
    """Whether it was ever run on its real weights where it was written."""
    here: bool = False
    """Whether its weights are there already; True where it needs none."""
    pin: weights.Pin | None = None
    repository: hub.Repository | None = None


def coco_things() -> frozenset[str]:
    """The names of the things in COCO, which can be told apart."""
    return frozenset(vocabulary_names("cocostuff")[:COCO_THINGS])


def embedded_names() -> tuple[str, ...]:
    """What the outputs of the embedded network are called; () where its weights are missing or damaged."""
    try:
        return tuple(json.loads(weights.read_safetensors_header(EMBEDDED_WEIGHTS)["__metadata__"][EMBEDDED_NAMES_KEY]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def filled_in(choice: Choice, weights_folder: Path | None, taxonomy: Taxonomy) -> Choice:
    """A choice with what depends on the taxonomy, and on what was downloaded."""
    names = vocabulary_names(choice.vocabulary) if choice.vocabulary else ()
    names = embedded_names() if choice.family == "embedded" else names
    never = NEVER_TRAINED.get(choice.vocabulary, ())
    found = {id for name, id in zip(names, translate(names, taxonomy), strict=True) if name not in never}
    found = set(range(len(taxonomy))) if choice.family == "maps" else found
    return replace(
        choice,
        reached=tuple(name for id, name in enumerate(taxonomy.names) if id in found),
        missing=() if choice.is_open else tuple(name for id, name in enumerate(taxonomy.names) if id not in found),
        size_rule=choice.size_rule or (choice.look.size_rule if choice.look else ""),
        here=is_here(choice, weights_folder),
        digest=_digest(choice, weights_folder),
    )


def is_here(choice: Choice, weights_folder: Path | None) -> bool:
    """Whether a choice needs no download: its weights are in the folder, or it has none."""
    if choice.family == "embedded":
        return EMBEDDED_WEIGHTS.is_file()
    if choice.pin:
        return weights_folder is not None and (weights_folder / choice.pin.file_name).is_file()
    if choice.repository:
        return weights_folder is not None and hub.is_here(choice.repository, weights_folder)
    return not choice.size_mb


def refuse_unlicensed(name: str, repository_id: str, *, is_accepted: bool) -> None:
    """name: what the user asked for.    repository_id: OWNER/NAME on the hub.

    Raises: SegmenterError when the weights are not for commerce and nobody said that this is fine.
    """
    owner, _, rest = repository_id.lower().partition("/")
    if (owner == "nvidia" or "segformer" in rest) and not is_accepted:
        raise SegmenterError(
            f"the weights of {name} are NVIDIA's, for research only and not for commerce: {NVIDIA_ADDRESS}. "
            "If that is fine, add --accept-license; else choose another: gauganpipe segmenters"
        )


def _digest(choice: Choice, weights_folder: Path | None) -> str:
    """The digest of the weights as it is pinned, or as it was at the first use."""
    if choice.family == "embedded":
        return weights.sha256_of(EMBEDDED_WEIGHTS) if EMBEDDED_WEIGHTS.is_file() else ""
    place = None
    if weights_folder and choice.pin:
        place = weights_folder / choice.pin.file_name
    if weights_folder and choice.repository:
        place = weights_folder / choice.repository.folder_name / choice.repository.files[-1]
    pinned = choice.pin.sha256 if choice.pin else None
    return (weights.recorded_sha256(place) if place else None) or pinned or ""


def _smp(spec: str, repository: str, what: str, *, size_mb: int, license: str, look: Look, **said: bool) -> Choice:
    found = hub.Repository(id=f"smp-hub/{repository}", files=hub.SMP_FILES, license=license)
    return Choice(
        spec=spec,
        what=what,
        family="smp",
        vocabulary="ade20k",
        license=license,
        source=found.address,
        revision=found.revision,
        look=look,
        size_mb=size_mb,
        repository=found,
        **said,
    )


def _upernet(size: str, size_mb: int) -> Choice:
    what = f"UPerNet with ConvNeXt {size}"
    look = Look(shorter_px=512, longer_px=2048)
    spec = f"upernet-convnext-{size}"
    return _smp(spec, spec, what, size_mb=size_mb, license="MIT", look=look)


def _segformer(number: int, size_mb: int) -> Choice:
    side = 640 if number == 5 else 512
    look = Look(shorter_px=side, longer_px=4 * side)
    what = f"SegFormer B{number}; not for commerce, only with --accept-license"
    repository = f"segformer-b{number}-{side}x{side}-ade-160k"
    return _smp(
        f"segformer-b{number}", repository, what, size_mb=size_mb, license=NVIDIA, look=look, non_commercial=True
    )


def _eomt(
    spec: str, repository: str, what: str, *, vocabulary: str, instances: str, look: Look, size_mb: int
) -> Choice:
    found = hub.Repository(id=f"tue-mps/{repository}", files=hub.TRANSFORMERS_FILES, license="MIT")
    return Choice(
        spec=spec,
        what=what,
        family="transformers",
        vocabulary=vocabulary,
        instances=instances,
        license="MIT",
        source=found.address,
        revision=found.revision,
        look=look,
        size_mb=size_mb,
        extra="segmenters",
        repository=found,
    )


def _eomt_coco(size: str, repository: str, size_mb: int) -> Choice:
    look = Look(shorter_px=640, longer_px=640, step_px=16, is_fixed=True)
    what = f"EoMT {size}, panoptic: it tells people, cars and animals apart"
    return _eomt(
        f"eomt-{size}-coco",
        f"coco_panoptic_eomt_{repository}",
        what,
        vocabulary="cocopanoptic",
        instances="panoptic",
        look=look,
        size_mb=size_mb,
    )


def _deeplabv3(spec: str, what: str, pin: weights.Pin) -> Choice:
    return Choice(
        spec=spec,
        what=f"{what}; its 21 classes have no sky, water or mountain: of no use to landscape",
        family="torchvision",
        vocabulary="voc",
        license=pin.license,
        source=pin.url,
        look=DEEPLABV3_LOOK,
        size_mb=(pin.about_bytes or 0) // 1_000_000,
        pin=pin,
    )


CHOICES: tuple[Choice, ...] = (
    Choice(
        spec=DEFAULT,
        what="our own small DeepLabV3+ with MobileNetV2: quick, and needs no download",
        family="embedded",
        license="LicenseRef-gauganpipe",
        source="this package",
        look=EMBEDDED_LOOK,
        size_rule="longer side 385, multiples of 16 and one more",
        proven=True,
    ),
    Choice(
        spec="deeplabv2-cocostuff164k",
        what="DeepLabV2 with ResNet-101 at three scales, the paper's own: seconds a photo without a GPU",
        family="torch",
        vocabulary="cocostuff",
        license=weights.DEEPLABV2_COCOSTUFF164K.license,
        source=weights.DEEPLABV2_COCOSTUFF164K.url,
        revision="v1.0",
        look=DEEPLABV2_LOOK,
        size_mb=(weights.DEEPLABV2_COCOSTUFF164K.about_bytes or 0) // 1_000_000,
        pin=weights.DEEPLABV2_COCOSTUFF164K,
    ),
    _upernet("tiny", 237),
    _upernet("small", 324),
    _upernet("base", 484),
    _upernet("large", 933),
    _segformer(0, 15),
    _segformer(1, 55),
    _segformer(2, 110),
    _segformer(3, 190),
    _segformer(4, 257),
    _segformer(5, 339),
    _smp(
        "dpt-large",
        "dpt-large-ade20k",
        "DPT with a large vision transformer",
        size_mb=1370,
        license="Apache-2.0",
        look=DPT_LOOK,
    ),
    _eomt_coco("small", "small_640_2x", 97),
    _eomt_coco("base", "base_640_2x", 373),
    _eomt_coco("large", "large_640", 1277),
    _eomt(
        "eomt-large-ade",
        "ade20k_semantic_eomt_large_512",
        "EoMT large",
        vocabulary="ade20k",
        instances="components",
        look=Look(shorter_px=512, longer_px=2048, step_px=16, is_fixed=True),
        size_mb=1277,
    ),
    _deeplabv3("deeplabv3-resnet101", "torchvision's DeepLabV3 with ResNet-101", DEEPLABV3_RESNET101),
    _deeplabv3("deeplabv3-mobilenet", "torchvision's DeepLabV3 with MobileNetV3", DEEPLABV3_MOBILENET),
    Choice(
        spec=f"ANY{OVERLAY}",
        what="any other one, and the things that Mask R-CNN finds pasted over its label maps",
        family="overlay",
        is_open=True,
        instances="things",
        license=MASKRCNN.license,
        source=MASKRCNN.url,
        look=None,
        size_mb=(MASKRCNN.about_bytes or 0) // 1_000_000,
        pin=MASKRCNN,
    ),
    Choice(
        spec="smp:ID|FOLDER",
        what="a network of segmentation-models-pytorch: a folder of yours, or a repository of the Hugging Face hub",
        family="smp",
        is_open=True,
        license="unknown",
        source="yours",
        look=Look(shorter_px=512, longer_px=2048),
    ),
    Choice(
        spec="hf:ID|FOLDER",
        what="a network of transformers: a folder of yours, or a repository of the Hugging Face hub; one called "
        "panoptic tells things apart",
        family="transformers",
        is_open=True,
        license="unknown",
        source="yours",
        extra="segmenters",
    ),
    Choice(
        spec="torch:FILE",
        what="your weights of DeepLabv3+ MobileNetV2 or DeepLabV2 ResNet-101, class names in a JSON beside them",
        family="torch",
        is_open=True,
        license="unknown",
        source="yours",
        proven=True,
    ),
    Choice(
        spec="maps:FOLDER",
        what="label maps of yours: PNGs of class ids, or painted in the colours of the classes, named like their "
        "photos; of other classes than the workspace's with ?taxonomy=NAME behind the folder",
        family="maps",
        instances="given",
        license="unknown",
        source="yours",
        proven=True,
    ),
)
"""In the order in which a person would try them."""
