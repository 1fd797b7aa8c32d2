"""Settings of a training run: declared, defaulted, documented and checked once."""

import difflib
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

import pydantic
import tomli_w
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_core import PydanticCustomError

from gaugan.errors import SettingsError

DOUBLINGS = {"normal": 5, "more": 6, "most": 7}


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
    spectral: bool = Field(True, description="spectral normalisation of the convolutions of all networks")
    style_encoder: bool = Field(
        False, description="draw a style from a photo, so that one label map can have many pictures"
    )
    style_size: int = Field(256, ge=1, le=4096, description="numbers that make a style")
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
        "", description="file with the pretrained network's weights; empty leaves the perceptual loss out"
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
    batch_size: PositiveInt = Field(32, description="photos a step, over all devices")
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
    keep_checkpoints: PositiveInt = Field(2, description="newest checkpoints kept; older ones are removed")
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
    model: Model = Model()
    losses: Losses = Losses()
    optimizer: Optimizer = Optimizer()
    training: Training = Training()

    @pydantic.model_validator(mode="after")
    def has_something_to_normalise(self) -> Self:
        multiple = 2 ** DOUBLINGS[self.model.upsampling]
        is_one_pixel = max(self.data.crop) < 2 * multiple
        if is_one_pixel and (self.model.norm == "instance" or self.training.batch_size == 1):
            raise ValueError(
                f"data.crop_size is {self.data.crop_size}, so the generator begins with a single pixel, which cannot "
                f"be normalised with model.norm={self.model.norm} and training.batch_size={self.training.batch_size}. "
                f"Set data.crop_size={2 * multiple} or more"
            )
        return self


@dataclass(frozen=True, kw_only=True)
class Explained:
    """A setting, for a page of help.    name: section.name."""

    name: str
    value: Any
    description: str


def load_settings(preset: str | Path = "spade", assignments: Sequence[str] = ()) -> Settings:
    """Defaults, overruled by a preset, overruled by assignments.

    preset: the name of a shipped preset, or the path of a TOML file of the same form.
    assignments: `section.name=value`, or `name=value` where one section alone has that name.
    Raises: SettingsError on an unknown preset or name, or a value that cannot be.
    """
    values = read_preset(preset)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise SettingsError(f"{assignment!r} sets nothing. Write it as name=value")
        section, field = resolve(name.strip())
        values.setdefault(section, {})[field] = parse(text.strip())
    return check(values)


def loads(text: str) -> Settings:
    """Settings from the text that `dumps` wrote. Raises: SettingsError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"the settings are no TOML: {error}") from error
    refuse_unknown(values, "the settings")
    return check(values)


def dumps(settings: Settings) -> str:
    """TOML with every setting in it."""
    return tomli_w.dumps(settings.model_dump(mode="json"))


def explain(settings: Settings) -> Iterator[Explained]:
    """Every setting with its value and its documentation, in order."""
    for section_name, section in settings:
        for name, field in type(section).model_fields.items():
            yield Explained(
                name=f"{section_name}.{name}", value=getattr(section, name), description=field.description or ""
            )


def presets() -> list[str]:
    """Names of the presets that are shipped."""
    return sorted(file.name.removesuffix(".toml") for file in presets_folder().iterdir() if file.name.endswith(".toml"))


def presets_folder() -> Any:
    return resources.files("gaugan").joinpath("presets")


def read_preset(preset: str | Path) -> dict[str, dict[str, Any]]:
    path = Path(preset)
    if path.suffix == ".toml":
        if not path.is_file():
            raise SettingsError(f"no settings at {path}. Shipped presets: {', '.join(presets())}")
        text, where = path.read_text(encoding="utf-8"), str(path)
    elif str(preset) in presets():
        text, where = presets_folder().joinpath(f"{preset}.toml").read_text(encoding="utf-8"), f"preset {preset}"
    else:
        known = ", ".join(presets())
        file = path.with_name(f"{path.name}.toml")
        meant = f"; did you mean {file}?" if file.is_file() else suggestion(str(preset), presets())
        raise SettingsError(f"no preset {str(preset)!r} among {known}{meant}")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where} is no TOML: {error}") from error
    refuse_unknown(values, where)
    return values


def names() -> dict[str, list[str]]:
    """Names of every section."""
    return {section: list(field.annotation.model_fields) for section, field in Settings.model_fields.items()}


def resolve(name: str) -> tuple[str, str]:
    """Section and name meant by `section.name` or a bare `name`."""
    known = [(section, field) for section, fields in names().items() for field in fields]
    found = [pair for pair in known if name in (".".join(pair), pair[1])]
    if len(found) == 1:
        return found[0]
    if found:
        raise SettingsError(f"{name!r} is in several sections. Write one of: {', '.join(map('.'.join, found))}")
    raise SettingsError(f"unknown setting {name!r}{suggest_setting(name)}")


def refuse_unknown(values: dict[str, Any], where: str) -> None:
    for section, fields in values.items():
        if section not in names():
            raise SettingsError(f"{where}: unknown section [{section}]{suggestion(section, list(names()))}")
        if not isinstance(fields, dict):
            raise SettingsError(f"{where}: [{section}] is {fields!r}, expected a section with settings")
        for field in fields:
            if field not in names()[section]:
                raise SettingsError(
                    f"{where}: unknown setting '{section}.{field}'{suggest_setting(f'{section}.{field}')}"
                )


def suggest_setting(name: str) -> str:
    known = {".".join((section, field)): field for section, fields in names().items() for field in fields}
    if "." in name:
        return suggestion(name, list(known))
    close = difflib.get_close_matches(name, known.values(), n=1, cutoff=0.5)
    return f"; did you mean {next(full for full, bare in known.items() if bare == close[0])}?" if close else ""


def suggestion(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def parse(text: str) -> Any:
    """The value a TOML file would hold; words without quotes are words."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def check(values: dict[str, Any]) -> Settings:
    try:
        return Settings.model_validate(values)
    except pydantic.ValidationError as error:
        raise SettingsError(sentence(error.errors()[0])) from error


def sentence(error: Any) -> str:
    """What pydantic found, as one sentence that names the setting, its value and what was expected."""
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    expected = error["msg"].split(", unable to")[0].split(", got a number")[0].removeprefix("Input should be ")
    bounds = {"greater": "a number greater", "less": "a number less"}
    for word, instead in bounds.items():
        expected = instead + expected.removeprefix(word) if expected.startswith(word) else expected
    expected = (
        expected.replace("a valid ", "a ").replace("a integer", "an integer").replace("a boolean", "true or false")
    )
    return f"{'.'.join(map(str, error['loc']))} is {error['input']!r}, expected {expected}"
