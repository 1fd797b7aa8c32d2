"""What the paint page asks of the server: pictures of maps, styles, photos labelled, and maps read and written.

Nothing is kept of a client but its newest request that waits, and nothing is written.
"""

import asyncio
import functools
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pipeline.classes import UNKNOWN, entries_of
from pipeline.errors import PhotoError
from pipeline.serve.app import STATIC
from pipeline.serve.easel import Easel, timed
from pipeline.serve.model import Model, Style
from pipeline.serve.paint_schema import (
    BINARY,
    IDS,
    PHOTO,
    PNG,
    WORKED_ON,
    WRONG,
    WRONG_BODY,
    Client,
    Height,
    HeightOrOwn,
    ModelFacts,
    OtherStyle,
    Seed,
    Share,
    StyleText,
    StyleVector,
    Width,
    WidthOrOwn,
    body_of,
)
from pipeline.serve.review_api import ClassEntry, read_ids
from pipeline.serve.sizes import demand_size

Made = TypeVar("Made")
SECONDS_TO_SEND = 60
WEIGHTS_DIGITS = 12
"""Of the digest of the weights that the page is told: styles that it keeps are of a run with these."""


def routes(model: Model, easel: Easel) -> APIRouter:
    """The page at / and its API below /api."""
    router = APIRouter(responses=WRONG)

    @router.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "paint.html")

    @router.get("/api/model", tags=["model"])
    def facts() -> ModelFacts:
        """The run that paints, its classes with their colours, and what it takes."""
        return _facts(model, easel)

    @router.post(
        "/api/paint",
        tags=["paint"],
        response_class=Response,
        openapi_extra=body_of(IDS, "The map: height times width bytes, row by row, each the id of a class."),
        responses={
            **WRONG_BODY,
            **WORKED_ON,
            200: {
                "content": PNG,
                "description": "The picture.",
                "headers": {
                    "X-Milliseconds": {"description": "That it was worked on.", "schema": {"type": "number"}},
                },
            },
        },
    )
    async def paint(
        request: Request,
        width: Width,
        height: Height,
        client: Client = "",
        style: StyleText = "seed:0",
        to: OtherStyle = "",
        share: Share = 0.0,
    ) -> Response:
        """Paints a label map."""
        demand_size(width=width, height=height)
        ids = await read_ids(request, width=width, height=height)
        work = functools.partial(model.paint, ids, Style(style=style, to=to, share=share))
        png, milliseconds = await _worked_on(easel, request, functools.partial(timed, work), client, ids.size)
        easel.note(milliseconds)
        return Response(png, media_type="image/png", headers={"x-milliseconds": f"{milliseconds:.1f}"})

    @router.get("/api/style", tags=["styles"], responses=WORKED_ON)
    async def style_of_seed(request: Request, seed: Seed = 0) -> StyleVector:
        """The style that a seed draws."""
        return StyleVector(style=await _worked_on(easel, request, functools.partial(model.style_of_seed, seed)))

    @router.post(
        "/api/style",
        tags=["styles"],
        openapi_extra=body_of(PHOTO, "A photo: JPEG, PNG, WebP, AVIF, HEIC, TIFF or BMP."),
        responses={**WRONG_BODY, **WORKED_ON},
    )
    async def style_of_photo(request: Request) -> StyleVector:
        """The style of a photo."""
        data = await _file(request)
        work = functools.partial(model.style_of_photo, data)
        return StyleVector(style=await _worked_on(easel, request, work, bytes=len(data)))

    @router.post(
        "/api/label",
        tags=["maps"],
        response_class=Response,
        openapi_extra=body_of(PHOTO, "A photo: JPEG, PNG, WebP, AVIF, HEIC, TIFF or BMP."),
        responses={**WRONG_BODY, **WORKED_ON, 200: {"content": IDS, "description": "Ids, height times width bytes."}},
    )
    async def label(request: Request, width: Width, height: Height) -> Response:
        """A label map of the middle of a photo, by the segmenter of the workspace."""
        demand_size(width=width, height=height)
        data = await _file(request)
        work = functools.partial(model.label, data, (height, width))
        return _ids(await _worked_on(easel, request, work, bytes=len(data)))

    @router.post(
        "/api/read-map",
        tags=["maps"],
        response_class=Response,
        openapi_extra=body_of(
            {"image/png": {"schema": BINARY}, **IDS}, "A PNG of class ids, or of the classes' colours."
        ),
        responses={
            **WRONG_BODY,
            **WORKED_ON,
            200: {
                "content": IDS,
                "description": "Ids, height times width bytes.",
                "headers": {name: {"schema": {"type": "integer"}} for name in ("X-Width", "X-Height")},
            },
        },
    )
    async def read_map(request: Request, width: WidthOrOwn = 0, height: HeightOrOwn = 0) -> Response:
        """A label map as raw ids, its middle cut out and scaled where a size is asked for."""
        if bool(width) != bool(height):
            raise PhotoError(f"a map of {width}x{height} cannot be: say both sides, or neither")
        if width:
            demand_size(width=width, height=height)
        data = await _file(request)
        work = functools.partial(model.read_map, data, (height, width) if width else None)
        return _ids(await _worked_on(easel, request, work, bytes=len(data)))

    @router.post(
        "/api/write-map",
        tags=["maps"],
        response_class=Response,
        openapi_extra=body_of(IDS, "The map: height times width bytes, row by row, each the id of a class."),
        responses={**WRONG_BODY, **WORKED_ON, 200: {"content": PNG, "description": "The map."}},
    )
    async def write_map(request: Request, width: Width, height: Height, colours: bool = False) -> Response:
        """The map as a PNG of class ids, 8-bit grey; with `colours` indexed, and shown in the classes' colours."""
        demand_size(width=width, height=height)
        ids = await read_ids(request, width=width, height=height)
        work = functools.partial(model.write_map, ids, colours=colours)
        return Response(await _worked_on(easel, request, work, bytes=ids.size), media_type="image/png")

    return router


