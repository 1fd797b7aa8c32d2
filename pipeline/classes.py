"""The taxonomy: id, name, colour, thing or stuff; and what other data sets call the same things."""

import colorsys
import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import GauganpipeError

if TYPE_CHECKING:
    import numpy as np

UNKNOWN = 255
"""The id of pixels that belong to no class, in every label map."""

NO_CLASS = {"other", "unknown", "background", "void", "unlabeled", "n/a"}
"""What networks call the output that means none of their classes."""

COLUMNS = ("id", "name", "colour", "thing", "also")
MAY_BE_MISSING = ("thing", "also")
FORM = "id,name,colour,thing,also and then lines like 0,sky,#9ceedd,no,clouds; fog"
LONGEST_FILE_BYTES = 1_000_000
LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True)
class Category:
    """One class: `colour` is (red, green, blue), 0..255; a thing can be counted (a house), stuff cannot (sky).

    also: words by which other data sets, or `landscape`, call it.
    """

    id: int
    name: str
    colour: tuple[int, int, int]
    thing: bool
    also: tuple[str, ...] = ()


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

    @cached_property
    def words(self) -> dict[str, int]:
        """What its classes are called, here and elsewhere, as `fold` spells it -> id."""
        return {fold(word): one.id for one in self.categories for word in (one.name, *one.also)}

    @cached_property
    def digest(self) -> str:
        """16 hex digits of what label maps depend on: ids, names, and what else the classes are called."""
        said = json.dumps([(one.id, one.name, one.also) for one in self.categories])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def id_of(self, name: str) -> int:
        return self.names.index(name)


def taxonomy_names() -> tuple[str, ...]:
    """The taxonomies that ship with the package."""
    return _tables("taxonomies")


def load_taxonomy(name: str | Path = "landscape") -> Taxonomy:
    """A taxonomy that ships with the package, or a CSV file of the user's.

    Raises: GauganpipeError when there is none of that name; or naming file, line and column of what is wrong in it.
    """
    if str(name) in taxonomy_names():
        return _load_shipped(str(name))
    path = Path(name).expanduser()
    if isinstance(name, str) and path.suffix.lower() != ".csv":
        known = ", ".join(taxonomy_names())
        raise GauganpipeError(f"there is no taxonomy '{name}'. Choose one of {known}, or name a CSV file of yours")
    return _read_taxonomy(path, name=path.name)


def taxonomy_of(entries: Sequence[Mapping[str, Any]], *, name: str = "the workspace") -> Taxonomy:
    """The taxonomy that `entries_of` has written down, whatever became of the file that it once came from.

    name: what messages call it.
    Raises: GauganpipeError when an entry is not what was written.
    """
    if not isinstance(entries, Sequence) or not all(isinstance(entry, Mapping) for entry in entries):
        raise GauganpipeError(f"the classes of {name} are no list of objects. Put a copy of dataset.json back")
    return _build(name, [(f"class {number} of {name}", _to_cells(entry)) for number, entry in enumerate(entries)])


def plain_taxonomy(count: int) -> Taxonomy:
    """So many classes of which nobody knows more: `class 0`, `class 1`, ..., each in a colour of its own.

    Raises: GauganpipeError when there are more than label maps can hold.
    """
    cells = [
        {"id": str(id), "name": f"class {id}", "colour": f"#{bytes(_plain_colour(id)).hex()}"} for id in range(count)
    ]
    return _build("plain", [(f"class {id}", one) for id, one in enumerate(cells)])


