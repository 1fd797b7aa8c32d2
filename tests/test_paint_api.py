"""What the paint page asks of the server: what it gets, what is refused with a sentence, and that nobody is stuck."""

import asyncio
import base64
import io
import itertools
import threading

import numpy as np
import pytest
import torch

pytest.importorskip("fastapi", reason="there is no fastapi to serve with")

from PIL import Image
from starlette.testclient import TestClient

from gaugan.settings import Model as Settings
from pipeline import images
from pipeline.classes import load_taxonomy
from pipeline.serve import guard
from pipeline.serve.model import Style
from pipeline.serve.paint_schema import MOST_STYLE_NUMBERS
from pipeline.serve.painting import paint_app
from pipeline.serve.sizes import MOST_SIDE
from tests.painted import CLASSES, STYLE_SIZE, Painter, Segmenter, Stage

MAP = np.arange(12, dtype=np.uint8).reshape(3, 4)
SIZE = "width=4&height=3"
ERRORS = {"400", "403", "422"}


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path, most_waiting=3, most_seconds=20)
    yield stage
    stage.painter.gate.set()
    stage.easel.close()


@pytest.fixture
def client(stage):
    with TestClient(paint_app(stage.model, stage.easel), base_url="http://127.0.0.1:8123") as client:
        yield client


def pixels(png: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(png)))


