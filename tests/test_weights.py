"""Downloads of weights, against a server on this machine that can cut, forget, change and refuse."""

import errno
import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pipeline.errors import SegmenterError, WorkspaceError
from pipeline.segmenters import registry
from pipeline.segmenters.weights import Pin, fetch, read_safetensors_header, recorded_sha256, sha256_of

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()
CUT = 300_000


@dataclass
class Server:
    """What the server does, and what it was asked."""

    url: str = ""
    body: bytes = BODY
    etag: str = '"one"'
    status: int = 200
    knows_ranges: bool = True
    says_length: bool = True
    cut_at: int | None = None
    """The next answer ends after so many bytes."""
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        headers = request.headers
        self.asked.append(dict(headers))
        if self.status != 200:
            request.send_error(self.status)
            return
        start, total = 0, len(self.body)
        if self.knows_ranges and "Range" in headers and headers.get("If-Range") == self.etag:
            start = int(re.fullmatch(r"bytes=(\d+)-", headers["Range"])[1])
        if start >= total:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{total}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if self.says_length:
            request.send_header("Content-Length", str(total - start))
        if self.etag:
            request.send_header("ETag", self.etag)
        request.end_headers()
        stop, self.cut_at = self.cut_at or total, None
        request.wfile.write(self.body[start:stop])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    behaviour = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)

        def log_message(self, *words: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        behaviour.url = f"http://127.0.0.1:{listener.server_port}/net.pth"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield behaviour
        listener.shutdown()
        thread.join()


@pytest.fixture
def pin(server: Server) -> Pin:
    return Pin(url=server.url, file_name="net.pth", sha256=SHA256, license="MIT", about_bytes=1_000_000)


def cut_download(server: Server, pin: Pin, folder: Path) -> None:
    server.cut_at = CUT
    with pytest.raises(SegmenterError):
        fetch(pin, folder)


def test_a_download_is_the_file_and_nothing_else(server: Server, pin: Pin, tmp_path: Path):
    path = fetch(pin, tmp_path / "data" / "weights")

    assert path == tmp_path / "data" / "weights" / "net.pth"
    assert path.read_bytes() == BODY
    assert list(path.parent.iterdir()) == [path]


def test_progress_ends_with_every_byte(server: Server, pin: Pin, tmp_path: Path):
    calls: list[tuple[str, int, int | None]] = []

    fetch(pin, tmp_path, lambda *call: calls.append(call))

    assert calls[0] == ("net.pth", 0, len(BODY))
    assert calls[-1] == ("net.pth", len(BODY), len(BODY))
    assert [here for _, here, _ in calls] == sorted(here for _, here, _ in calls)


def test_a_file_that_is_there_needs_no_network(server: Server, pin: Pin, tmp_path: Path):
    fetch(pin, tmp_path)
    server.asked.clear()

    assert fetch(pin, tmp_path) == tmp_path / "net.pth"
    assert server.asked == []


def test_a_cut_download_says_how_to_go_on(server: Server, pin: Pin, tmp_path: Path):
    server.cut_at = CUT

    with pytest.raises(
        SegmenterError, match=r"net\.pth from 127\.0\.0\.1 broke off after 0\.3 MB.*it goes on from there"
    ):
        fetch(pin, tmp_path)

    assert not (tmp_path / "net.pth").exists()


def test_a_cut_download_goes_on_where_it_stopped(server: Server, pin: Pin, tmp_path: Path):
    cut_download(server, pin, tmp_path)
    calls: list[int] = []

    path = fetch(pin, tmp_path, lambda name, here, total: calls.append(here))

    assert path.read_bytes() == BODY
    assert server.asked[1]["Range"] == f"bytes={CUT}-"
    assert calls[0] == CUT


def test_a_download_may_be_cut_twice(server: Server, pin: Pin, tmp_path: Path):
    cut_download(server, pin, tmp_path)
    server.cut_at = 2 * CUT
    with pytest.raises(SegmenterError, match=r"after 0\.6 MB"):
        fetch(pin, tmp_path)

    assert fetch(pin, tmp_path).read_bytes() == BODY
    assert server.asked[2]["Range"] == f"bytes={2 * CUT}-"


def test_a_server_that_knows_no_ranges_starts_again(server: Server, pin: Pin, tmp_path: Path):
    server.knows_ranges = False
    cut_download(server, pin, tmp_path)

    assert fetch(pin, tmp_path).read_bytes() == BODY


def test_a_file_that_changed_at_its_source_starts_again(server: Server, pin: Pin, tmp_path: Path):
    server.body, server.etag = BODY[::-1], '"old"'
    cut_download(server, pin, tmp_path)
    server.body, server.etag = BODY, '"new"'

    assert fetch(pin, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_etag_nothing_is_resumed(server: Server, pin: Pin, tmp_path: Path, etag: str):
    server.etag = etag
    cut_download(server, pin, tmp_path)

    assert fetch(pin, tmp_path).read_bytes() == BODY
    assert "Range" not in server.asked[1]


def test_a_part_that_was_complete_already_starts_again(server: Server, pin: Pin, tmp_path: Path):
    (tmp_path / "net.pth.part").write_bytes(BODY)
    (tmp_path / "net.pth.part.etag").write_text(server.etag, encoding="utf-8")

    assert fetch(pin, tmp_path).read_bytes() == BODY


def test_a_server_may_not_say_how_long_the_file_is(server: Server, pin: Pin, tmp_path: Path):
    server.says_length = False
    totals: set[int | None] = set()

    fetch(pin, tmp_path, lambda name, here, total: totals.add(total))

    assert totals == {None}


def test_another_digest_is_refused_and_its_part_removed(server: Server, pin: Pin, tmp_path: Path):
    wrong = replace(pin, sha256="0" * 64)

    with pytest.raises(SegmenterError, match=rf"with the SHA-256 {SHA256[:16]}\.\.\., expected 0000000000000000\.\.\."):
        fetch(wrong, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_digest_is_written_beside_the_first_download(server: Server, pin: Pin, tmp_path: Path):
    fetch(replace(pin, sha256=None), tmp_path)

    assert (tmp_path / "net.pth.sha256").read_text(encoding="utf-8") == f"{SHA256}  net.pth\n"


@pytest.mark.parametrize("pinned", [SHA256, None])
def test_a_file_that_changed_on_the_disk_is_refused(server: Server, pin: Pin, tmp_path: Path, pinned: str | None):
    pin = replace(pin, sha256=pinned)
    fetch(pin, tmp_path).write_bytes(BODY[::-1])

    with pytest.raises(SegmenterError, match=rf"net\.pth has the SHA-256 .*, expected {SHA256[:16]}.*Delete it"):
        fetch(pin, tmp_path)


def test_a_second_download_must_be_what_the_first_was(server: Server, pin: Pin, tmp_path: Path):
    pin = replace(pin, sha256=None)
    fetch(pin, tmp_path).unlink()
    server.body = BODY[::-1]

    with pytest.raises(SegmenterError, match=f"expected {SHA256[:16]}"):
        fetch(pin, tmp_path)


def test_a_page_instead_of_the_file_is_refused(server: Server, pin: Pin, tmp_path: Path):
    server.body = b"<html>log in</html>" * 1000

    with pytest.raises(SegmenterError, match=r"offers 0\.0 MB instead of about 1\.0 MB"):
        fetch(replace(pin, sha256=None), tmp_path)

    assert not (tmp_path / "net.pth").exists()


def test_a_page_of_unknown_length_is_refused_too(server: Server, pin: Pin, tmp_path: Path):
    server.body, server.says_length = b"<html>log in</html>" * 1000, False

    with pytest.raises(SegmenterError, match=r"offers 0\.0 MB instead of about 1\.0 MB"):
        fetch(replace(pin, sha256=None), tmp_path)

    assert not (tmp_path / "net.pth").exists()


@pytest.mark.parametrize(("status", "phrase"), [(404, "404 Not Found"), (500, "500 Internal Server Error")])
def test_a_refusal_says_what_the_server_said(server: Server, pin: Pin, tmp_path: Path, status: int, phrase: str):
    server.status = status

    with pytest.raises(SegmenterError, match=rf"net\.pth answers {phrase}\. Put the file at .*net\.pth yourself"):
        fetch(pin, tmp_path)


def test_a_refusal_keeps_what_was_downloaded(server: Server, pin: Pin, tmp_path: Path):
    cut_download(server, pin, tmp_path)
    server.status = 503

    with pytest.raises(SegmenterError):
        fetch(pin, tmp_path)

    assert (tmp_path / "net.pth.part").stat().st_size == CUT


def test_a_machine_that_does_not_answer_is_a_sentence(pin: Pin, tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/net.pth"

    with pytest.raises(SegmenterError, match=r"cannot download net\.pth from 127\.0\.0\.1: .*put the file at"):
        fetch(replace(pin, url=nobody), tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_a_sentence(server: Server, pin: Pin, tmp_path: Path):
    (tmp_path / "net.pth.part").symlink_to("/dev/full")

    with pytest.raises(WorkspaceError, match="the disk is full"):
        fetch(pin, tmp_path)


def test_a_folder_that_cannot_be_written_is_a_sentence(pin: Pin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(self: Path, **options: bool) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(WorkspaceError, match="cannot write"):
        fetch(pin, tmp_path / "weights")


def test_the_digest_of_a_file_is_known(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")

    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_listing_says_what_is_here(tmp_path: Path):
    (tmp_path / "deeplabv2_resnet101_msc-cocostuff164k-100000.pth").touch()

    assert {choice.spec: choice.here for choice in registry.describe()}["deeplabv2-cocostuff164k"] is False
    assert {choice.spec: choice.here for choice in registry.describe(tmp_path)}["deeplabv2-cocostuff164k"] is True


def test_the_listing_needs_no_network_library():
    script = (
        "import sys, pipeline.segmenters.registry as r; r.describe(); print({'torch', 'httpx', 'cv2'} & {*sys.modules})"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "set()"


def test_the_first_digits_of_a_digest_are_enough_to_refuse(server: Server, pin: Pin, tmp_path: Path):
    assert fetch(replace(pin, sha256=SHA256[:8]), tmp_path / "right").is_file()

    with pytest.raises(SegmenterError, match=r"expected 00000000\.\.\."):
        fetch(replace(pin, sha256="00000000"), tmp_path / "wrong")


def test_where_only_the_first_digits_are_pinned_the_others_are_kept(server: Server, pin: Pin, tmp_path: Path):
    pin = replace(pin, sha256=SHA256[:8])
    fetch(pin, tmp_path)

    assert recorded_sha256(tmp_path / "net.pth") == SHA256


def test_a_file_of_any_size_is_taken_where_nobody_knows_it(server: Server, pin: Pin, tmp_path: Path):
    server.body = BODY[:5000]

    assert fetch(replace(pin, sha256=None, about_bytes=None), tmp_path).stat().st_size == 5000


@pytest.mark.parametrize("says_length", [True, False])
def test_a_server_cannot_fill_the_disk(server: Server, pin: Pin, tmp_path: Path, says_length: bool):
    server.says_length = says_length
    pin = replace(pin, sha256=None, about_bytes=None, most_bytes=100_000)

    with pytest.raises(SegmenterError, match=r"sends more than 0\.1 MB, too much for net\.pth"):
        fetch(pin, tmp_path)

    assert not (tmp_path / "net.pth").exists()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 400_000


@pytest.mark.parametrize("body", [b"<html>", b"\xff" * 100, (8).to_bytes(8, "little") + b'{"a": 1,'])
def test_a_file_that_begins_unlike_its_kind_is_thrown_away(server: Server, pin: Pin, tmp_path: Path, body: bytes):
    server.body = body
    pin = replace(pin, file_name="net.safetensors", sha256=None, about_bytes=None)

    with pytest.raises(SegmenterError, match=r"something else than a \.safetensors file"):
        fetch(pin, tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_safetensors_file_says_what_it_holds(tmp_path: Path):
    path = tmp_path / "net.safetensors"
    path.write_bytes((24).to_bytes(8, "little") + b'{"a": {"shape": [1, 2]}}' + b"12345678")

    assert read_safetensors_header(path) == {"a": {"shape": [1, 2]}}