def _facts(model: Model, easel: Easel) -> ModelFacts:
    painter = model.painter
    height, width = model.canvas
    return ModelFacts(
        run=model.run.name,
        weights=model.weights[:WEIGHTS_DIGITS],
        method=painter.settings.model.method,
        classes=[
            ClassEntry(**{name: entry[name] for name in ClassEntry.model_fields})
            for entry in entries_of(model.taxonomy)
        ],
        unknown=UNKNOWN if painter.unknown else None,
        width=width,
        height=height,
        multiple=painter.multiple,
        takes_seeds=painter.has_style,
        takes_photos=painter.takes_photos,
        edges=painter.edges,
        images_shown=painter.images_shown,
        device=str(painter.device),
        labels_photos=model.labeller.is_here,
        latency_ms=easel.latency_ms,
        next=model.advice,
    )


async def _worked_on(
    easel: Easel, request: Request, work: Callable[[], Made], client: str = "", bytes: int = 0
) -> Made:
    """What the work gives; it is given up when the client leaves.

    Raises: what the work raises, and what the easel does; ClientDisconnect.
    """
    working = asyncio.ensure_future(easel.do(work, client=client, bytes=bytes))
    leaving = asyncio.ensure_future(_has_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()


async def _has_left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _file(request: Request) -> bytes:
    """The body, a file. How large it may be is the guard's to say."""
    try:
        async with asyncio.timeout(SECONDS_TO_SEND):
            return await request.body()
    except TimeoutError:
        raise HTTPException(408, f"the file did not come within {SECONDS_TO_SEND} seconds") from None


def _ids(ids: np.ndarray) -> Response:
    headers = {"x-width": str(ids.shape[1]), "x-height": str(ids.shape[0])}
    return Response(ids.tobytes(), media_type="application/octet-stream", headers=headers)
