"""What the misbehaving server says, by the path: photos, and what stands in their place."""

import functools
import gzip
import http
import io
import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any
from urllib.parse import urlencode

import numpy as np
from PIL import Image

RESET, CLOSE, SILENCE = object(), object(), object()
"""What an answer may end with, instead of more bytes."""

STRANGERS = {
    "html": b"<!DOCTYPE html>\n<html><title>Not here</title></html>\n",
    "text": b"The photo that you are looking for is gone.\n",
    "json": b'{"error": "gone", "code": 17, "text": "there is no such photo"}',
    "svg": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>\n',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "gif": b"GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
    "mp4": b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(100),
    "empty": b"",
}
"""Files that are no photos."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """headers: by their names in small letters.    query: in the order of the address.

    times: the path has been asked for, with this one.
    """

    method: str
    host: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: bytes
    times: int

    def get(self, name: str, otherwise: str = "") -> str:
        return dict(self.query).get(name, otherwise)


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


def json_answer(value: Any, *, status: int = 200, **headers: str) -> Answer:
    """headers: `retry_after="2"` is Retry-After: 2."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(
        status=status, headers=(("Content-Type", "application/json"), *named), body=json.dumps(value).encode()
    )


@functools.lru_cache(maxsize=4096)
def photo(name: str, size_bytes: int = 0, side_px: int = 96) -> bytes:
    """A JPEG of random colours, which are the same for the same name, followed by zeros up to size_bytes."""
    seed = zlib.crc32(name.encode())
    patches = np.random.default_rng(seed).integers(0, 256, (16, 17, 3), dtype=np.uint8)
    image = Image.fromarray(patches).resize((side_px * 17 // 16, side_px), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue().ljust(size_bytes, b"\0")


Answers = Mapping[str, Answer | Callable[[Request], Answer]]


def steps_of(request: Request, answers: Answers, robots: Mapping[str, str]) -> Iterator[Any]:
    """Bytes to send, seconds to wait as floats, and at the end RESET, CLOSE or SILENCE, or nothing."""
    answer = answers.get(request.path)
    if answer is None and request.path == "/robots.txt" and request.host in robots:
        answer = Answer(headers=(("Content-Type", "text/plain"),), body=robots[request.host].encode())
    if answer is not None:
        answer = answer if isinstance(answer, Answer) else answer(request)
        return iter([_whole(answer.status, answer.headers, answer.body)])
    _, kind, *rest = request.path.split("/")
    return _BEHAVIOURS.get(kind, _missing)(request, rest)


def _head(status: int, headers: tuple[tuple[str, str], ...], length: int | None) -> bytes:
    """length: None for a body in chunks."""
    framing = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
    phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else "Whatever"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {value}" for name, value in (*headers, framing)), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _whole(status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> bytes:
    return _head(status, headers, len(body)) + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_JPEG = (("Content-Type", "image/jpeg"),)


def _photo(request: Request) -> bytes:
    name = request.path.rpartition("/")[2]
    return photo(name, int(request.get("bytes", "0")), int(request.get("side", "96")))


def _ok(request: Request, rest: list[str]) -> Iterator[Any]:
    yield _whole(200, _JPEG, _photo(request))


def _is(request: Request, rest: list[str]) -> Iterator[Any]:
    yield from _up_to(STRANGERS[rest[0]], request.get("at"), SILENCE)


def _tagged(request: Request, rest: list[str]) -> Iterator[Any]:
    tags = tuple(("X-Robots-Tag", value) for name, value in request.query if name == "tag")
    yield _whole(200, (*_JPEG, *tags), _photo(request))


def _cookie(request: Request, rest: list[str]) -> Iterator[Any]:
    yield _whole(200, (*_JPEG, ("Set-Cookie", "visitor=17; Path=/")), _photo(request))


def _status(request: Request, rest: list[str]) -> Iterator[Any]:
    after, date = request.get("after"), request.get("date")
    said = formatdate(time.time() + float(date), usegmt=True) if date else after
    headers = (("Retry-After", said),) if said else ()
    body = b"" if rest[0] in ("204", "304") else STRANGERS["html"]
    if request.get("length") == "no":
        yield _head(int(rest[0]), headers, None) + _chunk(body) + _chunk(b"")
    else:
        yield _whole(int(rest[0]), headers, body)


def _flaky(request: Request, rest: list[str]) -> Iterator[Any]:
    good = request.times > int(rest[0])
    return _ok(request, rest) if good else _status(request, [request.get("status", "500")])


def _redirect(request: Request, rest: list[str]) -> Iterator[Any]:
    left = int(rest[0])
    if not left:
        return _ok(request, rest)
    query = f"?{urlencode(request.query)}" if request.query else ""
    return _sent_on(f"/redirect/{left - 1}/{rest[1]}{query}", int(request.get("code", "302")))


def _circle(request: Request, rest: list[str]) -> Iterator[Any]:
    return _sent_on("two" if rest[0] == "one" else "one")


def _to(request: Request, rest: list[str]) -> Iterator[Any]:
    return _sent_on(request.get("url"))


def _sent_on(address: str, code: int = 302) -> Iterator[Any]:
    yield _whole(code, (("Location", address),) if address else (), STRANGERS["html"])


def _up_to(body: bytes, at: str, end: object) -> Iterator[Any]:
    """The body, or, where `at` is given, so many bytes of it, and then the end."""
    yield _head(200, _JPEG, len(body)) + (body[: int(at)] if at else body)
    if at:
        yield end


def _reset(request: Request, rest: list[str]) -> Iterator[Any]:
    return _up_to(_photo(request), at, RESET) if (at := request.get("at")) else iter([RESET])


def _silent(request: Request, rest: list[str]) -> Iterator[Any]:
    return _up_to(_photo(request), at, SILENCE) if (at := request.get("at")) else iter([SILENCE])


def _close(request: Request, rest: list[str]) -> Iterator[Any]:
    yield CLOSE


def _drip(request: Request, rest: list[str]) -> Iterator[Any]:
    body = _photo(request)
    yield _head(int(request.get("status", "200")), _JPEG, len(body)) + body[:64]
    for byte in body[64:]:
        yield float(request.get("every", "0.01"))
        yield bytes([byte])


def _headers(request: Request, rest: list[str]) -> Iterator[Any]:
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield float(request.get("every", "0.01"))
        yield b"X-More: more\r\n"


def _endless(request: Request, rest: list[str]) -> Iterator[Any]:
    yield _head(200, _JPEG, None) + _chunk(_photo(request))
    while True:
        yield _chunk(bytes(65536))


def _unsaid(request: Request, rest: list[str]) -> Iterator[Any]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + _photo(request)
    yield SILENCE if request.get("stays") else CLOSE


def _claims(request: Request, rest: list[str]) -> Iterator[Any]:
    body = _photo(request)
    yield _head(200, _JPEG, int(rest[0])) + body
    if len(body) < int(rest[0]):
        yield CLOSE


def _packed(request: Request, rest: list[str]) -> Iterator[Any]:
    kind = request.path.split("/")[1]
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": lambda data: zlib.compress(data, wbits=-15)}[kind]
    data = pack(_photo(request))
    named = "deflate" if kind == "raw" else kind
    yield _whole(200, (*_JPEG, ("Content-Encoding", named)), data[: int(request.get("at", len(data)))])


def _bomb(request: Request, rest: list[str]) -> Iterator[Any]:
    yield _whole(200, (*_JPEG, ("Content-Encoding", "gzip")), gzip.compress(_photo(request)))


def _encoded(request: Request, rest: list[str]) -> Iterator[Any]:
    yield _whole(200, (*_JPEG, ("Content-Encoding", rest[0])), _photo(request))


def _missing(request: Request, rest: list[str]) -> Iterator[Any]:
    yield _whole(404, (("Content-Type", "text/html"),), STRANGERS["html"])


_BEHAVIOURS: dict[str, Callable[[Request, list[str]], Iterator[Any]]] = {
    "ok": _ok,
    "is": _is,
    "tagged": _tagged,
    "cookie": _cookie,
    "status": _status,
    "flaky": _flaky,
    "redirect": _redirect,
    "circle": _circle,
    "to": _to,
    "reset": _reset,
    "close": _close,
    "silent": _silent,
    "drip": _drip,
    "headers": _headers,
    "endless": _endless,
    "unsaid": _unsaid,
    "claims": _claims,
    "gzip": _packed,
    "deflate": _packed,
    "raw": _packed,
    "bomb": _bomb,
    "encoded": _encoded,
}
"""First word of the path -> what is done."""
