"""The server: what it answers to a page, to strangers and to nonsense, and its life until Ctrl-C."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="there is no fastapi to serve with")
pytest.importorskip("uvicorn", reason="there is no uvicorn to serve with")

import uvicorn
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

from pipeline.console import Console
from pipeline.errors import GauganpipeError
from pipeline.manifest import writing
from pipeline.serve import connection, guard
from pipeline.serve import review_api as api
from pipeline.serve.review import Review
from pipeline.serve.reviewing import plan_review, review_app, serve_review
from pipeline.workspace import Workspace
from tests.annotated import HEIGHT, LANDSCAPE, SEA, WIDTH, fill, labels, row

PHOTOS = "/api/review/photos"
JSON = {"content-type": "application/json"}
SERVER = """
import sys
from pathlib import Path
from pipeline.console import Console
from pipeline.serve.reviewing import serve_review
from pipeline.workspace import Workspace
serve_review(Workspace(root=Path(sys.argv[1])), port=0, opens=False, console=Console())
"""


@pytest.fixture
def labelled(workspace, photo_of):
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6})


@pytest.fixture
def client(labelled):
    with TestClient(review_app(Review(labelled)), base_url="http://127.0.0.1:8123") as client:
        yield client


# What a page asks for


def test_the_first_page_is_the_review(client):
    answer = client.get("/")

    assert answer.url.path == "/review"
    assert "<title>Review" in answer.text
    assert client.get("/static/canvas.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/healthz").json() == {"status": "ok"}


def test_the_classes_are_those_of_the_workspace(client):
    said = client.get("/api/classes").json()

    assert said["unknown"] == 255
    assert said["classes"][0] == {"id": 0, "name": "sky", "colour": "#9ceedd", "thing": False}
    assert len(said["classes"]) == len(LANDSCAPE)


def test_the_photos_come_with_the_least_certain_first(client):
    said = client.get(PHOTOS).json()

    assert [one["id"] for one in said["photos"]] == ["gb", "ga"]
    assert said["counts"] == {"waiting": 2, "reviewed": 0, "rejected": 0, "all": 2}
    assert said["photos"][0] == client.get(f"{PHOTOS}/gb").json()
    assert said["photos"][0]["name"] == "photos/gb.jpg"


def test_a_label_map_is_raw_ids_row_by_row(client, labelled):
    answer = client.get(f"{PHOTOS}/ga/labels")

    ids = np.frombuffer(answer.content, np.uint8).reshape(HEIGHT, WIDTH)
    assert np.array_equal(ids, labels(labelled, "ga"))
    assert answer.headers["x-label"] == row(labelled, "ga").digests["label"]


def test_a_photo_is_its_file(client, labelled):
    answer = client.get(f"{PHOTOS}/ga/photo")

    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content == labelled.made("images", "ga").read_bytes()


def test_accepting_and_rejecting_reach_the_disk(client, labelled):
    label = client.get(f"{PHOTOS}/ga").json()["label"]

    accepted = client.post(f"{PHOTOS}/ga/decision", json={"decision": "accept", "label": label})
    rejected = client.post(f"{PHOTOS}/gb/decision", json={"decision": "reject"})

    assert (accepted.json()["reviewed"], rejected.json()["keep"]) == (True, "no")
    assert (row(labelled, "ga").label_reviewed, row(labelled, "gb").keep) == ("yes", "no")


def test_painted_ids_are_written_as_they_came(client, labelled):
    ids = np.random.default_rng(1).choice([0, SEA, 255], (HEIGHT, WIDTH)).astype(np.uint8)

    answer = client.put(f"{PHOTOS}/ga/labels?label={row(labelled, 'ga').digests['label']}", content=ids.tobytes())

    assert (answer.status_code, answer.json()["corrected"], answer.json()["reviewed"]) == (200, True, True)
    assert np.array_equal(labels(labelled, "ga"), ids)
    assert answer.json()["label"] == row(labelled, "ga").digests["label"]


def test_the_schema_tells_of_every_address(client):
    paths = client.get("/openapi.json").json()["paths"]

    assert set(paths) == {
        *("/healthz", "/api/classes", PHOTOS, f"{PHOTOS}/{{id}}", f"{PHOTOS}/{{id}}/photo"),
        *(f"{PHOTOS}/{{id}}/labels", f"{PHOTOS}/{{id}}/decision"),
    }
    assert "application/octet-stream" in paths[f"{PHOTOS}/{{id}}/labels"]["put"]["requestBody"]["content"]


# What is refused, with a sentence


@pytest.mark.parametrize(
    ("method", "path", "asked", "status", "said"),
    [
        ("GET", f"{PHOTOS}/gz", {}, 404, "there is no labelled photo 'gz'. Load the page again"),
        ("GET", f"{PHOTOS}/..%2f..%2fetc/photo", {}, 404, "there is nothing at"),
        ("GET", "/nowhere", {}, 404, "there is nothing at /nowhere"),
        ("GET", "/static/../app.py", {}, 404, "there is nothing at"),
        ("DELETE", f"{PHOTOS}/ga", {}, 405, "takes no DELETE"),
        ("GET", f"{PHOTOS}?show=none", {}, 422, "show: Input should be 'waiting'"),
        ("GET", f"{PHOTOS}?most=0", {}, 422, "most: "),
        ("POST", f"{PHOTOS}/ga/decision", {"json": {"decision": "delete"}}, 422, "decision: "),
        ("POST", f"{PHOTOS}/ga/decision", {"json": {"decision": "accept", "url": "http://x"}}, 422, "url: "),
        ("POST", f"{PHOTOS}/ga/decision", {"content": b"{", "headers": JSON}, 422, "body: JSON decode error"),
        ("POST", f"{PHOTOS}/ga/decision", {"content": b'{"decision": "accept"}'}, 422, "body: "),
        ("POST", f"{PHOTOS}/ga/decision", {"json": {"decision": "accept", "label": "old"}}, 409, "has changed since"),
        (
            "PUT",
            f"{PHOTOS}/ga/labels",
            {"content": b"abc"},
            422,
            "a map of 102x96 has 9,792 bytes, one a pixel; 3 came",
        ),
        ("PUT", f"{PHOTOS}/ga/labels", {"content": bytes(9793)}, 422, "more than 9,792 came"),
        ("PUT", f"{PHOTOS}/ga/labels", {"content": b"\x63" * 9792}, 422, "has the id 99 at x=0, y=0"),
        ("PUT", f"{PHOTOS}/ga/labels?label=old", {"content": bytes(9792)}, 409, "has changed since"),
        ("PUT", f"{PHOTOS}/gz/labels", {"content": b""}, 404, "there is no labelled photo"),
    ],
)
def test_nonsense_gets_a_sentence_and_changes_nothing(client, labelled, method, path, asked, status, said):
    before = labels(labelled, "ga")

    answer = client.request(method, path, **asked)

    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert np.array_equal(labels(labelled, "ga"), before)
    assert row(labelled, "ga").label_reviewed == ""


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8123", "", "[", "10.0.0.1"])
def test_a_request_to_another_host_is_refused(client, host):
    answer = client.get(PHOTOS, headers={"host": host})

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("this server is called 127.0.0.1")


@pytest.mark.parametrize("host", ["localhost:8123", "127.0.0.1", "[::1]:8123"])
def test_a_request_to_this_machine_is_answered(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_a_page_from_elsewhere_changes_nothing(client, labelled, origin):
    answer = client.post(f"{PHOTOS}/ga/decision", json={"decision": "reject"}, headers={"origin": origin})

    assert answer.status_code == 403
    assert row(labelled, "ga").keep == ""


def test_a_body_that_is_said_to_be_too_large_is_refused_before_it_comes(client):
    answer = client.put(f"{PHOTOS}/ga/labels", content=b"", headers={"content-length": str(guard.MOST_BYTES + 1)})

    assert (answer.status_code, answer.json()["error"]) == (413, "a body has 100,000,000 bytes at most")


def test_a_body_of_unsaid_length_is_read_no_further_than_it_may_be(client, monkeypatch):
    monkeypatch.setattr(guard, "MOST_BYTES", 1000)

    answer = client.post(f"{PHOTOS}/ga/decision", content=(b" " * 600 for _ in range(3)))

    assert answer.status_code == 413


def test_bodies_that_come_at_once_share_the_room(monkeypatch):
    monkeypatch.setattr(guard, "MOST_BYTES_AT_ONCE", 100)
    statuses = []

    async def read(scope, receive, send):
        try:
            while (await receive())["more_body"]:
                pass
            statuses.append(200)
        except HTTPException as error:
            statuses.append((error.status_code, error.headers["retry-after"]))

    async def ask(guarded, parts: list[bytes], going_on: asyncio.Event) -> None:
        messages = iter([{"type": "http.request", "body": part, "more_body": True} for part in parts])

        async def receive():
            if message := next(messages, None):
                return message
            await going_on.wait()
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            pass

        scope = {"type": "http", "method": "PUT", "path": "/", "headers": [(b"host", b"127.0.0.1")]}
        await guarded(scope, receive, send)

    async def ask_all() -> int:
        guarded, slow, at_once = guard.Guard(read), asyncio.Event(), asyncio.Event()
        at_once.set()
        first = asyncio.create_task(ask(guarded, [bytes(30), bytes(30)], slow))
        await asyncio.sleep(0.01)
        await ask(guarded, [bytes(30), bytes(30)], at_once)
        await ask(guarded, [bytes(40)], at_once)
        slow.set()
        await first
        await ask(guarded, [bytes(100)], at_once)
        return guarded.kept_bytes

    assert asyncio.run(ask_all()) == 0
    assert statuses == [(503, "1"), 200, 200, 200]


def test_a_map_that_drips_is_given_up(monkeypatch):
    monkeypatch.setattr(api, "BODY_SECONDS", 0.05)

    class Dripping:
        async def stream(self):
            while True:
                await asyncio.sleep(0.02)
                yield b"\0"

    with pytest.raises(HTTPException) as caught:
        asyncio.run(api.read_ids(Dripping(), width=WIDTH, height=HEIGHT))

    assert caught.value.status_code == 408


def test_pages_may_load_nothing_from_elsewhere(client):
    for path in ("/review", "/static/review.js", f"{PHOTOS}/ga/photo", "/nowhere"):
        headers = client.get(path).headers

        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_no_question_is_answered_in_the_loop_where_all_would_wait_for_it(labelled, monkeypatch):
    review, find, in_the_loop = Review(labelled), Review.find, []

    def find_anywhere(self, id):
        with contextlib.suppress(RuntimeError):
            in_the_loop.append(asyncio.get_running_loop())
        return find(self, id)

    monkeypatch.setattr(Review, "find", find_anywhere)
    with TestClient(review_app(review), base_url="http://127.0.0.1") as client:
        answers = [
            client.put(f"{PHOTOS}/ga/labels", content=bytes(9792)),
            client.get(f"{PHOTOS}/ga"),
            client.get(f"{PHOTOS}/ga/photo"),
        ]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert in_the_loop == []


def test_while_another_process_writes_the_answer_is_a_sentence(client, labelled):
    with writing(labelled):
        answer = client.post(f"{PHOTOS}/ga/decision", json={"decision": "accept"})

    assert answer.status_code == 409
    assert "is being written by process" in answer.json()["error"]


def test_the_end_of_the_server_folds_the_journal(labelled):
    with TestClient(review_app(Review(labelled)), base_url="http://127.0.0.1") as client:
        client.post(f"{PHOTOS}/ga/decision", json={"decision": "accept"})
        assert labelled.journal.exists()

    assert not labelled.journal.exists()


# From the first line to Ctrl-C


@contextlib.contextmanager
def started(workspace):
    """The process of a server, and the address that it has printed."""
    words = [sys.executable, "-c", SERVER, workspace.root]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Of a server that serves a workspace of one photo."""
    workspace = Workspace(root=tmp_path_factory.mktemp("served"))
    photo = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    with started(fill(workspace, lambda _: photo, {"ga": 0.9})) as (_, address):
        yield address


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_server_prints_its_address_answers_and_ends_cleanly(labelled, kind):
    with started(labelled) as (process, address):
        body = json.dumps({"decision": "accept"}).encode()
        request = urllib.request.Request(f"{address}api/review/photos/ga/decision", data=body, headers=JSON)
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert json.load(answer)["reviewed"]

        process.send_signal(kind)
        _, talk = process.communicate(timeout=30)

    assert "Traceback" not in talk
    assert "2 photos to look through, the least certain first. Ctrl-C ends" in talk
    assert process.returncode == (0 if kind == signal.SIGINT else -signal.SIGTERM)
    assert not labelled.journal.exists()
    assert row(labelled, "ga").label_reviewed == "yes"


