"""Tables kept from picture to picture: after a stroke only windows that were never seen are computed.

Scale and shift of a pixel depend on the weights and on the labels in its window alone. Numbers of windows are those of
one map; so each window gets a lasting number, by what stands in it, and each layer a row for every lasting number.
"""

from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from gaugan.spade.conditions import Condition
from gaugan.spade.windows import odd_numbers

OUTSIDE = 0
"""What stands in a window of lasting numbers where the map ends; the numbers themselves begin behind it."""


class Layer(Protocol):
    """What makes rows of a table: a SPADE layer whose weights no longer change."""

    kernel_size: int

    def rows(self, condition: Condition, once: Tensor, twice: Tensor) -> Tensor: ...


class KeptTables:
    """The tables of a generator's layers, each with a row for every window that was seen.

    Made for one generator, and for weights that stay as they are. When it is full, all is forgotten and it begins anew.

    most_bytes: that are kept, beside the rows of one layer while they are looked up.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.forget()

    @property
    def bytes(self) -> int:
        """What is kept now."""
        numbered = sum(numbers.bytes for numbers in self._windows.values())
        return numbered + sum(table.bytes for table in self._tables.values())

    def forget(self) -> None:
        """Lets go of everything."""
        self._columns: dict[bytes, int] = {}
        self._windows: dict[tuple[int, str], _LastingNumbers] = {}
        self._tables: dict[Layer, _Table] = {}
        self._numbered: WeakKeyDictionary[Condition, dict[int, Tensor]] = WeakKeyDictionary()

    def table(self, layer: Layer, condition: Condition) -> tuple[Tensor, Tensor]:
        """Scales and shifts, (N, 2*channels), and the row of each pixel, (B, H, W) int64.

        The rows are those that `layer.rows` makes, up to rounding: it makes them in other company.
        """
        once, twice = condition.windows(layer.kernel_size)
        numbers = self._lasting_numbers(condition, layer.kernel_size)
        table = self._tables.setdefault(layer, _Table())
        places = table.places_of(numbers)
        is_new = places < 0
        if is_new.any():
            made = layer.rows(condition, *_without_others(once.rows, twice.rows[is_new]))
            places[is_new] = table.add(numbers[is_new], made)
        if self.bytes > self.most_bytes:
            self.forget()
        return table.rows, places[twice.index]

    def _lasting_numbers(self, condition: Condition, kernel_size: int) -> Tensor:
        """(U,) int64, of the distinct windows of windows of a map."""
        found = self._numbered.setdefault(condition, {})
        if kernel_size not in found:
            once, twice = condition.windows(kernel_size)
            pixels = torch.tensor(
                [*(self._number_of(column) for column in condition.columns.cpu().unbind()), OUTSIDE],
                device=once.rows.device,
            )
            hidden = self._numbers(kernel_size, "once").of(pixels[once.rows]) + 1
            hidden = torch.cat([hidden, hidden.new_tensor([OUTSIDE])])
            found[kernel_size] = self._numbers(kernel_size, "twice").of(hidden[twice.rows])
        return found[kernel_size]

    def _number_of(self, column: Tensor) -> int:
        """Of what a pixel can be, by its column in the one-hot map, and in the noise beside it."""
        return self._columns.setdefault(column.numpy().tobytes(), len(self._columns) + 1)

    def _numbers(self, kernel_size: int, which: str) -> "_LastingNumbers":
        key = kernel_size, which
        if key not in self._windows:
            self._windows[key] = _LastingNumbers()
        return self._windows[key]


class _LastingNumbers:
    """Numbers of windows, 0, 1, ... in the order in which they were first seen."""

    def __init__(self) -> None:
        self._keys: Tensor | None = None  # (N,) int64, ascending
        self._numbers: Tensor | None = None  # (N,) int64, of the windows with these keys
        self._windows = _Growing()  # (N, k*k) int64, in the order of their numbers

    @property
    def bytes(self) -> int:
        return self._windows.bytes + (0 if self._keys is None else 16 * len(self._keys))

    def of(self, windows: Tensor) -> Tensor:
        """windows: (U, k*k) int64, each different.    Returns (U,) int64."""
        multipliers = torch.tensor(odd_numbers(windows.shape[1]), device=windows.device)
        keys = (windows * multipliers).sum(1)
        if self._keys is None:
            self._keys, self._numbers = keys[:0], keys[:0]

        # A window is known where one of its key is the same in every place; two of one key are merely found slower.
        if len(self._keys):
            places = torch.searchsorted(self._keys, keys).clamp(max=len(self._keys) - 1)
            numbers = self._numbers[places]
            is_new = (self._windows.rows[numbers] != windows).any(1)
        else:
            numbers, is_new = torch.zeros_like(keys), torch.ones_like(keys, dtype=torch.bool)
        if is_new.any():
            first = self._windows.count
            numbers[is_new] = torch.arange(first, first + int(is_new.sum()), device=keys.device)
            self._windows.add(windows[is_new])
            self._insert(keys[is_new], numbers[is_new])
        return numbers

    def _insert(self, keys: Tensor, numbers: Tensor) -> None:
        keys, order = keys.sort()
        places = torch.searchsorted(self._keys, keys) + torch.arange(len(keys), device=keys.device)
        is_old = torch.ones(len(self._keys) + len(keys), dtype=torch.bool, device=keys.device)
        is_old[places] = False
        for name, new in (("_keys", keys), ("_numbers", numbers[order])):
            merged = new.new_empty(len(is_old))
            merged[places], merged[is_old] = new, getattr(self, name)
            setattr(self, name, merged)


class _Table:
    """The rows of one layer, and where the row of each lasting number stands."""

    def __init__(self) -> None:
        self._places: Tensor | None = None  # (numbers so far,) int64, -1 where there is no row
        self._rows = _Growing()

    @property
    def bytes(self) -> int:
        return self._rows.bytes + (0 if self._places is None else 8 * len(self._places))

    @property
    def rows(self) -> Tensor:
        """(N, 2*channels)."""
        return self._rows.rows

    def places_of(self, numbers: Tensor) -> Tensor:
        """(U,) int64, -1 where there is no row."""
        most = int(numbers.max()) + 1
        if self._places is None or len(self._places) < most:
            places = numbers.new_full((2 * most,), -1)
            if self._places is not None:
                places[: len(self._places)] = self._places
            self._places = places
        return self._places[numbers]

    def add(self, numbers: Tensor, rows: Tensor) -> Tensor:
        """Takes rows in, and gives their places, (V,) int64."""
        first = self._rows.count
        self._rows.add(rows)
        places = torch.arange(first, first + len(rows), device=numbers.device)
        self._places[numbers] = places
        return places


class _Growing:
    """A tensor that rows are added to: it doubles when it is full, so that little is copied."""

    def __init__(self) -> None:
        self.count = 0
        self._room: Tensor | None = None

    @property
    def bytes(self) -> int:
        return 0 if self._room is None else self._room.numel() * self._room.element_size()

    @property
    def rows(self) -> Tensor:
        return self._room[: self.count]

    def add(self, rows: Tensor) -> None:
        end = self.count + len(rows)
        if self._room is None:
            self._room = torch.empty_like(rows)
        if len(self._room) < end:
            room = rows.new_empty((max(end, 2 * len(self._room)), rows.shape[1]))
            room[: self.count] = self.rows
            self._room = room
        self._room[self.count : end] = rows
        self.count = end


def _without_others(once: Tensor, twice: Tensor) -> tuple[Tensor, Tensor]:
    """The windows that stand in some windows of windows, and these with the numbers that are left.

    once: (U, k*k).    twice: (V, k*k), numbers 0..U-1, U outside the map.
    """
    is_needed = torch.zeros(len(once) + 1, dtype=torch.bool, device=once.device)
    is_needed[twice] = True
    is_needed[-1] = False
    needed = is_needed.nonzero()[:, 0]
    numbers = torch.full((len(is_needed),), len(needed), device=once.device)
    numbers[needed] = torch.arange(len(needed), device=once.device)
    return once[needed], numbers[twice]
