"""Which way of computing is the quickest here, measured on a few photos: every way must give nearly the same labels."""

import time
from collections.abc import Sequence

import numpy as np

from pipeline.segmenters.segmenter import Segmenter

LEAST_AGREEMENT = 0.99
"""Share of the pixels that must be labelled as by the exact way."""
LEAST_GAIN = 1.15
"""Another way is only taken when it is this many times as quick, so that noise decides nothing."""
ROUNDS = 3
"""Each photo is taken so often, and the quickest time counts."""


def fastest_numerics(segmenter: Segmenter, photos: Sequence[np.ndarray]) -> str:
    """The quickest of a segmenter's ways of computing that agrees with the exact one; "" where there is no choice.

    photos: a few, each (H, W, 3) uint8 RGB.
    """
    if not segmenter.numerics_choices:
        return ""
    exact = segmenter.numerics_choices[0]
    reference, best_seconds = _measure(segmenter.computing(exact), photos)
    best = exact
    for numerics in segmenter.numerics_choices[1:]:
        labels, seconds = _measure(segmenter.computing(numerics), photos)
        same = sum((one == other).sum() for one, other in zip(labels, reference, strict=True))
        agreement = same / max(sum(one.size for one in reference), 1)
        if agreement >= LEAST_AGREEMENT and seconds * LEAST_GAIN <= best_seconds:
            best, best_seconds = numerics, seconds
    return best


def _measure(segmenter: Segmenter, photos: Sequence[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """The label maps, and the seconds that the model itself took for all photos."""
    labels, seconds = [], 0.0
    for photo in photos:
        prepared = segmenter.prepare(photo, "", photo.shape[:2])
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            result = segmenter.run(prepared)
            times.append(time.perf_counter() - began)
        labels.append(segmenter.finish(result).ids)
        seconds += min(times)
    return labels, seconds
