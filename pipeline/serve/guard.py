"""What stands before every request: who may ask, how much may be sent, and what a page may load."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import NoReturn
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost", "::1")
"""What a browser here calls this machine; a name of the web that leads here is refused."""
MOST_BYTES = 100_000_000
"""Of one body; each address may ask for less."""
MOST_BYTES_AT_ONCE = 500_000_000
"""Of all bodies that have come in part or whole and are not answered yet."""
SECONDS_TO_TRY_AGAIN = 1
"""After so long those may ask again who are told that the server is busy."""
SECONDS_TO_HEAR_OUT = 10
"""So long a body that is too large is read and thrown away: who is still sending would not hear why it is refused."""
ASKING = ("GET", "HEAD", "OPTIONS")

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",
}


class Guard:
    """Lets through what a page of ours on this machine sends, and answers all else with a sentence.

    most_bytes: of a body, by the path of the address; MOST_BYTES for others.
    """

    def __init__(self, app: ASGIApp, most_bytes: Mapping[str, int] | None = None) -> None:
        self.app = app
        self.most_bytes = most_bytes or {}
        self.kept_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        most_bytes = self.most_bytes.get(scope["path"], MOST_BYTES)
        status, sentence = _refusal(scope["method"], headers, most_bytes)
        if status == 413 and b"expect" not in headers:
            await _hear_out(receive)
        app = JSONResponse({"error": sentence}, status_code=status) if sentence else self.app
        body = _Body(self, receive, most_bytes)
        try:
            await app(scope, body.receive, _with_headers(send))
        finally:
            self.kept_bytes -= body.bytes


def _refusal(method: str, headers: dict[bytes, str], most_bytes: int) -> tuple[int, str]:
    """The status and the sentence for a request that is not answered; "" for one that is."""
    host, origin = headers.get(b"host", ""), headers.get(b"origin", "")
    if _hostname(f"//{host}") not in HOSTS:
        return 400, f"this server is called {HOSTS[0]}, not '{host[:100]}'"
    if method not in ASKING and origin and origin != f"http://{host}":
        return 403, "only a page of this server may change anything"
    length = headers.get(b"content-length", "0")
    if not length.isdigit():
        return 400, "the length of the body is no number"
    return (413, _too_large(most_bytes)) if int(length) > most_bytes else (0, "")


def _too_large(most_bytes: int) -> str:
    return f"a body has {most_bytes:,} bytes at most"


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


class _Body:
    """A body as it comes, of which no more is kept than one may have, and than there is room for beside the others.

    What its length is said to be does not count: who says much and sends nothing takes no room.
    """

    def __init__(self, guard: Guard, receive: Receive, most_bytes: int) -> None:
        self.bytes = 0
        self._guard, self._receive, self._most_bytes = guard, receive, most_bytes

    async def receive(self) -> Message:
        message = await self._receive()
        came = len(message.get("body", b""))
        self.bytes += came
        self._guard.kept_bytes += came
        if self.bytes > self._most_bytes:
            await self._refuse(message, HTTPException(413, _too_large(self._most_bytes)))
        if came and self._guard.kept_bytes > MOST_BYTES_AT_ONCE:
            again = {"retry-after": str(SECONDS_TO_TRY_AGAIN)}
            sentence = "what others send fills the memory that is for it. Ask again in a moment"
            await self._refuse(message, HTTPException(503, sentence, headers=again))
        return message

    async def _refuse(self, message: Message, error: HTTPException) -> NoReturn:
        if message.get("more_body"):
            await _hear_out(self._receive)
        raise error


async def _hear_out(receive: Receive) -> None:
    """Reads what is left of a body, and throws it away."""
    read_bytes = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS_TO_HEAR_OUT):
            while read_bytes <= 2 * MOST_BYTES:
                message = await receive()
                read_bytes += len(message.get("body", b""))
                if not message.get("more_body"):
                    break


def _with_headers(send: Send) -> Callable:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = {name for name, _ in message["headers"]}
            ours = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in said]
            message["headers"] = [*message["headers"], *ours]
        await send(message)

    return sending
