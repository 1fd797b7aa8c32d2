"""How much of each photo each class is: one line for every class of every row, in numbers."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.tables import Table

if TYPE_CHECKING:
    import numpy as np

IS_SEEN = 0.01
"""From this share on a class is seen in a photo."""


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Lines of classes.csv, in three columns.

    ids, classes: what the numbers in the columns stand for.    rows, kinds: (N,) int, places in ids and in classes.
    values: (N,) float64, 0 to 1.
    """

    ids: list[str]
    classes: list[str]
    rows: "np.ndarray"
    kinds: "np.ndarray"
    values: "np.ndarray"

    def __iter__(self) -> Iterator[tuple[str, str, float]]:
        """Id, class and share, line by line."""
        columns = (self.rows.tolist(), self.kinds.tolist(), self.values.tolist())
        return ((self.ids[row], self.classes[kind], value) for row, kind, value in zip(*columns, strict=True))

    def of(self, ids: Collection[str]) -> "Shares":
        """The lines of these rows alone.    ids: something that quickly knows what is in it."""
        import numpy as np

        stays = np.fromiter((id in ids for id in self.ids), bool, len(self.ids))[self.rows]
        columns = {"rows": self.rows[stays], "kinds": self.kinds[stays], "values": self.values[stays]}
        return Shares(ids=self.ids, classes=self.classes, **columns)

    def sums(self) -> dict[str, tuple[float, int]]:
        """Class -> the sum of its shares, and how many rows have it."""
        import numpy as np

        sums = np.bincount(self.kinds, weights=self.values, minlength=len(self.classes)).tolist()
        rows = np.bincount(self.kinds, minlength=len(self.classes)).tolist()
        return {one: (total, count) for one, total, count in zip(self.classes, sums, rows, strict=True) if count}


def from_table(table: Table) -> Shares:
    """The lines of classes.csv."""

    (ids, rows), (classes, kinds) = table.coded("id"), table.coded("class")
    return Shares(ids=ids, classes=classes, rows=rows, kinds=kinds, values=table.numbers("share"))


def from_rows(shares: Mapping[str, Mapping[str, float]]) -> Shares:
    """shares: id of a row -> class -> share."""
    return from_lines((id, name, share) for id, said in shares.items() for name, share in said.items())


def from_lines(lines: Iterable[tuple[str, str, float]]) -> Shares:
    """lines: of id, class and share."""
    import numpy as np

    ids: dict[str, int] = {}
    classes: dict[str, int] = {}
    said = [(ids.setdefault(id, len(ids)), classes.setdefault(name, len(classes)), share) for id, name, share in lines]
    rows, kinds, values = zip(*said, strict=True) if said else ((), (), ())
    return Shares(
        ids=list(ids),
        classes=list(classes),
        rows=np.array(rows, np.int64),
        kinds=np.array(kinds, np.int64),
        values=np.array(values, np.float64),
    )