def jpeg(height: int = 40, width: int = 60) -> bytes:
    return images.encode_photo(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def vector(*numbers: float) -> str:
    return "vector:" + base64.urlsafe_b64encode(np.array(numbers, "<f4").tobytes()).decode().rstrip("=")


# What a page asks for


def test_the_first_page_is_the_one_to_paint_on(client):
    answer = client.get("/")

    assert (answer.status_code, "paint.js" in answer.text) == (200, True)


def test_the_model_tells_what_it_takes(client):
    said = client.get("/api/model").json()

    assert (said["run"], said["method"], said["unknown"], said["multiple"]) == ("0001-tiny", "spade", 255, 32)
    assert (said["takes_seeds"], said["takes_photos"], said["edges"], said["images_shown"]) == (True, True, True, 640)
    assert (said["device"], said["latency_ms"], said["weights"]) == ("cpu", None, "0123456789ab")
    assert [one["name"] for one in said["classes"]] == list(load_taxonomy().names)
    assert set(said["classes"][0]) == {"id", "name", "colour", "thing"}


@pytest.mark.parametrize(
    ("crop", "canvas"),
    [((64, 64), (256, 256)), ((48, 96), (144, 288)), ((256, 256), (256, 256)), ((300, 400), (300, 400))],
)
def test_a_canvas_is_what_was_trained_on_enlarged_by_a_whole_number(tmp_path, crop, canvas):
    stage = Stage(tmp_path, painter=Painter(crop=crop))

    assert stage.model.canvas == canvas
    stage.easel.close()


def test_a_map_is_painted_pixel_for_pixel(client, stage):
    answer = client.post(f"/api/paint?{SIZE}", content=MAP.tobytes())

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert float(answer.headers["x-milliseconds"]) >= 0
    assert np.array_equal(stage.painter.painted[-1], MAP)
    assert np.array_equal(pixels(answer.content)[..., 1], 10 * MAP)


@pytest.mark.parametrize("size", [(1, 1), (256, 4096), (255, 257)])
def test_every_size_up_to_the_most_is_painted(client, size):
    height, width = size

    answer = client.post(f"/api/paint?width={width}&height={height}", content=bytes(height * width))

    assert pixels(answer.content).shape == (height, width, 3)


def test_a_map_of_the_most_pixels_is_painted(client):
    side = MOST_SIDE

    answer = client.post(f"/api/paint?width={side}&height={side}", content=bytes(side**2))

    assert answer.status_code == 200
    assert pixels(answer.content).shape == (side, side, 3)


@pytest.mark.parametrize("style", ["seed:7", vector(7, 0, 0, 0, 0, 0), vector(7, 0, 0, 0, 0, 0) + "="])
def test_a_style_is_a_seed_or_a_vector(client, style):
    answer = client.post(f"/api/paint?{SIZE}", content=bytes(12), params={"width": 4, "height": 3, "style": style})

    assert (pixels(answer.content)[..., 0] == 7).all()


def test_the_longest_style_that_a_run_can_have_is_taken(client, stage):
    limits = {name: Settings.model_fields[name].metadata for name in ("style_size", "noise_size")}
    longest = max(limit.le for limit in itertools.chain(*limits.values()) if hasattr(limit, "le"))
    stage.painter.style = lambda seed=0: torch.zeros(longest)
    style = client.get("/api/style?seed=1").json()["style"]

    answer = client.post("/api/paint", content=bytes(12), params={"width": 4, "height": 3, "style": style, "to": style})

    assert (answer.status_code, longest) == (200, MOST_STYLE_NUMBERS)


def test_a_seed_and_a_photo_give_vectors_that_are_taken_back(client):
    of_seed = client.get("/api/style?seed=9").json()["style"]
    of_photo = client.post("/api/style", content=jpeg()).json()["style"]

    assert of_seed == vector(*[9.0] * STYLE_SIZE)
    asked = {"width": 4, "height": 3, "style": of_photo}
    assert client.post("/api/paint", content=bytes(12), params=asked).status_code == 200


def test_the_latency_is_told_after_pictures(client):
    client.post(f"/api/paint?{SIZE}", content=MAP.tobytes())

    assert client.get("/api/model").json()["latency_ms"] >= 0


@pytest.mark.parametrize("colours", [False, True])
def test_a_map_that_is_written_is_read_again(client, colours):
    png = client.post(f"/api/write-map?{SIZE}&colours={colours}", content=MAP.tobytes()).content

    answer = client.post("/api/read-map", content=png)

    assert np.array_equal(pixels(png), MAP)
    assert (answer.headers["x-width"], answer.headers["x-height"]) == ("4", "3")
    assert np.array_equal(np.frombuffer(answer.content, np.uint8).reshape(3, 4), MAP)


def test_a_map_in_the_colours_of_the_classes_is_read(client):
    file = io.BytesIO()
    Image.fromarray(images.colourise(MAP, load_taxonomy().palette)).save(file, "PNG")

    assert client.post("/api/read-map", content=file.getvalue()).content == MAP.tobytes()


def test_the_middle_of_a_map_is_cut_out_and_scaled(client):
    ids = np.zeros((4, 8), np.uint8)
    ids[:, 2:6] = 5
    png = client.post("/api/write-map?width=8&height=4", content=ids.tobytes()).content

    answer = client.post("/api/read-map?width=16&height=16", content=png)

    assert np.array_equal(np.frombuffer(answer.content, np.uint8), np.full(256, 5))


def test_the_middle_of_a_photo_is_labelled(client, stage, monkeypatch):
    monkeypatch.setattr(stage.model.labeller, "_open", Segmenter)

    answer = client.post("/api/label?width=32&height=32", content=jpeg(40, 60))

    assert answer.content == bytes([3]) * 32 * 32


@pytest.mark.long
def test_a_photo_is_labelled_by_the_segmenter_of_the_package(client):
    answer = client.post("/api/label?width=64&height=48", content=jpeg(96, 96))

    ids = np.frombuffer(answer.content, np.uint8)
    assert (answer.status_code, len(ids)) == (200, 64 * 48)
    assert ((ids < CLASSES) | (ids == 255)).all()
    assert client.get("/api/model").json()["labels_photos"]


def test_unknown_pixels_become_the_commonest_class_where_a_run_knows_none(stage):
    stage.painter.unknown = False
    ids = np.array([[3, 3, 255, 1]], np.uint8)

    png = stage.model.write_map(ids, colours=False)

    assert stage.model.read_map(png, None).tolist() == [[3, 3, 3, 1]]


# What is refused, with a sentence


def run_without_styles(stage) -> None:
    stage.painter.style = lambda seed=0: None
    stage.painter.takes_photos = stage.painter.has_style = False


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/api/paint?width=4", b"", 422, "height: Field required"),
        ("POST", "/api/paint?width=0&height=3", b"", 422, "width: Input should be greater than or equal to 1"),
        ("POST", "/api/paint?width=4097&height=3", b"", 422, "width: Input should be less than or equal to 4096"),
        ("POST", "/api/paint?width=x&height=3", b"", 422, "width: "),
        ("POST", "/api/paint?width=1&height=4096", bytes(4096), 422, "at most 16 times as long as the other"),
        ("POST", f"/api/paint?{SIZE}", bytes(11), 422, "a map of 4x3 has 12 bytes, one a pixel; 11 came"),
        ("POST", f"/api/paint?{SIZE}", bytes(13), 422, "more than 12 came"),
        ("POST", f"/api/paint?{SIZE}", b"", 422, "0 came"),
        ("POST", f"/api/paint?{SIZE}", bytes(5) + b"\x63" * 7, 422, "the map has the id 99 at x=1, y=1"),
        ("POST", f"/api/paint?{SIZE}&style=blue", bytes(12), 422, "style: "),
        ("POST", f"/api/paint?{SIZE}&style=vector:AAAA", bytes(12), 422, "style is no base64url of float32 numbers"),
        ("POST", f"/api/paint?{SIZE}&style={vector(1)}", bytes(12), 422, "style has 1 numbers, expected 6"),
        (
            "POST",
            f"/api/paint?{SIZE}&to={vector(*[np.nan] * 6)}",
            bytes(12),
            422,
            "to holds nan, expected numbers from -10,000 to 10,000",
        ),
        (
            "POST",
            f"/api/paint?{SIZE}&style={vector(*[3e38] * 6)}",
            bytes(12),
            422,
            "style holds 3e+38, expected numbers from -10,000 to 10,000",
        ),
        ("POST", f"/api/paint?{SIZE}&share=2", bytes(12), 422, "share: "),
        ("POST", f"/api/paint?{SIZE}&client={'x' * 65}", bytes(12), 422, "client: "),
        ("GET", "/api/style?seed=-1", b"", 422, "seed: "),
        ("POST", "/api/style", b"no photo", 422, "the photo "),
        ("POST", "/api/style", b"", 422, "the photo is empty"),
        ("POST", "/api/style", jpeg()[:300], 422, "the photo "),
        ("POST", f"/api/label?{SIZE}", b"\x89PNG\r\n\x1a\n", 422, "the photo "),
        ("POST", "/api/read-map", b"no map", 422, "the map is no PNG"),
        ("POST", "/api/read-map?width=4", b"", 422, "say both sides, or neither"),
        ("POST", f"/api/write-map?{SIZE}", b"\x63" * 12, 422, "the map has the id 99"),
        ("GET", "/api/paint", b"", 405, "takes no GET"),
        ("GET", "/api/nothing", b"", 404, "there is nothing at"),
    ],
)
def test_nonsense_gets_a_sentence(client, method, path, body, status, said):
    answer = client.request(method, path, content=body)

    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_a_map_of_strange_colours_is_refused(client):
    file = io.BytesIO()
    Image.fromarray(np.full((2, 2, 3), 77, np.uint8)).save(file, "PNG")

    answer = client.post("/api/read-map", content=file.getvalue())

    assert (answer.status_code, "#4d4d4d" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        ("GET", "/api/style?seed=1", b"", "every seed paints the same"),
        ("POST", "/api/style", jpeg(), "has no style encoder"),
        ("POST", f"/api/paint?{SIZE}&style={vector(*[1] * 6)}", bytes(12), "has no styles, so it takes no vector"),
    ],
)
def test_a_run_without_styles_says_so(client, stage, method, path, body, said):
    run_without_styles(stage)

    answer = client.request(method, path, content=body)

    assert (answer.status_code, said in answer.json()["error"]) == (422, True)


