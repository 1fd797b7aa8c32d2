"""Which way of computing is the quickest here, measured on a few photos: every way must give nearly the same labels."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from pipeline.segmenters.segmenter import Segmenter

LEAST_AGREEMENT = 0.99
"""Share of the pixels that must be labelled as by the exact way."""
LEAST_GAIN = 1.15
"""Another way is only taken when it is this many times as quick, so that noise decides nothing."""
ROUNDS = 3
"""Each photo is taken so often, and the quickest time counts."""


def fastest_numerics(segmenter: Segmenter, prepared: Sequence[Any]) -> str:
    """The quickest of a segmenter's ways of computing that agrees with the exact one; "" where there is no choice.

    A segmenter of many hands is measured in a thread of its own, as it labels: there it has one core a photo.
    prepared: a few photos, each as the segmenter's `prepare` gives it.
    """
    if not segmenter.numerics_choices:
        return ""
    if not segmenter.is_many_handed:
        return _fastest(segmenter, prepared)
    with ThreadPoolExecutor(1, thread_name_prefix="numerics") as hand:
        return hand.submit(_fastest, segmenter, prepared).result()


def _fastest(segmenter: Segmenter, prepared: Sequence[Any]) -> str:
    exact = segmenter.numerics_choices[0]
    reference, best_seconds = _measure(segmenter.computing(exact), prepared)
    best = exact
    for numerics in segmenter.numerics_choices[1:]:
        labels, seconds = _measure(segmenter.computing(numerics), prepared)
        same = sum((one == other).sum() for one, other in zip(labels, reference, strict=True))
        agreement = same / max(sum(one.size for one in reference), 1)
        if agreement >= LEAST_AGREEMENT and seconds * LEAST_GAIN <= best_seconds:
            best, best_seconds = numerics, seconds
    return best


def _measure(segmenter: Segmenter, prepared: Sequence[Any]) -> tuple[list[np.ndarray], float]:
    """The label maps, and the seconds that the model itself took for all photos."""
    labels, seconds = [], 0.0
    for photo in prepared:
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            result = segmenter.run(photo)
            times.append(time.perf_counter() - began)
        labels.append(segmenter.finish(result).ids)
        seconds += min(times)
    return labels, seconds
