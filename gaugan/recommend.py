"""Which preset suits a number of photos and a device, for whoever does not want to choose."""

from dataclasses import dataclass

GIGABYTE = 1e9
MANY_PHOTOS = 10_000
"""From here on the paper's networks are taught more than they can learn by heart."""
LARGE_GPU_GB, MEDIUM_GPU_GB = 20.0, 7.0
PRESETS = ("small", "spade")
"""Those that are recommended."""


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """A preset, what is set otherwise than there, and why; the reason is a part of a sentence."""

    preset: str
    assignments: tuple[str, ...]
    reason: str


def recommend(*, photos: int, device: str, memory_bytes: int) -> Recommendation:
    """What to train on so many photos.

    device: cpu, cuda or mps.    memory_bytes: what it has free.
    """
    gigabytes, number = memory_bytes / GIGABYTE, f"{photos:,} photo{'s' * (photos != 1)}"
    if device == "cpu":
        return Recommendation(
            preset="small",
            assignments=(
                *("crop_size=64", "model.width=16", "discriminator_width=16", "images=20000"),
                *("sample_every_images=2000", "score_every_images=2000", "checkpoint_every_images=2000"),
            ),
            reason=f"{number} and no GPU: pictures of 64 px, and networks of half its width",
        )
    if photos >= MANY_PHOTOS and gigabytes >= LARGE_GPU_GB:
        return Recommendation(
            preset="spade",
            assignments=(),
            reason=f"{number} and a GPU with {gigabytes:.0f} GB free: the paper's networks",
        )
    if gigabytes >= MEDIUM_GPU_GB:
        return Recommendation(
            preset="small",
            assignments=("crop_size=256",) if gigabytes >= LARGE_GPU_GB else (),
            reason=f"{number} and a GPU with {gigabytes:.0f} GB free: networks that learn few photos without knowing "
            "them by heart",
        )
    return Recommendation(
        preset="small",
        assignments=("accumulate=2",),
        reason=f"{number} and a GPU with only {gigabytes:.0f} GB free: batches learned in parts",
    )