def test_a_run_without_styles_takes_seeds_that_change_nothing(client, stage):
    run_without_styles(stage)

    assert client.post(f"/api/paint?{SIZE}&style=seed:3", content=bytes(12)).status_code == 200


@pytest.mark.parametrize("path", [f"/api/paint?{SIZE}", "/api/style", f"/api/label?{SIZE}", "/api/read-map"])
@pytest.mark.parametrize("said", [True, False])
def test_a_body_of_a_hundred_megabytes_is_refused(client, path, said):
    body = bytes(100_000_000) if said else (bytes(1_000_000) for _ in range(100))

    answer = client.post(path, content=body)

    assert (answer.status_code, "bytes at most" in answer.json()["error"]) == (413, True)


def test_a_request_to_another_host_is_refused(client):
    assert client.get("/api/model", headers={"host": "evil.example"}).status_code == 400


def test_a_page_from_elsewhere_paints_nothing(client):
    answer = client.post(f"/api/paint?{SIZE}", content=bytes(12), headers={"origin": "https://evil.example"})

    assert answer.status_code == 403


# That nobody is stuck


def ask(client: TestClient, answers: list, *, name: str = "", **size: int) -> threading.Thread:
    """Asks for a picture in a thread of its own."""
    size = size or {"width": 4, "height": 3}
    params = {**size, "client": name}

    def asking() -> None:
        answers.append(client.post("/api/paint", params=params, content=bytes(size["width"] * size["height"])))

    thread = threading.Thread(target=asking)
    thread.start()
    return thread


def wait_for(is_so) -> None:
    limit = threading.Event()
    for _ in range(500):
        if is_so():
            return
        limit.wait(0.01)
    raise AssertionError("it never came to be so")