def entries_of(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """The classes as dataset.json keeps them, and as `taxonomy_of` reads them."""
    return [
        {"id": one.id, "name": one.name, "colour": f"#{bytes(one.colour).hex()}", "thing": one.thing}
        | ({"also": list(one.also)} if one.also else {})
        for one in taxonomy.categories
    ]


@cache
def load_vocabulary(name: str) -> dict[str, str]:
    """What a data set calls its classes, mapped to names of `landscape`; "" where `landscape` has no such class."""
    return {word: line["landscape"] for line in _read_vocabulary(name) for word in _words(line)}


def vocabulary_names(name: str) -> tuple[str, ...]:
    """The classes of a data set in the order of its ids."""
    return tuple(line["name"] for line in _read_vocabulary(name))


def translate(names: Sequence[str], taxonomy: Taxonomy) -> list[int]:
    """For each output of a network, named as its data set names it, the class id in the taxonomy; UNKNOWN for none.

    A class is meant by its name, by one of its `also` words, and by a word whose meaning in `landscape` is one of
    these. All the words that the taxonomy itself does not know must be of one vocabulary.

    Raises: GauganpipeError naming the words that no vocabulary knows.
    """
    words = [fold(name) for name in names]
    strangers = []
    for known in ({}, *_vocabularies()):
        unknown = {word for word in words if not (word in taxonomy.words or word in known or word in NO_CLASS)}
        if not unknown:
            return [_meant(word, known, taxonomy) for word in words]
        strangers.append(unknown)
    fewest = min(strangers, key=len)
    shown = ", ".join(sorted({name for name, word in zip(names, words, strict=True) if word in fewest})[:5])
    raise GauganpipeError(
        f"no vocabulary knows the class names {shown}; the known ones are {', '.join(_tables('vocabularies'))}"
    )


def translate_classes(source: Taxonomy, target: Taxonomy) -> tuple[int, ...]:
    """For each class of one taxonomy the id of the same class in another, UNKNOWN where that has none."""
    return tuple(_same_class(category, target) for category in source.categories)


def translate_ids(ids: "np.ndarray", source: Taxonomy, target: Taxonomy) -> "np.ndarray":
    """A label map of one taxonomy in the ids of another: UNKNOWN where that has no such class.

    ids: (H, W) uint8. Returns the same shape and type.
    """
    import numpy as np

    return np.frombuffer(_lookup(source, target), dtype=np.uint8)[ids]


@cache
def fold(word: str) -> str:
    """A word as it is compared: without regard to case, to hyphens and underscores, and to synonyms after a comma."""
    return re.sub(r"[\s_-]+", " ", re.split("[,;]", word)[0]).strip().casefold()


@cache
def _lookup(source: Taxonomy, target: Taxonomy) -> bytes:
    ids = bytes(translate_classes(source, target))
    return ids + bytes([UNKNOWN]) * (256 - len(ids))


def _same_class(category: Category, target: Taxonomy) -> int:
    # Where a vocabulary knows the name, `also` only lists what is counted among it: an animal is no bird.
    is_known = any(fold(category.name) in known for known in _vocabularies())
    for word in map(fold, (category.name, *(() if is_known else category.also))):
        for known in ({}, *_vocabularies()):
            if (id := _meant(word, known, target)) != UNKNOWN:
                return id
    return UNKNOWN


def _meant(word: str, known: Mapping[str, tuple[str, str]], taxonomy: Taxonomy) -> int:
    """The class that a word of a vocabulary stands for: the data set's full name for it goes before the word."""
    name, meaning = known.get(word, ("", ""))
    return next((taxonomy.words[one] for one in (name, word, meaning) if one in taxonomy.words), UNKNOWN)


@cache
def _vocabularies() -> tuple[dict[str, tuple[str, str]], ...]:
    """Each vocabulary, `landscape` first: word -> the class's full name, and its meaning in `landscape`."""
    own = {fold(name): (fold(name), fold(name)) for name in load_taxonomy().names}
    return own, *(
        {
            fold(word): (fold(line["name"]), fold(line["landscape"]))
            for line in _read_vocabulary(name)
            for word in _words(line)
        }
        for name in _tables("vocabularies")
    )


@cache
def _tables(kind: str) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in (Path(__file__).parent / kind).glob("*.csv")))


@cache
def _load_shipped(name: str) -> Taxonomy:
    return _read_taxonomy(Path(__file__).parent / "taxonomies" / f"{name}.csv", name=name)


