"""Doubts about a label map that are seen without its photo: flags for a person, never corrections."""

import numpy as np

from pipeline.classes import UNKNOWN, Taxonomy, load_taxonomy, translate_classes

SKY = ("sky", "clouds")
WATER = ("water", "sea", "river")
LOOKED_AT_PX = 128
"""The map is looked at coarsely: about so many pixels along its longer side."""
LEAST_SHARE = 0.02
"""A class that covers less than this share of the map raises no doubt."""
LEAST_COLUMNS = 0.2
"""Water stands above sky in at least this share of the columns that have both."""


def doubts(ids: np.ndarray, taxonomy: Taxonomy) -> tuple[str, ...]:
    """sky-below: no sky touches the top of the picture. water-above-sky: in many columns, sky lies below water.

    ids: (H, W) uint8, class ids of the taxonomy, 255 unknown.
    """
    step = max(1, max(ids.shape) // LOOKED_AT_PX)
    sky, water = (_mask(ids[::step, ::step], taxonomy, names) for names in (SKY, WATER))
    found = []
    if sky.mean() >= LEAST_SHARE and not sky[0].any():
        found.append("sky-below")
    if sky.mean() >= LEAST_SHARE and water.mean() >= LEAST_SHARE:
        both = sky.any(axis=0) & water.any(axis=0)
        lowest_sky = len(sky) - 1 - sky[::-1].argmax(axis=0)
        highest_water = water.argmax(axis=0)
        if both.any() and (highest_water < lowest_sky)[both].mean() >= LEAST_COLUMNS:
            found.append("water-above-sky")
    return tuple(found)


def _mask(ids: np.ndarray, taxonomy: Taxonomy, names: tuple[str, ...]) -> np.ndarray:
    """(H, W) bool: where the map has a class that means one of these of `landscape`."""
    landscape = load_taxonomy()
    wanted = [landscape.id_of(name) for name in names]
    lookup = np.zeros(256, dtype=bool)
    lookup[: len(taxonomy)] = np.isin(translate_classes(taxonomy, landscape), wanted)
    lookup[UNKNOWN] = False
    return lookup[ids]
