"""The words of the paint page's API: what is sent and answered, its limits, what goes wrong, as OpenAPI shows them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from pipeline.serve.review_api import ClassEntry, Problem
from pipeline.serve.sizes import MOST_SIDE

MOST_MAP_BYTES = MOST_SIDE**2
MOST_FILE_BYTES = 50_000_000
"""Of a photo, and of a PNG."""
MOST_STYLE_NUMBERS = 4096
"""As many as the settings of a run allow."""
MOST_STYLE_LETTERS = len("vector:") + 4 * -(-4 * MOST_STYLE_NUMBERS // 3)
"""Base64 writes 3 bytes as 4 letters, and a number has 4 bytes."""

MOST_BYTES: Mapping[str, int] = {
    "/api/paint": MOST_MAP_BYTES,
    "/api/write-map": MOST_MAP_BYTES,
    "/api/style": MOST_FILE_BYTES,
    "/api/label": MOST_FILE_BYTES,
    "/api/read-map": MOST_FILE_BYTES,
}
"""Of a body, by path."""

BINARY = {"type": "string", "format": "binary"}
IDS = {"application/octet-stream": {"schema": BINARY}}
PNG = {"image/png": {"schema": BINARY}}
PHOTO = {kind: {"schema": BINARY} for kind in ("image/*", "application/octet-stream")}
WRONG: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The request is addressed to another host, or broke off."},
    403: {"model": Problem, "description": "A page from elsewhere asked."},
    422: {"model": Problem, "description": "A size, a class, a style or a file is not what it should be."},
}
WRONG_BODY: dict[int | str, dict[str, Any]] = {
    408: {"model": Problem, "description": "The body did not come in time."},
    413: {"model": Problem, "description": "The body is larger than this address takes."},
}
WORKED_ON: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "A newer request of the same client has taken its place."},
    503: {
        "model": Problem,
        "description": "Too many wait.",
        "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    },
    504: {"model": Problem, "description": "It took too long."},
}

Width = Annotated[int, Query(ge=1, le=MOST_SIDE, description="Of the map, in pixels.")]
Height = Annotated[int, Query(ge=1, le=MOST_SIDE, description="Of the map, in pixels.")]
WidthOrOwn = Annotated[int, Query(ge=0, le=MOST_SIDE, description="Of the map, in pixels; 0 with height=0: its own.")]
HeightOrOwn = Annotated[int, Query(ge=0, le=MOST_SIDE, description="Of the map, in pixels; 0 with width=0: its own.")]
Client = Annotated[
    str,
    Query(max_length=64, description="Any name of who asks: a newer request of the same name replaces a waiting one."),
]
StyleText = Annotated[
    str,
    Query(
        max_length=MOST_STYLE_LETTERS,
        pattern=r"^(seed:[0-9]{1,18}|vector:[A-Za-z0-9_-]*={0,2})$",
        description="seed:N, or vector: and the base64url of little-endian float32 numbers.",
    ),
]
OtherStyle = Annotated[
    str,
    Query(
        max_length=MOST_STYLE_LETTERS,
        pattern=r"^(seed:[0-9]{1,18}|vector:[A-Za-z0-9_-]*={0,2})?$",
        description="Another style, as `style`; none if empty.",
    ),
]
Share = Annotated[float, Query(ge=0, le=1, description="How far from `style` to `to`.")]
Seed = Annotated[int, Query(ge=0, lt=10**18, description="Draws the style.")]


class ModelFacts(BaseModel):
    """The run that paints, and what it takes."""

    run: str
    """Its folder's name."""
    weights: str
    """The first 12 hex digits of the digest of what it paints with: another run has others, whatever it is called."""
    method: str
    classes: list[ClassEntry]
    unknown: int | None
    """The id of pixels of no class; None where the run takes none."""
    width: int
    """Of a canvas to begin with, in pixels."""
    height: int
    multiple: int
    """Sides are continued to whole numbers of so many pixels while they are painted."""
    takes_seeds: bool
    takes_photos: bool
    edges: bool
    images_shown: int
    device: str
    labels_photos: bool
    latency_ms: float | None
    """The median of the last pictures; None before the first."""
    next: str
    """What to do next, as a sentence, or nothing."""


class StyleVector(BaseModel):
    """A style as `style` and `to` take it."""

    style: str


def body_of(content: Mapping[str, Any], description: str) -> dict[str, Any]:
    """What a route that reads the request itself says of its body."""
    return {"requestBody": {"required": True, "description": description, "content": dict(content)}}
