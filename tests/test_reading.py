"""Files to tensors: where a wrong class stands, what becomes of maps at another size, and who hears of warnings."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from gaugan.errors import DataError
from gaugan.reading import Scaled, read_labels, resized


def save_labels(path, values):
    Image.fromarray(np.array(values, dtype=np.uint8)).save(path)
    return path


def test_the_first_pixel_of_a_wrong_class_is_named_in_reading_order(tmp_path):
    path = save_labels(tmp_path / "l.png", [[0, 1, 255], [4, 4, 9], [7, 9, 0]])

    with pytest.raises(DataError, match=r"l\.png holds class 9, .* for unknown: look at column 2, row 1$"):
        read_labels(path, classes=5)


def test_the_class_after_the_last_is_wrong(tmp_path):
    with pytest.raises(DataError, match="holds class 5, expected 0 to 4"):
        read_labels(save_labels(tmp_path / "l.png", [[5]]), classes=5)


def test_the_last_class_and_unknown_are_right(tmp_path):
    assert read_labels(save_labels(tmp_path / "l.png", [[4, 255]]), classes=5).tolist() == [[4, 255]]


def test_maps_at_another_size_hold_ids_that_were_there():
    labels = torch.tensor([[0, 9, 0, 9], [7, 255, 7, 3]], dtype=torch.uint8)
    scaled = Scaled(image=labels.expand(3, 2, 4), labels=labels, instances=200 * labels.int())

    smaller = resized(scaled, (1, 2))

    assert (smaller.labels.tolist(), smaller.instances.tolist()) == ([[255, 3]], [[51000, 600]])
    assert (smaller.image.shape, smaller.image.dtype) == ((3, 1, 2), torch.uint8)


def test_reading_in_threads_changes_no_filter_of_others(tmp_path):
    path = save_labels(tmp_path / "l.png", [[0, 1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_labels(path, classes=5)
        before = list(warnings.filters)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: read_labels(path, classes=5), range(400)))

        assert warnings.filters == before
        with pytest.raises(DeprecationWarning):
            warnings.warn("of another module", DeprecationWarning, stacklevel=1)
