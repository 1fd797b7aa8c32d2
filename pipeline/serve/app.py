"""The server: an app that answers in sentences, and its life from the first line to Ctrl-C."""

import contextlib
import errno
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console import Console
from pipeline.errors import GauganpipeError

if TYPE_CHECKING:
    from fastapi import FastAPI

STATIC = Path(__file__).parent / "static"
ADDRESS = "127.0.0.1"
SECONDS_TO_FINISH = 3
"""So long a request that is being answered may take when the server ends."""
MOST_CONNECTIONS = 400
"""That are open at once; who comes on top of them is told to come again. A page has six."""


def demand_libraries() -> None:
    """Raises: GauganpipeError when what serves pages is not installed."""
    try:
        import fastapi  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise GauganpipeError(
            "serve needs fastapi and uvicorn, which are not installed. Run pip install 'gauganpipe[serve]'"
        ) from None


def bare_app(
    title: str,
    *,
    statuses: Mapping[type[Exception], int],
    on_end: Callable[[], None],
    most_bytes: Mapping[str, int] | None = None,
) -> "FastAPI":
    """An app with no page yet: guarded, its errors `{"error": sentence}`, what the pages load under /static.

    statuses: of errors that are explained -> what they answer with; all others that are explained answer 422.
    on_end: called once when the server ends.    most_bytes: of a body, by path, where it is less than for others.
    """
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from fastapi.staticfiles import StaticFiles
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    from pipeline.serve.guard import SECONDS_TO_TRY_AGAIN, Guard

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        yield
        on_end()

    app = FastAPI(title=title, docs_url=None, redoc_url=None, lifespan=life)
    app.add_middleware(Guard, most_bytes=most_bytes)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.exception_handler(GauganpipeError)
    async def explain(request: Request, error: GauganpipeError) -> JSONResponse:
        status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 422)
        again = {"retry-after": str(SECONDS_TO_TRY_AGAIN)} if status == 503 else None
        return JSONResponse({"error": str(error)}, status_code=status, headers=again)

    @app.exception_handler(Exception)
    async def own_up(request: Request, error: Exception) -> JSONResponse:
        sentence = "the server has made a mistake, which its terminal shows. It goes on"
        return JSONResponse({"error": sentence}, status_code=500)

    @app.exception_handler(RequestValidationError)
    async def explain_request(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = " ".join(part for part in first["loc"][1:] if isinstance(part, str)) or "body"
        return JSONResponse({"error": f"{where}: {first['msg']}"}, status_code=422)

    @app.exception_handler(HTTPException)
    async def explain_http(request: Request, error: HTTPException) -> JSONResponse:
        nothing = {404: f"there is nothing at {request.url.path}", 405: f"{request.url.path} takes no {request.method}"}
        sentence = nothing.get(error.status_code, error.detail)
        return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)

    @app.exception_handler(ClientDisconnect)
    async def nobody_is_there(request: Request, error: ClientDisconnect) -> JSONResponse:
        return JSONResponse({"error": "the body broke off"}, status_code=400)

    @app.get("/healthz", tags=["server"])
    def healthz() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok"}

    return app


def run(
    make_app: Callable[[], "FastAPI"],
    *,
    port: int,
    opens: bool,
    console: Console,
    note: str,
    on_interrupt: Callable[[], None] = lambda: None,
) -> None:
    """Serves on the loopback address until Ctrl-C; prints the address once, when it can be asked.

    port: 0 for any that is free.    opens: shows the page in a browser.    note: what there is to see, for stderr.
    on_interrupt: called when the server is told to end, before it waits for requests that are being answered.

    Raises: GauganpipeError when the port is taken.
    """
    import uvicorn

    from pipeline.serve.connection import Connection

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            on_interrupt()
            await super().shutdown(sockets)

    listening = _listen(port)
    address = f"http://{ADDRESS}:{listening.getsockname()[1]}/"
    config = uvicorn.Config(
        make_app(),
        loop="asyncio",
        http=Connection,
        limit_concurrency=MOST_CONNECTIONS,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    console.show([address], {"address": address})
    # Who started us may wait for this line at the other end of a pipe.
    sys.stdout.flush()
    console.note(f"{note}. Ctrl-C ends")
    if opens:
        import webbrowser

        webbrowser.open(address)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            Server(config).run(sockets=[listening])
    finally:
        listening.close()
    console.note("ended")


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise GauganpipeError(f"port {port} is taken. Name another: --port 0 takes any that is free") from None
        why = error.strerror or error
        raise GauganpipeError(f"port {port} cannot be had: {why}. Name another: --port 0 takes any") from None