def test_what_was_decided_survives_the_sudden_end_of_the_server(labelled):
    with started(labelled) as (process, address):
        body = json.dumps({"decision": "reject"}).encode()
        request = urllib.request.Request(f"{address}api/review/photos/ga/decision", data=body, headers=JSON)
        urllib.request.urlopen(request, timeout=20).close()
        process.kill()

    assert row(labelled, "ga").keep == "no"


def test_a_server_listens_on_this_machine_alone(address):
    port = int(address.rstrip("/").rpartition(":")[2])

    with socket.socket() as elsewhere, pytest.raises(OSError):
        elsewhere.settimeout(2)
        elsewhere.connect((socket.gethostbyname(socket.gethostname()), port))
        if socket.gethostbyname(socket.gethostname()).startswith("127."):
            raise OSError("this machine has no other address")


def test_a_client_that_leaves_in_the_middle_stops_nobody(address):
    port = int(address.rstrip("/").rpartition(":")[2])
    head = f"PUT {PHOTOS}/ga/labels HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 9792\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + b"\0" * 100)

    with urllib.request.urlopen(f"{address}healthz", timeout=20) as answer:
        assert answer.status == 200


@contextlib.contextmanager
def listening(monkeypatch, seconds: float):
    """The port of a server in a thread of this process, on which a request may take so long until its last header."""
    monkeypatch.setattr(connection, "SECONDS_TO_ASK", seconds)
    config = uvicorn.Config(FastAPI(), http=connection.Connection, ws="none", log_config=None, timeout_keep_alive=60)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_headers_that_never_end_are_given_up(monkeypatch, said):
    with listening(monkeypatch, 0.3) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(said)

        assert client.recv(100) == b""


