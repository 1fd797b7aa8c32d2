"""A hub of repositories on this machine, which remembers what it was asked for."""

import contextlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Hub:
    """files: path -> bytes.    asked: the paths that were asked for.    cut_at: the next answer ends after so many."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut_at: int | None = None

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        body = self.files.get(request.path.partition("?")[0])
        if body is None:
            request.send_error(404)
            return
        start = 0
        if "Range" in request.headers and request.headers.get("If-Range") == '"one"':
            start = int(request.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.send_header("Content-Length", str(len(body) - start))
        request.send_header("ETag", '"one"')
        request.end_headers()
        stop, self.cut_at = self.cut_at, None
        request.wfile.write(body[start:stop])


@contextlib.contextmanager
def serve() -> Iterator[Hub]:
    hub = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.answer(self)

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        hub.url = f"http://127.0.0.1:{listener.server_port}"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield hub
        finally:
            listener.shutdown()
            thread.join()
