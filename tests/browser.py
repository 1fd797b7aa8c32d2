"""A browser without a window, for the tests of pages: Debian's or the user's own chromium, and what it complains of."""

import contextlib
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = [name for name in ("playwright", "fastapi", "uvicorn") if find_spec(name) is None] + ["chromium"] * (
    not CHROMIUM
)
NEEDS_BROWSER = pytest.mark.skipif(bool(MISSING), reason=f"pages are tested with {', '.join(MISSING)}, not here")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@dataclass(kw_only=True)
class Seen:
    """What happened on a page: messages of errors, and the addresses that were asked for."""

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def served(app: Any) -> Iterator[str]:
    """Serves an app from a thread of this process, and gives its address."""
    import uvicorn

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="h11", ws="none", loop="asyncio", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextlib.contextmanager
def opened_browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened_page(
    browser: Any, *, size: dict[str, int] = WIDE, dark: bool = False, touch: bool = False
) -> Iterator[Seen]:
    """A page of its own, nothing kept of others."""
    context = browser.new_context(viewport=size, color_scheme="dark" if dark else "light", has_touch=touch)
    page = context.new_page()
    page.set_default_timeout(10_000)
    seen = Seen(page=page)
    page.on("console", lambda message: seen.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    try:
        yield seen
    finally:
        context.close()
