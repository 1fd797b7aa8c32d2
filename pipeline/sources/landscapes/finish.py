"""What is done to the whole picture: soft ridges, and the last tone."""

from functools import cache

import cv2
import numpy as np

from pipeline.sources.landscapes.terrain import Terrain


def smooth_ridges(photo: np.ndarray, terrain: Terrain) -> np.ndarray:
    """The photo with softened edges where near land meets far land or sky. photo: (H, W, 3) uint8."""
    closeness = 1 / terrain.distance
    edge = np.zeros(closeness.shape, np.float32)
    jump = np.abs(closeness[1:] - closeness[:-1]) > 0.12 * np.maximum(closeness[1:], closeness[:-1])
    jump &= terrain.distance[1:] > 12
    edge[1:] = jump
    edge[:-1] = np.maximum(edge[:-1], jump)
    edge = cv2.blur(edge, (3, 3)).ravel()
    soft = cv2.GaussianBlur(photo, (3, 3), 0.8).reshape(-1, 3)
    smooth = photo.reshape(-1, 3).copy()
    at = np.flatnonzero(edge)
    hard = smooth[at]
    smooth[at] = hard + np.minimum(edge[at] * 2, 1)[:, None] * (soft[at].astype(np.float32) - hard) + 0.5
    return smooth.reshape(photo.shape)


def finish(photo: np.ndarray) -> np.ndarray:
    """A little more contrast and colour, and darker corners. photo: (H, W, 3) uint8."""
    away = (np.arange(photo.shape[0], dtype=np.float32) + 0.5) / photo.shape[0] - 0.5
    corners = 1 - 0.34 * np.square(away[:, None] ** 2 + away[None, :] ** 2)
    return (cv2.LUT(photo, _tone()) * cv2.merge((corners, corners, corners))).astype(np.uint8)


@cache
def _tone() -> np.ndarray:
    """(256,) float32: a curve that is a little steeper in the middle."""
    value = np.arange(256, dtype=np.float32) / 255
    curved = value * value * (3 - 2 * value)
    return np.minimum(255 * (0.9 * value + 0.1 * curved) + 0.5, 255).astype(np.float32)