@cache
def _read_vocabulary(name: str) -> tuple[dict[str, str], ...]:
    if name not in _tables("vocabularies"):
        raise GauganpipeError(f"there is no vocabulary '{name}'. Choose one of {', '.join(_tables('vocabularies'))}")
    with (Path(__file__).parent / "vocabularies" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


def _words(line: Mapping[str, str]) -> list[str]:
    return [line["name"], *filter(None, line["also"].split("; "))]


def _plain_colour(id: int) -> tuple[int, int, int]:
    """A colour far from those of the ids before it: hues a golden section apart, in three strengths."""
    rgb = colorsys.hsv_to_rgb(id * 0.618034 % 1, (0.55, 0.85, 0.35)[id % 3], (0.95, 0.7, 0.8)[id // 3 % 3])
    return tuple(round(255 * channel) for channel in rgb)


def _to_cells(entry: Mapping[str, Any]) -> dict[str, str]:
    """An entry of dataset.json as a line of a CSV file says the same."""
    also = entry.get("also", [])
    cells = {column: str(entry.get(column, "")) for column in COLUMNS}
    cells["thing"] = {"True": "yes", "False": "no"}.get(cells["thing"], cells["thing"])
    cells["also"] = "; ".join(map(str, also)) if isinstance(also, list) else str(also)
    return cells


def _read_taxonomy(path: Path, *, name: str) -> Taxonomy:
    reader = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    lines: list[tuple[str, list[str]]] = []
    try:
        for cells in filter(None, reader):
            lines.append((f"{path}, line {reader.line_num}", [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise GauganpipeError(f"{path}, line {reader.line_num}: this is not CSV: {error}. Write {FORM}") from None
    if not lines:
        raise GauganpipeError(f"{path} is empty. Write {FORM}")
    (_, header), *rest = lines
    _check_header(path, header)
    for where, cells in rest:
        if len(cells) != len(header):
            raise GauganpipeError(f"{where}: {len(cells)} cells, expected {len(header)}. Write {FORM}")
    return _build(name, [(where, dict(zip(header, cells, strict=True))) for where, cells in rest])


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise GauganpipeError(f"no classes can be read from {path}: {why}. Check the path") from None
    if len(data) > LONGEST_FILE_BYTES:
        raise GauganpipeError(f"{path} is longer than 1 MB, and no table of classes. Write {FORM}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise GauganpipeError(f"{path}, line {line}: not UTF-8. Save the file as UTF-8") from None


def _check_header(path: Path, header: list[str]) -> None:
    for column in COLUMNS:
        if column not in header and column not in MAY_BE_MISSING:
            raise GauganpipeError(f"{path}, line 1: there is no column '{column}'. Write {FORM}")
        if header.count(column) > 1:
            raise GauganpipeError(f"{path}, line 1: there are two columns '{column}'. Remove one of them")
    for column in header:
        if column not in COLUMNS:
            raise GauganpipeError(f"{path}, line 1: there is a column '{column}', expected {', '.join(COLUMNS)}")


def _build(name: str, lines: Sequence[tuple[str, Mapping[str, str]]]) -> Taxonomy:
    """A taxonomy from cells by column.    lines: where each stands, and its cells."""
    categories: list[Category] = []
    colours: dict[tuple[int, int, int], str] = {}
    words: dict[str, str] = {}
    for id, (where, cells) in enumerate(lines):
        one = _category(where, cells, id)
        if one.colour in colours:
            raise GauganpipeError(
                f"{where}, column colour: {cells['colour']} is the colour of {colours[one.colour]}. Take another"
            )
        for column, word in (("name", one.name), *(("also", word) for word in one.also)):
            if fold(word) in words:
                raise GauganpipeError(
                    f"{where}, column {column}: '{word}' means {words[fold(word)]} already. A word means one class, "
                    "however it is spelt"
                )
            words[fold(word)] = one.name
        colours[one.colour] = one.name
        categories.append(one)
    if not categories:
        raise GauganpipeError(f"{name} holds no class. Write {FORM}")
    return Taxonomy(name=name, categories=tuple(categories))


def _category(where: str, cells: Mapping[str, str], id: int) -> Category:
    if id >= UNKNOWN:
        raise GauganpipeError(f"{where}: there are more than {UNKNOWN} classes; the id {UNKNOWN} means unknown")
    if cells["id"] != str(id):
        raise GauganpipeError(
            f"{where}, column id: '{cells['id']}', expected {id}. Ids count up from 0 without a gap, line by line"
        )
    _check_word(f"{where}, column name", cells["name"])
    colour, thing = cells["colour"], cells.get("thing", "no")
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        raise GauganpipeError(f"{where}, column colour: '{colour}' is no colour. Write one like #9ceedd")
    if int(colour[1:], 16) == 0:
        raise GauganpipeError(f"{where}, column colour: {colour} is what unknown pixels are painted with. Take another")
    if thing not in ("yes", "no"):
        raise GauganpipeError(
            f"{where}, column thing: '{thing}', expected yes or no. A thing can be counted, as houses can"
        )
    also = tuple(filter(None, (word.strip() for word in cells.get("also", "").split(";"))))
    for word in also:
        _check_word(f"{where}, column also", word)
    rgb = bytes.fromhex(colour[1:])
    return Category(id=id, name=cells["name"], colour=(rgb[0], rgb[1], rgb[2]), thing=thing == "yes", also=also)


def _check_word(where: str, word: str) -> None:
    if not fold(word):
        raise GauganpipeError(f"{where}: '{word}' is no word. Give each class a name")
    if len(word) > LONGEST_NAME or not word.isprintable() or {",", ";"} & set(word):
        raise GauganpipeError(
            f"{where}: {word[:LONGEST_NAME]!r} is no name for a class. Take up to {LONGEST_NAME} characters, "
            "no commas, semicolons or line breaks"
        )
    if fold(word) == "unknown":
        raise GauganpipeError(f"{where}: '{word}' is what pixels of no class are called. Take another name")
