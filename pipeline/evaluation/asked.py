"""What `gauganpipe evaluate` is asked for, and what of it makes no sense."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pipeline.errors import RunError
from pipeline.rows import SPLITS

PRIOR, SELF, BOTH = "prior", "self", "both"
"""Styles that are drawn; each photo's own, which the encoder takes from it; one after the other."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be judged, and by whom.

    runs: folders; none means the newest.    inception: its weights file; None looks where such files are kept.
    downloads: whether what is missing may be fetched.    features: weights files of other networks to see through.
    segmenter: "" for the one that labelled the workspace.    limit: so many photos at most; None takes all.
    width_px: of the pictures; None is the size that the runs were trained at.    seed: of the styles.
    out: a folder that takes everything in the place of the runs' own.
    """

    runs: tuple[Path, ...] = ()
    split: str = "test"
    inception: Path | None = None
    downloads: bool = False
    features: tuple[Path, ...] = ()
    segmenter: str = ""
    limit: int | None = None
    width_px: int | None = None
    seed: int = 0
    style: str = PRIOR
    has_page: bool = True
    out: Path | None = None

    @property
    def styles(self) -> tuple[str, ...]:
        return (PRIOR, SELF) if self.style == BOTH else (self.style,)


def refuse_nonsense(asked: Asked) -> None:
    """Raises: RunError where a word is none of those that there are, or a file is not there."""
    if asked.split not in SPLITS:
        raise RunError(f"there is no split '{asked.split}'. Take one of {', '.join(SPLITS)}")
    if asked.style not in (PRIOR, SELF, BOTH):
        raise RunError(f"there is no style '{asked.style}'. Take one of {PRIOR}, {SELF}, {BOTH}")
    for file in (*asked.features, *([asked.inception] if asked.inception else [])):
        if not file.is_file():
            raise RunError(f"there is no weights file {file}. Name one that is there")
    if asked.out is not None and asked.out.exists() and not asked.out.is_dir():
        raise RunError(f"{asked.out} is a file. Name a folder with --out")


def demand_libraries(asked: Asked) -> None:
    """Raises: RunError when what a part of this needs is not installed."""
    if asked.has_page and not (find_spec("jinja2") and find_spec("matplotlib")):
        raise RunError(
            "the page needs jinja2 and matplotlib, which are not installed. Run pip install 'gauganpipe[report]', or "
            "leave it out with --no-page"
        )
    if SELF in asked.styles and not find_spec("torchmetrics"):
        raise RunError(
            "PSNR and SSIM need torchmetrics, which is not installed. Run pip install 'gauganpipe[evaluate]', or "
            "judge by drawn styles alone: --style prior"
        )
