"""A web server on this machine that misbehaves as the path says, and remembers what it was asked for.

    with Server() as server:
        server.address("/ok/lake.jpg", bytes=50_000)      # http://127.0.0.1:PORT/ok/lake.jpg?bytes=50000

    /ok/NAME               a photo, which NAME decides; bytes=N of them in all (zeros follow its end), side=PX high
    /is/html/NAME          something else than a photo: html, text, json, svg, pdf, gif, mp4, empty; at=N as below
    /tagged/NAME           a photo with headers X-Robots-Tag: tag=noai, once for each header
    /cookie/NAME           a photo with a cookie
    /status/429/NAME       any status; after=S seconds as Retry-After, date=S the same as a date, length=no in chunks
    /flaky/3/NAME          500, or status=N, three times, and then a photo
    /redirect/3/NAME       sent on three times, and then a photo; code=301
    /circle/one            sent on to /circle/two, and back
    /to                    sent on to url=URL; without one, to nowhere
    /reset/NAME            the connection is reset after the first at=N bytes of a photo, before any answer without `at`
    /close/NAME            the connection is closed without an answer
    /silent/NAME           no byte after the first at=N of a photo, or none at all
    /drip/NAME             a photo, one byte each every=S seconds; status=N
    /headers/NAME          headers without end, one each every=S seconds
    /endless/NAME          a photo that does not end
    /unsaid/NAME           a photo whose length is not said: closed at its end, or left open with stays=yes
    /claims/N/NAME         Content-Length N, and a photo of bytes=N that does not care: longer, or shorter and closed
    /gzip, /deflate, /raw  a packed photo (raw: deflate without its frame), cut after at=N bytes
    /bomb/NAME             a gzip of bytes=N, nearly all zeros
    /encoded/br/NAME       a photo that is said to be packed in some way
    /robots.txt            server.robots[host], 404 for other hosts

Any path takes wait=S, seconds before the answer. What stands in `answers` comes before all of these.
"""

import base64
import contextlib
import io
import socket
import ssl
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from tests.misbehaviours import CLOSE, RESET, SILENCE, Answer, Request, json_answer, photo, steps_of

__all__ = ["Answer", "Request", "Server", "json_answer", "photo", "resolve_here"]


def resolve_here(host: str, port: int, *rest: Any, **more: Any) -> list[tuple]:
    """As socket.getaddrinfo would, if every name in the world were this machine's."""
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]


@dataclass(kw_only=True)
class Server:
    """latency_seconds: before every answer.    tls: https, with `certificate` for photos.example and *.photos.example.

    answers: path -> what is said there, or what says it.    robots: host -> the text of its robots.txt.
    requests: all of them, as they came.    asked: path -> how often.    connections: in all.
    most_open: connections open at once.    busiest: host -> requests being answered at once, "" for all hosts.
    """

    latency_seconds: float = 0
    tls: bool = False
    answers: dict[str, Answer | Callable[[Request], Answer]] = field(default_factory=dict)
    robots: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    connections: int = 0
    most_open: int = 0
    busiest: Counter[str] = field(default_factory=Counter)

    def address(self, path: str, host: str = "127.0.0.1", **query: Any) -> str:
        said = f"?{urlencode(query, doseq=True)}" if query else ""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}{said}"

    def __enter__(self) -> "Server":
        self._lock, self._closing = threading.Lock(), threading.Event()
        self._open: set[socket.socket] = set()
        self._busy: Counter[str] = Counter()
        self._threads: list[threading.Thread] = []
        self._folder = tempfile.TemporaryDirectory()
        self.certificate = Path(self._folder.name) / "certificate.pem"
        self.certificate.write_text(_CERTIFICATE)
        if self.tls:
            (self.certificate.parent / "key.pem").write_text(_KEY)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(self.certificate, self.certificate.parent / "key.pem")
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes who accepts
        self._threads[0].join()
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._folder.cleanup()

    def _start(self, what: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=what, args=given, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.add(connection)
            self.connections += 1
            self.most_open = max(self.most_open, len(self._open))
        try:
            if self.tls:
                plain, connection = (
                    connection,
                    self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False),
                )
                with self._lock:
                    self._open ^= {plain, connection}
                connection.do_handshake()
            with connection.makefile("rb") as reader:
                while (request := _read(reader)) and self._say(connection, reader, request):
                    pass
        except OSError:  # whoever asked has gone
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _say(self, connection: socket.socket, reader: io.BufferedIOBase, request: Request) -> bool:
        """Whether the connection may be used again."""
        names = ("", request.host)
        with self._lock:
            self.asked[request.path] += 1
            request = replace(request, times=self.asked[request.path])
            self.requests.append(request)
            for name in names:
                self._busy[name] += 1
                self.busiest[name] = max(self.busiest[name], self._busy[name])
        try:
            if seconds := self.latency_seconds + float(request.get("wait", "0")):
                self._closing.wait(seconds)
            for step in steps_of(request, self.answers, self.robots):
                if self._closing.is_set() or step is CLOSE:
                    return False
                if step is SILENCE:
                    return bool(reader.read(1))
                if step is RESET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False
                if isinstance(step, float):
                    self._closing.wait(step)
                else:
                    connection.sendall(step)
            return True
        finally:
            with self._lock:
                for name in names:
                    self._busy[name] -= 1


def _read(reader: io.BufferedIOBase) -> Request | None:
    """None when there is no more, or when it is no HTTP."""
    line = reader.readline()
    if not line.rstrip().endswith(b" HTTP/1.1"):
        return None
    method, target, _ = line.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := reader.readline().strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    parts = urlsplit(target)
    return Request(
        method=method,
        host=headers.get("host", "").rpartition(":")[0],
        path=unquote(parts.path),
        query=tuple(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=reader.read(int(headers.get("content-length", "0"))),
        times=0,
    )


_CERTIFICATE = ssl.DER_cert_to_PEM_cert(
    base64.b64decode(
        "MIIBkzCCATigAwIBAgIBATAKBggqhkjOPQQDAjAZMRcwFQYDVQQDDA5waG90b3MuZXhhbXBsZTAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEw"
        "MTAwMDAwMFowGTEXMBUGA1UEAwwOcGhvdG9zLmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQROZwzxTgV9ermKzDiPskzJl8r"
        "IrOzY+fn/Z+SyrSdd9kjrHFgVK5yLVAL/NouAdf97TN0wOal28ZTvQ7mguh+o28wbTAdBgNVHQ4EFgQU4nyUOl46M5Bqnltl8OhTEyCYMa8w"
        "DwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAoQwKwYDVR0RBCQwIoIOcGhvdG9zLmV4YW1wbGWCECoucGhvdG9zLmV4YW1wbGUwCgYI"
        "KoZIzj0EAwIDSQAwRgIhANhLUYfLDyht1kiw/qRYJcULtX8V8dSJf/Up3pQEJjJmAiEAwVBr8yCrSvlrZPUKvtgdwJLuuH9cInyQYgLWXaoe"
        "roQ="
    )
)
_KEY = ssl.DER_cert_to_PEM_cert(
    base64.b64decode(
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU0qPnUvmABn0yj1jlYKHQlVW5Cc2CU880XL79bJxXBGhRANCAAQROZwzxTgV"
        "9ermKzDiPskzJl8rIrOzY+fn/Z+SyrSdd9kjrHFgVK5yLVAL/NouAdf97TN0wOal28ZTvQ7mguh+"
    )
).replace("CERTIFICATE", "PRIVATE KEY")
"""Of this file only: it protects nothing. Both are good until 2120."""
