"""The settings of a training run: declared, defaulted, documented and checked once."""

from typing import Any, Literal, Self

import pydantic
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_core import PydanticCustomError

DOUBLINGS = {"normal": 5, "more": 6, "most": 7}
"""How often a generator doubles its size, by `model.upsampling`."""


class Section(pydantic.BaseModel):
    """A frozen group of settings that knows all its names."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def is_no_truth_for_a_number(cls, value: Any, info: pydantic.ValidationInfo) -> Any:
        number = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and number in (int, float):
            raise PydanticCustomError("number", "an integer" if number is int else "a number")
        return value


class Data(Section):
    """How photos and label maps become a batch."""

    crop_size: int = Field(256, ge=16, le=2048, description="width of the pictures trained on, in pixels")
    aspect: float = Field(1.0, gt=0.1, lt=10, description="width of the pictures divided by their height")
    crop_margin: float = Field(
        0.117,
        ge=0,
        le=4,
        description="how much larger than the crop photos are made before it is cut, as a share; more wanders more",
    )
    flip: bool = Field(True, description="mirror half of the pictures left to right")
    zoom: float = Field(
        0.0,
        ge=0,
        le=1,
        description="how much the size of what is cut out varies: 0 always the crop, 1 up to the whole scaled photo, "
        "which is then shrunk; needs a crop_margin to have room",
    )
    keep_horizon: bool = Field(
        False, description="cut so that the end of the sky stays in the picture, where the photo has one"
    )
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="photos with a class that fewer than this share of all photos have are shown more often; "
        "0 shows all alike",
    )
    warp: float = Field(
        0.0,
        ge=0,
        le=0.25,
        description="how far label maps are bent for the generator alone, as a share of the crop's width; 0 not at all",
    )
    edges: bool = Field(True, description="show the networks the edges between instances, where samples have instances")
    workers: int = Field(2, ge=0, le=256, description="processes that read photos; 0 reads in the training process")
    cache_mb: NonNegativeInt = Field(
        4096,
        description="megabytes of decoded, scaled photos kept in a file of the run while it trains, so that each is "
        "decoded once; 0 keeps none",
    )

    @property
    def crop(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return round(self.crop_size / self.aspect), self.crop_size


class Augmentation(Section):
    """How pictures and photos are changed, alike, before the discriminator looks at them."""

    colour: bool = Field(False, description="change brightness, saturation and contrast")
    translation: float = Field(
        0.0, ge=0, le=0.5, description="shift by up to this share of the sides, the label map with the picture"
    )
    cutout: float = Field(0.0, ge=0, le=0.9, description="hide a square whose sides are this share of the picture's")

    @property
    def is_on(self) -> bool:
        return self.colour or self.translation > 0 or self.cutout > 0


class Model(Section):
    """The shapes of the networks."""

    method: Literal["spade"] = Field("spade", description="how pictures are made from label maps")
    width: int = Field(
        64, ge=4, le=256, description="channels of the generator's last block; its first has 16 times as many"
    )
    upsampling: Literal["normal", "more", "most"] = Field(
        "normal",
        description="how often the generator doubles its size: 5, 6 or 7 times; more sees further and costs more",
    )
    norm: Literal["batch", "syncbatch", "instance"] = Field(
        "batch",
        description="what features are normalised over before labels modulate them; syncbatch: over all devices",
    )
    kernel_size: Literal[1, 3, 5, 7] = Field(
        3, description="side of the windows through which labels modulate, in pixels"
    )
    modulation: Literal["windows", "classes"] = Field(
        "windows",
        description="what scale and shift of a pixel depend on: on the labels around it, as in SPADE, or on its own "
        "class alone, which is cheaper and forgets shapes",
    )
    spectral: bool = Field(True, description="spectral normalisation of the convolutions of all networks")
    style_encoder: bool = Field(
        False, description="draw a style from a photo, so that one label map can have many pictures"
    )
    style_size: int = Field(256, ge=1, le=4096, description="numbers that make a style")
    noise_size: int = Field(
        0,
        ge=0,
        le=1024,
        description="random numbers a picture that stand beside its labels, so that one label map can have many "
        "pictures without a style encoder; 0 for none",
    )
    discriminator: Literal["patches", "segments"] = Field(
        "patches",
        description="patches judges patches of a picture with its labels, as in SPADE; segments names the class of "
        "every pixel, or fake, as in OASIS",
    )
    discriminator_width: int = Field(64, ge=4, le=512, description="channels of the discriminator's first layer")
    discriminator_layers: int = Field(4, ge=2, le=8, description="layers of a discriminator before its verdict")
    discriminator_norm: Literal["instance", "batch", "syncbatch", "none"] = Field(
        "instance", description="normalisation inside the discriminator"
    )
    scales: int = Field(2, ge=1, le=4, description="discriminators, each looking at half the size of the one before")


class Losses(Section):
    """What the networks are taught by."""

    adversarial: Literal["hinge", "least_squares", "original", "wasserstein"] = Field(
        "hinge", description="the game between generator and discriminator; original is cross-entropy"
    )
    features: NonNegativeFloat = Field(
        10.0, description="weight of matching the discriminator's features of the real photo"
    )
    perceptual: NonNegativeFloat = Field(
        10.0, description="weight of matching a pretrained network's features; needs perceptual_weights"
    )
    perceptual_weights: str = Field(
        "",
        description="file with the weights of VGG-19, MobileNetV2 or SqueezeNet, or `segmenter` for those of the "
        "embedded one; empty leaves the perceptual loss out",
    )
    perceptual_normalise: bool = Field(
        True, description="give the pretrained network colours as it knows them; the reference does not"
    )
    unknown_teaches: bool = Field(
        False, description="whether pixels without a class are judged too, as the reference does"
    )
    class_weight_limit: PositiveFloat = Field(
        10.0, description="the most that a pixel of a rare class counts, with discriminator=segments"
    )
    label_mix: NonNegativeFloat = Field(
        10.0,
        description="weight of judging a mixture of picture and photo like the mixture of the judgements, with "
        "discriminator=segments",
    )
    kl: NonNegativeFloat = Field(
        0.05, description="weight that keeps styles near a normal distribution; used with a style encoder"
    )


class Optimizer(Section):
    """How the networks learn."""

    generator_learning_rate: PositiveFloat = Field(
        1e-4, le=1, description="step size of the generator and the style encoder"
    )
    discriminator_learning_rate: PositiveFloat = Field(4e-4, le=1, description="step size of the discriminator")
    beta1: float = Field(0.0, ge=0, lt=1, description="share of the past in Adam's direction")
    beta2: float = Field(0.9, ge=0, lt=1, description="share of the past in Adam's scale")


class Training(Section):
    """How long, how much at once, what is kept."""

    images: NonNegativeInt = Field(0, description="photos to show in all; 0 shows every training photo `epochs` times")
    epochs: NonNegativeFloat = Field(200, description="how often every training photo is shown, when `images` is 0")
    decay_from: float = Field(
        0.5, ge=0, le=1, description="share of the images after which learning rates fall, in a line, to zero"
    )
    decay: Literal["linear", "cosine"] = Field("linear", description="how learning rates fall")
    warmup_images: NonNegativeInt = Field(
        0, description="images over which learning rates rise from zero, before anything else"
    )
    batch_size: PositiveInt = Field(32, description="photos a step, over all devices")
    accumulate: PositiveInt = Field(
        1,
        description="parts of a batch that are learned from one after another, to need less memory; norms over a batch "
        "then see one part at a time",
    )
    precision: Literal["float32", "bf16"] = Field(
        "float32", description="numbers that networks compute with; bf16 is faster on GPUs"
    )
    fresh_pictures: bool = Field(
        True,
        description="paint anew for the discriminator once the generator has learned, as the reference does; false "
        "shows it the picture the generator learned from, and saves a quarter of the time",
    )
    device: Literal["auto", "cpu"] = Field("auto", description="auto takes the GPU where there is one")
    ema_images: NonNegativeInt = Field(
        10_000, description="half-life of the averaged weights, in images; 0 keeps no average"
    )
    ema_rampup: PositiveFloat = Field(
        0.05, description="the half-life is at most this share of the images shown so far"
    )
    sample_every_images: PositiveInt = Field(20_000, description="images between two sheets of samples")
    checkpoint_every_images: PositiveInt = Field(20_000, description="images between two checkpoints")
    keep_checkpoints: PositiveInt = Field(2, description="newest checkpoints kept, beside the best; older ones go")
    score_every_images: NonNegativeInt = Field(
        20_000, description="images between two scores on the validation photos; 0 never scores"
    )
    score_weights: str = Field(
        "segmenter",
        description="whose features scores are taken in: a file as for perceptual_weights, or `segmenter`; never those "
        "that the perceptual loss uses",
    )
    patience: NonNegativeInt = Field(
        0, description="end after so many scores in a row that are no better than the best; 0 trains to the end"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="start of all randomness: weights, order, crops, styles")

    @pydantic.model_validator(mode="after")
    def has_an_end(self) -> Self:
        if not self.images and not self.epochs:
            raise ValueError(
                "training.images and training.epochs are both 0, expected one of them to say how long to train"
            )
        return self

    def images_in_all(self, photos: int) -> int:
        """Images shown by the whole run on so many training photos: whole batches, so the last may go over `images`."""
        images = self.images or round(self.epochs * photos)
        return max(1, -(-images // self.batch_size)) * self.batch_size


class Settings(Section):
    """All that a run is made from, beside its samples."""

    data: Data = Data()
    augmentation: Augmentation = Augmentation()
    model: Model = Model()
    losses: Losses = Losses()
    optimizer: Optimizer = Optimizer()
    training: Training = Training()

    @pydantic.model_validator(mode="after")
    def fits_together(self) -> Self:
        if self.model.noise_size and self.model.style_encoder:
            raise ValueError(
                f"model.noise_size is {self.model.noise_size} and model.style_encoder is true, expected one of them: "
                "both make one label map have many pictures"
            )
        parts = self.training.accumulate
        if self.training.batch_size % parts:
            raise ValueError(
                f"training.batch_size is {self.training.batch_size}, expected a multiple of training.accumulate={parts}"
            )
        scores = self.training.score_every_images and self.training.score_weights
        if scores and self.losses.perceptual and scores == self.losses.perceptual_weights:
            raise ValueError(
                f"training.score_weights and losses.perceptual_weights are both {scores!r}, expected two: what is "
                "learned from says nothing of how well it is learned. Set training.score_weights=patches"
            )
        return self

    @pydantic.model_validator(mode="after")
    def has_something_to_normalise(self) -> Self:
        multiple = 2 ** DOUBLINGS[self.model.upsampling]
        is_one_pixel = max(self.data.crop) < 2 * multiple
        at_once = self.training.batch_size // self.training.accumulate
        if is_one_pixel and (self.model.norm == "instance" or at_once == 1):
            parts = self.training.accumulate
            batch = f"training.batch_size={self.training.batch_size}"
            batch += f" in training.accumulate={parts} parts" if parts > 1 else ""
            raise ValueError(
                f"data.crop_size is {self.data.crop_size}, so the generator begins with a single pixel, which cannot "
                f"be normalised with model.norm={self.model.norm} and {batch}. "
                f"Set data.crop_size={2 * multiple} or more"
            )
        return self
