"""Photos and maps in plain folders, with croissant.json: what JSON-LD tells machines of a dataset (MLCommons, 1.0)."""

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pipeline import images
from pipeline.exports import photos
from pipeline.exports.dataset import Dataset, read_maps
from pipeline.exports.ids import encode_packed
from pipeline.exports.layout import Content, Piece, made_from, text_piece
from pipeline.licences import address_of
from pipeline.rows import Row

NAME = "croissant"
TEXT = "images/train, labels/train, instances/train, ... and croissant.json: metadata in MLCommons' format"
NEEDS = ("file_name", "label_file_name", "instance_file_name")
CONFIGS: dict[str, str] = {}
READING = """\
    import mlcroissant
    data = mlcroissant.Dataset(jsonld="croissant.json")
    data.records("photos"), data.records("images"), data.records("label_maps"), data.records("instance_maps")

A label map is 8-bit grey: a pixel is its class id, and 255 is unknown. An instance map is RGB: the number of a pixel's
segment is red + 256 green + 65536 blue, and 0 is unknown. `id` joins them."""

VERSION = 1
MADE_FROM = ("image", "label", "instance")
NUMBERS = {"width": "sc:Integer", "height": "sc:Integer", "label_confidence": "sc:Float", "label_unknown": "sc:Float"}
SPLITS = {"train": "cr:TrainingSplit", "val": "cr:ValidationSplit", "test": "cr:TestSplit"}
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in ("citeAs", "column")},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in ("extract", "field", "fileProperty", "fileObject", "fileSet", "format")},
    **{name: f"cr:{name}" for name in ("includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path")},
    **{name: f"cr:{name}" for name in ("recordSet", "references", "regex", "repeated", "replace", "samplingRate")},
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in ("separator", "source", "subField", "transform")},
}
"""The vocabulary of the format, version 1.0."""


def places(row: Row) -> dict[str, str]:
    return {
        "file_name": f"images/{row.split}/{row.id}.jpg",
        "label_file_name": f"labels/{row.split}/{row.id}.png",
        "instance_file_name": f"instances/{row.split}/{row.id}.png",
    }


def pieces(dataset: Dataset) -> Iterator[Piece]:
    for row in dataset.rows:
        files = tuple(places(row).values())
        key = made_from(NAME, VERSION, [row], MADE_FROM)
        yield Piece(files=files, made_from=key, make=partial(_make, dataset, row), photos=1)
    said = json.dumps(_metadata(dataset), indent=2, ensure_ascii=False) + "\n"
    yield text_piece("croissant.json", said.encode())


def advice(dataset: Dataset, folder: Path) -> list[str]:
    return [f"mlcroissant.Dataset(jsonld={json.dumps(str(folder / 'croissant.json'))})"]


def _make(dataset: Dataset, row: Row) -> dict[str, Content]:
    maps = read_maps(dataset, row)
    made = (dataset.photo(row), images.encode_grey(maps.labels), encode_packed(maps.instances.astype("int32")))
    return dict(zip(places(row).values(), made, strict=True))


def _metadata(dataset: Dataset) -> dict[str, Any]:
    licenses = sorted({row.license_url or address_of(row.license) or row.license or "unknown" for row in dataset.rows})
    table = photos.as_csv(dataset.rows, places)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "landscapes-with-label-maps",
        "description": "Photos of landscapes, each with a map of classes and a map of segments. See README.md",
        "license": licenses,
        "version": "1.0.0",
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": photos.FILE_NAME,
                "name": photos.FILE_NAME,
                "description": "A line a photo: what it is, whose it is, where its files are",
                "contentUrl": photos.FILE_NAME,
                "encodingFormat": "text/csv",
                "sha256": hashlib.sha256(table).hexdigest(),
            },
            _file_set("image-files", "image/jpeg", "images/*/*.jpg"),
            _file_set("label-files", "image/png", "labels/*/*.png"),
            _file_set("instance-files", "image/png", "instances/*/*.png"),
        ],
        "recordSet": [
            _splits(dataset),
            _classes(dataset),
            _photos(),
            _pictures("images", "image", files="image-files"),
            _pictures("label_maps", "labels", files="label-files"),
            _pictures("instance_maps", "instances", files="instance-files"),
        ],
    }


def _file_set(name: str, form: str, includes: str) -> dict[str, Any]:
    return {"@type": "cr:FileSet", "@id": name, "name": name, "encodingFormat": form, "includes": includes}


def _record_set(name: str, key: str, fields: list[dict[str, Any]], **others: Any) -> dict[str, Any]:
    beginning = {"@type": "cr:RecordSet", "@id": name, "name": name, "key": {"@id": f"{name}/{key}"}}
    return {**beginning, "field": fields, **others}


def _field(records: str, name: str, kind: str, **others: Any) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": f"{records}/{name}", "name": name, "dataType": kind, **others}


def _splits(dataset: Dataset) -> dict[str, Any]:
    fields = [_field("splits", "name", "sc:Text"), _field("splits", "url", "sc:URL")]
    data = [{"splits/name": name, "splits/url": SPLITS[name]} for name in dataset.splits]
    return _record_set("splits", "name", fields, dataType="cr:Split", data=data)


def _classes(dataset: Dataset) -> dict[str, Any]:
    kinds = {"id": "sc:Integer", "name": "sc:Text", "colour": "sc:Text", "is_thing": "sc:Boolean"}
    data = [
        {
            "classes/id": one.id,
            "classes/name": one.name,
            "classes/colour": f"#{bytes(one.colour).hex()}",
            "classes/is_thing": one.thing,
        }
        for one in dataset.taxonomy.categories
    ]
    return _record_set("classes", "id", [_field("classes", name, kind) for name, kind in kinds.items()], data=data)


def _photos() -> dict[str, Any]:
    fields = []
    for column in photos.PHOTO_COLUMNS:
        others = {"references": {"field": {"@id": "splits/name"}}} if column.name == "split" else {}
        kind = NUMBERS.get(column.name, "sc:Text")
        fields.append(_field("photos", column.name, kind, description=column.text, source=_of(column.name), **others))
    return _record_set("photos", "id", fields)


def _pictures(records: str, name: str, *, files: str) -> dict[str, Any]:
    """A picture a photo, with the photo's id, which its file is called after, and its split."""
    file_set = {"fileSet": {"@id": files}}
    stem = {**file_set, "extract": {"fileProperty": "filename"}, "transform": {"regex": "^([^.]+)"}}
    content = {**file_set, "extract": {"fileProperty": "content"}}
    fields = [
        _field(records, "id", "sc:Text", source=stem, references=_of("id")),
        _field(records, "split", "sc:Text", source=_of("split")),
        _field(records, name, "sc:ImageObject", source=content),
    ]
    return _record_set(records, "id", fields)


def _of(column: str) -> dict[str, Any]:
    """A column of photos.csv."""
    return {"fileObject": {"@id": photos.FILE_NAME}, "extract": {"column": column}}
