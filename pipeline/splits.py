"""Which part of the data set a group of photos belongs to: a function of the seed, the group and what was asked for."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from pipeline.about import About
from pipeline.errors import GauganpipeError, ManifestError

PLACE = "split"
"""Where `About.parameters` keeps what was asked for."""


@dataclass(frozen=True, kw_only=True)
class Splits:
    """How many photos in a hundred are for validation and for tests; the others are for training.

    Raises: GauganpipeError when they leave none for training.
    """

    val: float = 10
    test: float = 10

    def __post_init__(self) -> None:
        shares = (self.val, self.test)
        if not all(math.isfinite(share) and share >= 0 for share in shares) or sum(shares) >= 100:
            said = f"--val {self.val:g} --test {self.test:g}"
            raise GauganpipeError(f"{said} leaves no photos to train on. Say percentages whose sum is below 100")

    def draw(self, seed: int, group: str) -> str:
        """The split of a group: always the same, whatever other groups there are."""
        position = int(hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()[:12], 16) / 16**12
        if position < (100 - self.val - self.test) / 100:
            return "train"
        return "val" if position < (100 - self.test) / 100 else "test"


DEFAULT = Splits()


def kept(about: About) -> Splits:
    """What was asked for, or the defaults where nobody has.

    Raises: ManifestError when dataset.json keeps something that nobody can have said.
    """
    said: Mapping[str, str] = about.parameters.get(PLACE, {})
    try:
        return Splits(**{one.name: float(said[one.name]) for one in fields(Splits) if one.name in said})
    except (ValueError, TypeError, GauganpipeError):
        what = f"{PLACE} says {dict(said)}, expected percentages whose sum is below 100"
        raise ManifestError(f"manifests/dataset.json: {what}") from None


def decide(about: About, *, val: float | None, test: float | None, seed: int | None) -> About:
    """What the workspace says after this command; None means what was said last.

    Raises: GauganpipeError when no photos are left to train on.
    """
    before = kept(about)
    now = replace(before, **{name: said for name, said in (("val", val), ("test", test)) if said is not None})
    others = {place: said for place, said in about.parameters.items() if place != PLACE}
    said = {one.name: f"{getattr(now, one.name):g}" for one in fields(Splits)}
    parameters = others if now == DEFAULT else {**others, PLACE: said}
    return replace(about, parameters=parameters, seed=about.seed if seed is None else seed)