def test_a_newer_request_replaces_a_waiting_one_of_the_same_client(client, stage):
    stage.painter.gate.clear()
    answers: list = []
    threads = [ask(client, answers, name="page")]
    stage.painter.begun.acquire(timeout=5)
    for _ in range(2):
        threads.append(ask(client, answers, name="page"))
        wait_for(lambda: len(stage.easel._waiting) == 1)
    wait_for(lambda: answers)

    assert (answers[0].status_code, "newer request" in answers[0].json()["error"]) == (409, True)
    stage.painter.gate.set()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 409]


def test_too_many_are_told_to_come_again(client, stage):
    stage.painter.gate.clear()
    answers: list = []
    threads = [ask(client, answers)]
    stage.painter.begun.acquire(timeout=5)
    threads += [ask(client, answers) for _ in range(3)]
    wait_for(lambda: len(stage.easel._waiting) == 3)

    refused = client.post(f"/api/paint?{SIZE}", content=bytes(12))

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert "3 wait already" in refused.json()["error"]
    stage.painter.gate.set()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [200] * 4


def test_what_takes_too_long_is_a_sentence(tmp_path):
    stage = Stage(tmp_path, most_seconds=0.05)
    stage.painter.gate.clear()
    with TestClient(paint_app(stage.model, stage.easel), base_url="http://127.0.0.1") as client:
        answer = client.post(f"/api/paint?{SIZE}", content=bytes(12))

    assert (answer.status_code, "took more than" in answer.json()["error"]) == (504, True)


def test_a_client_that_leaves_frees_the_easel(stage):
    stage.painter.gate.clear()
    app, sent = paint_app(stage.model, stage.easel), []
    headers = [(b"host", b"127.0.0.1"), (b"content-length", b"12")]
    scope = {"type": "http", "method": "POST", "path": "/api/paint", "query_string": SIZE.encode(), "headers": headers}

    async def leave() -> None:
        messages = iter([{"type": "http.request", "body": bytes(12)}])

        async def receive() -> dict:
            try:
                return next(messages)
            except StopIteration:
                await asyncio.to_thread(stage.painter.begun.acquire, timeout=5)
                return {"type": "http.disconnect"}

        async def send(message: dict) -> None:
            sent.append(message)

        await app({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, receive, send)

    asyncio.run(leave())

    assert asyncio.run(stage.easel.do(lambda: "free")) == "free"
    assert stage.painter.painted == []


def test_nothing_is_written(client, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    client.post(f"/api/paint?{SIZE}", content=MAP.tobytes())
    client.post("/api/style", content=jpeg())
    client.post("/api/read-map", content=client.post(f"/api/write-map?{SIZE}", content=MAP.tobytes()).content)

    assert sorted(tmp_path.rglob("*")) == before


# The first strokes


def test_the_quicker_way_is_taken_where_it_paints_the_same(stage, monkeypatch):
    taken = {"float32": 2.0, "bf16": 1.0}
    monkeypatch.setattr(stage.model, "_measure", lambda labels, precision: (labels, taken[precision]))

    stage.model.begin(lambda: None)

    assert stage.model.precision == "bf16"


def test_a_quicker_way_that_paints_otherwise_is_not_taken(stage, monkeypatch):
    pictures = {"float32": (np.uint8([[0]]), 2.0), "bf16": (np.uint8([[2]]), 1.0)}
    monkeypatch.setattr(stage.model, "_measure", lambda labels, precision: pictures[precision])

    stage.model.begin(lambda: None)

    assert stage.model.precision == "float32"


def test_a_share_of_the_way_is_between_two_styles(stage):
    pytest.importorskip("gaugan.styles")

    style = stage.model.style(Style(style="seed:1", to="seed:3", share=0.5))

    assert style.tolist() == pytest.approx([2.0] * STYLE_SIZE)


# What is written down


def test_the_schema_tells_of_every_address_its_bodies_and_its_errors(client):
    paths = client.get("/openapi.json").json()["paths"]

    assert set(paths) == {
        *("/healthz", "/api/model", "/api/paint", "/api/style", "/api/label", "/api/read-map", "/api/write-map")
    }
    for path in set(paths) - {"/healthz", "/api/model"}:
        said = paths[path]["post"]
        assert said["requestBody"]["content"]
        assert set(said["responses"]) == ERRORS | {"200", "408", "409", "413", "503", "504"}
        for status in set(said["responses"]) - {"200"}:
            schema = said["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}


def test_every_address_with_a_body_has_its_own_most(client):
    with_bodies = {path for path, said in client.get("/openapi.json").json()["paths"].items() if "post" in said}

    from pipeline.serve.paint_schema import MOST_BYTES

    assert set(MOST_BYTES) == with_bodies
    assert max(MOST_BYTES.values()) < guard.MOST_BYTES