def test_a_connection_on_which_requests_come_one_after_another_stays(monkeypatch):
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with listening(monkeypatch, 0.3) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        for _ in range(4):
            client.sendall(request)
            answer = b""
            while not answer.endswith(b"}"):
                came = client.recv(1000)
                assert came, "the connection was closed"
                answer += came
            time.sleep(0.15)


def test_fifty_clients_at_once_are_all_answered(address):
    answers = []

    def ask() -> None:
        with urllib.request.urlopen(f"{address}api/review/photos/ga/labels", timeout=30) as answer:
            answers.append(len(answer.read()))

    clients = [threading.Thread(target=ask) for _ in range(50)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()

    assert answers == [WIDTH * HEIGHT] * 50


def test_a_port_that_is_taken_is_a_sentence(labelled):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(GauganpipeError, match=rf"port {port} is taken\. Name another"):
            serve_review(labelled, port=port, opens=False, console=Console(quiet=True))


def test_a_workspace_without_label_maps_is_a_sentence(workspace):
    with writing(workspace):
        pass

    with pytest.raises(GauganpipeError, match="has a label map yet"):
        serve_review(workspace, port=0, opens=False, console=Console(quiet=True))


def test_a_plan_listens_to_nothing(labelled):
    assert plan_review(labelled, port=8123) == ["would serve 2 photos to look through at http://127.0.0.1:8123/"]
    assert plan_review(labelled, port=0) == ["would serve 2 photos to look through at a free port"]
