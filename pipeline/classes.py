"""The taxonomy: id, name, colour, thing or stuff; and what other data sets call the same things."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pipeline.errors import GauganpipeError

UNKNOWN = 255
"""The id of pixels that belong to no class, in every label map."""

NO_CLASS = {"other", "unknown", "background", "void"}
"""What networks call the output that means none of their classes."""


@dataclass(frozen=True, kw_only=True)
class Category:
    """One class: `colour` is (red, green, blue), 0..255; a thing can be counted (a house), stuff cannot (sky)."""

    id: int
    name: str
    colour: tuple[int, int, int]
    thing: bool


@dataclass(frozen=True, kw_only=True)
class Taxonomy:
    """The classes that a workspace speaks, ids 0..C-1 in order."""

    name: str
    categories: tuple[Category, ...]

    def __len__(self) -> int:
        return len(self.categories)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(category.name for category in self.categories)

    @cached_property
    def things(self) -> tuple[int, ...]:
        """Ids of the classes whose members can be counted."""
        return tuple(category.id for category in self.categories if category.thing)

    @cached_property
    def palette(self) -> bytes:
        """256 RGB triples for an indexed PNG: the classes' colours, black for every other id."""
        colours = bytearray(768)
        for category in self.categories:
            colours[3 * category.id : 3 * category.id + 3] = bytes(category.colour)
        return bytes(colours)

    def id_of(self, name: str) -> int:
        return self.names.index(name)


@cache
def load_taxonomy(name: str = "landscape") -> Taxonomy:
    """A taxonomy that ships with the package.

    Raises: GauganpipeError when there is none of that name.
    """
    categories = tuple(
        Category(
            id=int(line["id"]),
            name=line["name"],
            colour=tuple(bytes.fromhex(line["colour"].removeprefix("#"))),
            thing=line["thing"] == "yes",
        )
        for line in _read_table("taxonomies", name)
    )
    return Taxonomy(name=name, categories=categories)


@cache
def load_vocabulary(name: str) -> dict[str, str]:
    """What a data set calls its classes, mapped to names of `landscape`; "" where `landscape` has no such class."""
    names = {}
    for line in _read_table("vocabularies", name):
        for word in filter(None, (line["name"], line["also"])):
            names[word] = line["landscape"]
    return names


def vocabulary_names(name: str) -> tuple[str, ...]:
    """The classes of a data set in the order of its ids."""
    return tuple(line["name"] for line in _read_table("vocabularies", name))


def translate(names: Sequence[str], taxonomy: Taxonomy) -> list[int]:
    """For each output of a network, named as its data set names it, the class id in the taxonomy; UNKNOWN for none.

    A name of the taxonomy itself is understood too. The vocabulary is the one that knows every name.

    Raises: GauganpipeError naming the words that no vocabulary knows.
    """
    own = {word: word for word in taxonomy.names}
    strangers: set[str] = set()
    for known in (own, *(load_vocabulary(name) for name in _tables("vocabularies"))):
        strangers = {word for word in names if word not in known and word not in NO_CLASS}
        if not strangers:
            targets = [known.get(word, "") for word in names]
            return [taxonomy.id_of(word) if word in taxonomy.names else UNKNOWN for word in targets]
    shown = ", ".join(sorted(strangers)[:5])
    raise GauganpipeError(
        f"no vocabulary knows the class names {shown}; the known ones are {', '.join(_tables('vocabularies'))}"
    )


def _tables(kind: str) -> list[str]:
    return sorted(path.stem for path in (Path(__file__).parent / kind).glob("*.csv"))


def _read_table(kind: str, name: str) -> list[dict[str, str]]:
    if name not in _tables(kind):
        raise GauganpipeError(f"there is no table '{name}' among the {kind}: {', '.join(_tables(kind))}")
    with (Path(__file__).parent / kind / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
