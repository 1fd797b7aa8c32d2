"""What the review page asks of the server: the rows to look through, their pictures and maps, and what was decided."""

import asyncio
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException

from pipeline.classes import UNKNOWN, Taxonomy, entries_of
from pipeline.corrections import has_machine_labels
from pipeline.errors import PhotoError
from pipeline.rows import Row
from pipeline.serve.app import STATIC
from pipeline.serve.review import Review

BODY_SECONDS = 60
"""So long the bytes of a map may take to come in."""
MOST_AT_ONCE = 1000
RAW_IDS = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


class Problem(BaseModel):
    """Why a request was not done."""

    error: str


class ClassEntry(BaseModel):
    id: int
    name: str
    colour: str
    thing: bool


class Classes(BaseModel):
    """The classes of the label maps, by id; `unknown` is the id of pixels of no class."""

    classes: list[ClassEntry]
    unknown: int = UNKNOWN


class Photo(BaseModel):
    """A photo with a label map. `label` is the digest of the map: it goes back with the decision about it."""

    id: str
    name: str
    width: int
    height: int
    label: str
    confidence: float | None
    unknown: float | None
    flags: list[str]
    model: str
    split: str
    reviewed: bool
    keep: str
    status: str
    rule: str
    error: str
    corrected: bool


class Photos(BaseModel):
    """A part of the photos asked for, the least certain first; `counts` says how many there are of each kind."""

    photos: list[Photo]
    counts: dict[str, int]


class Decision(BaseModel):
    """accept: the map is right. reject: the photo stays out of the data set. label: digest of the map that was seen."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["accept", "reject"]
    label: str = ""


def routes(review: Review) -> APIRouter:
    """The page at /review and its API below /api."""
    router = APIRouter(responses={404: {"model": Problem}, 409: {"model": Problem}, 422: {"model": Problem}})
    api = "/api/review/photos"

    @router.get("/review", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "review.html")

    @router.get("/api/classes", tags=["classes"])
    def classes() -> Classes:
        """The classes that the label maps speak, with their colours."""
        return classes_of(review.taxonomy())

    @router.get(api, tags=["review"])
    def photos(
        show: Literal["waiting", "reviewed", "rejected", "all"] = "waiting",
        first: Annotated[int, Query(ge=0, le=10**9)] = 0,
        most: Annotated[int, Query(ge=1, le=MOST_AT_ONCE)] = 200,
    ) -> Photos:
        """Photos to look through, the least certain label map first."""
        queue = review.queue(show, first=first, most=most)
        return Photos(photos=[_photo(row) for row in queue.rows], counts=queue.counts)

    @router.get(f"{api}/{{id}}", tags=["review"])
    def photo(id: str) -> Photo:
        """One photo and what is known of its label map."""
        return _photo(review.find(id))

    @router.get(f"{api}/{{id}}/photo", tags=["review"], response_class=FileResponse)
    def picture(id: str) -> FileResponse:
        """The photo itself, a JPEG."""
        return FileResponse(review.photo(id), media_type="image/jpeg")

    @router.get(f"{api}/{{id}}/labels", tags=["review"], response_class=Response, responses={200: {"content": RAW_IDS}})
    def labels(id: str, machine: bool = False) -> Response:
        """The label map: height times width bytes, row by row, each the id of a class, 255 for unknown."""
        row = review.find(id)
        ids = review.labels(id, machine=machine)
        headers = {"x-label": row.digests.get("label", "")}
        return Response(ids.tobytes(), media_type="application/octet-stream", headers=headers)

    @router.put(
        f"{api}/{{id}}/labels", tags=["review"], openapi_extra={"requestBody": {"required": True, "content": RAW_IDS}}
    )
    async def paint(id: str, request: Request, label: str = "") -> Photo:
        """Takes a painted label map, as it is given, and accepts it; `label` is the digest of the one it began with."""
        row = await run_in_threadpool(review.find, id)
        ids = await read_ids(request, width=row.width or 0, height=row.height or 0)
        return _photo(await run_in_threadpool(review.paint, id, ids, seen=label))

    @router.post(f"{api}/{{id}}/decision", tags=["review"])
    def decide(id: str, decision: Decision) -> Photo:
        """Accepts a label map as it is, or turns the photo down. Nothing is deleted; the last decision counts."""
        if decision.decision == "accept":
            return _photo(review.accept(id, seen=decision.label))
        return _photo(review.turn_down(id))

    return router


def classes_of(taxonomy: Taxonomy) -> Classes:
    """The class table as the pages read it."""
    return Classes(classes=[ClassEntry(**_shown(entry)) for entry in entries_of(taxonomy)])


async def read_ids(request: Request, *, width: int, height: int) -> np.ndarray:
    """A label map sent as raw ids: (H, W) uint8. No more is read than it can have.

    Raises: PhotoError when the body has another number of bytes; HTTPException when it does not come in time.
    """
    data, wanted = bytearray(), width * height
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > wanted:
                    break
    except TimeoutError:
        raise HTTPException(408, f"the map did not come within {BODY_SECONDS} seconds") from None
    if len(data) != wanted:
        found = f"more than {wanted:,}" if len(data) > wanted else f"{len(data):,}"
        raise PhotoError(f"a map of {width}x{height} has {wanted:,} bytes, one a pixel; {found} came")
    return np.frombuffer(bytes(data), dtype=np.uint8).reshape(height, width)


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ClassEntry.model_fields}


def _photo(row: Row) -> Photo:
    return Photo(
        id=row.id,
        name=row.original_name or row.id,
        width=row.width or 0,
        height=row.height or 0,
        label=row.digests.get("label", ""),
        confidence=row.label_confidence,
        unknown=row.label_unknown,
        flags=row.flags.split(),
        model=row.label_model,
        split=row.split,
        reviewed=row.label_reviewed == "yes",
        keep=row.keep,
        status=row.status,
        rule=row.rule,
        error=row.error,
        corrected=has_machine_labels(row),
    )
