"""The paint page in a browser, with a server that paints flat colours: what is painted there reaches it id by id."""

import asyncio
import base64
import re
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.classes import UNKNOWN, Taxonomy, entries_of, load_taxonomy
from tests.browser import NARROW, NEEDS_BROWSER, opened_browser, opened_page, served

pytestmark = NEEDS_BROWSER

LANDSCAPE = load_taxonomy()
SKY, MOUNTAIN, SNOW, SEA, TREE, GRASS = (
    LANDSCAPE.id_of(name) for name in ("sky", "mountain", "snow", "sea", "tree", "grass")
)
SIDE = 256
KEPT_AFTER_MS = 600


@dataclass
class Server:
    """What the server is to do, and what it was asked for."""

    taxonomy: Taxonomy = LANDSCAPE
    model: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    labelling_seconds: float = 0.0
    refusal: str = ""
    bodies: list[np.ndarray] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)
    labelled: list[tuple[int, int]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        classes = [
            {name: entry[name] for name in ("id", "name", "colour", "thing")} for entry in entries_of(self.taxonomy)
        ]
        made = {
            "run": "0007-fake",
            "weights": "0123456789ab",
            "method": "spade",
            "classes": classes,
            "unknown": UNKNOWN,
            "width": SIDE,
        }
        made |= {"height": SIDE, "multiple": 4, "takes_seeds": True, "takes_photos": True, "edges": False}
        made |= {"images_shown": 1000, "device": "cpu", "labels_photos": True, "latency_ms": None, "next": ""}
        return made | self.model


def app_of(server: Server) -> Any:
    """An app with the routes of the paint page. A photo that is labelled becomes sky above sea."""
    from fastapi import Request, Response
    from fastapi.responses import FileResponse, JSONResponse

    from pipeline.serve.app import STATIC, bare_app

    app = bare_app("test", statuses={}, on_end=lambda: None)

    async def ids_of(request: Request, width: int, height: int) -> np.ndarray:
        return np.frombuffer(await request.body(), np.uint8).reshape(height, width)

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "paint.html")

    @app.get("/api/model")
    def model() -> dict[str, Any]:
        return server.facts()

    @app.post("/api/paint")
    async def paint(request: Request, width: int, height: int) -> Response:
        if server.refusal:
            return JSONResponse({"error": server.refusal}, status_code=422)
        ids = await ids_of(request, width, height)
        server.bodies.append(ids)
        server.asked.append(dict(request.query_params))
        await asyncio.sleep(server.seconds)
        return Response(png(colours(server.taxonomy)[ids]), media_type="image/png", headers={"x-milliseconds": "12.5"})

    @app.post("/api/style")
    async def style(request: Request) -> dict[str, str]:
        server.written.append(await request.body())
        return {"style": "vector:AACAPwAAAEA"}

    @app.post("/api/label")
    async def label(width: int, height: int) -> Response:
        server.labelled.append((width, height))
        await asyncio.sleep(server.labelling_seconds)
        return Response(sky_above_sea(width, height).tobytes(), media_type="application/octet-stream")

    @app.post("/api/read-map")
    async def read_map(request: Request) -> Response:
        ids = cv2.imdecode(np.frombuffer(await request.body(), np.uint8), cv2.IMREAD_UNCHANGED)
        headers = {"x-width": str(ids.shape[1]), "x-height": str(ids.shape[0])}
        return Response(ids.tobytes(), media_type="application/octet-stream", headers=headers)

    @app.post("/api/write-map")
    async def write_map(request: Request, width: int, height: int) -> Response:
        ids = await ids_of(request, width, height)
        return Response(cv2.imencode(".png", ids)[1].tobytes(), media_type="image/png")

    return app


def sky_above_sea(width: int, height: int) -> np.ndarray:
    ids = np.full((height, width), SKY, np.uint8)
    ids[height // 3 :] = SEA
    return ids


def colours(taxonomy: Taxonomy) -> np.ndarray:
    """(256, 3) uint8, by id; grey for unknown."""
    table = np.full((256, 3), 128, np.uint8)
    for entry in entries_of(taxonomy):
        table[entry["id"]] = [int(entry["colour"][at : at + 2], 16) for at in (1, 3, 5)]
    return table


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()


@pytest.fixture(scope="module")
def server():
    return Server()


@pytest.fixture(scope="module")
def address(server):
    with served(app_of(server)) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


@pytest.fixture(autouse=True)
def fresh(server):
    vars(server).update(vars(Server()))


@pytest.fixture(scope="module")
def opened(browser):
    with opened_page(browser) as seen:
        # A page that is no HTML has no icon of its own, and the browser asks for one.
        seen.page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        # From now on, so that no real dialog opens before the first is expected.
        seen.page.on("filechooser", lambda chooser: None)
        yield seen


@pytest.fixture
def seen(opened, address):
    """A page that has kept nothing of the test before."""
    opened.page.goto(f"{address}healthz")
    opened.page.evaluate("() => { localStorage.clear(); indexedDB.deleteDatabase('gauganpipe'); }")
    opened.errors.clear()
    show(opened.page, address)
    yield opened
    assert opened.errors == []
    assert all(one.startswith((address, "data:", "blob:")) for one in opened.requests)


def show(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-painted]")
    settled(page)


def settled(page) -> None:
    """Waits until nothing is asked for any more, and the newest picture is seen."""
    page.wait_for_function("() => document.body.dataset.waits === 'no'")


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    settled(page)


def at(page, x: int, y: int) -> tuple[float, float]:
    """Where a pixel of the drawing lies in the window."""
    box = page.locator("canvas.labels").bounding_box()
    return box["x"] + (x + 0.5) * box["width"] / SIDE, box["y"] + (y + 0.5) * box["height"] / SIDE


def stroke(page, start: tuple[int, int], end: tuple[int, int], *, steps: int = 4) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=steps)
    page.mouse.up()
    settled(page)


def serve_other(page, server: Server, **model: Any) -> None:
    """The server comes back with another model, and the page has noticed it."""
    server.model = {**model, "next": f"change {len(server.asked)}"}
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_function("next => document.getElementById('run').title.endsWith(next)", arg=server.model["next"])
    settled(page)


def choose(page, name: str) -> None:
    page.locator("#classes button", has_text=re.compile(f"^{name}")).first.click()


def hand_file(page, act, name: str, data: bytes) -> None:
    """Chooses a file, and does not wait for what comes of it."""
    with page.expect_file_chooser() as chooser:
        act()
    kind = "image/png" if name.endswith("png") else "image/jpeg"
    chooser.value.set_files({"name": name, "mimeType": kind, "buffer": data})


def choose_file(page, act, name: str, data: bytes) -> None:
    hand_file(page, act, name, data)
    page.wait_for_function("() => !document.querySelector('[aria-busy]') && document.getElementById('working').hidden")
    settled(page)


def drawn(page) -> np.ndarray:
    """(H, W) uint8, the ids whose colours the page shows, 255 where it is transparent or hatched."""
    return ids_of(page, "document.querySelector('canvas.labels')")


def painted(page) -> np.ndarray:
    """The ids whose colours the painted picture has."""
    return ids_of(page, "[...document.querySelectorAll('.painted img')].at(-1)")


def ids_of(page, element: str) -> np.ndarray:
    code = f"""() => {{
        const source = {element}, canvas = document.createElement('canvas');
        [canvas.width, canvas.height] = [source.naturalWidth ?? source.width, source.naturalHeight ?? source.height];
        canvas.getContext('2d').drawImage(source, 0, 0);
        const {{ data }} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const text = [];
        for (let at = 0; at < data.length; at += 8192) text.push(String.fromCharCode(...data.subarray(at, at + 8192)));
        return [canvas.width, canvas.height, btoa(text.join(''))];
    }}"""
    width, height, data = page.evaluate(code)
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4).astype(np.uint32)
    known = colours(LANDSCAPE)[: len(LANDSCAPE)].astype(np.uint32)
    table = {int(red << 16 | green << 8 | blue): id for id, (red, green, blue) in enumerate(known)}
    packed = pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]
    values, places = np.unique(packed, return_inverse=True)
    return np.array([table.get(int(one), UNKNOWN) for one in values], np.uint8)[places].reshape(height, width)


def disc(x: int, y: int, radius: int) -> np.ndarray:
    down, across = np.mgrid[:SIDE, :SIDE]
    return (across - x) ** 2 + (down - y) ** 2 <= radius**2


# Painting


def test_a_new_canvas_is_a_landscape_that_is_painted_at_once(seen, server):
    ids = server.bodies[-1]

    assert ids.shape == (SIDE, SIDE)
    assert {SKY, MOUNTAIN, SEA, GRASS, TREE} <= set(np.unique(ids)) <= set(range(len(LANDSCAPE)))
    assert set(ids[0]) == {SKY} and set(ids[-1]) == {GRASS}
    assert np.array_equal(drawn(seen.page), ids)
    assert np.array_equal(painted(seen.page), ids)
    assert seen.page.inner_text("#time") == "0.01 s"


def test_three_classes_and_a_fill_reach_the_server_as_they_were_painted(seen, server):
    page, wanted = seen.page, server.bodies[-1].copy()

    choose(page, "snow")
    page.fill("#size", "3")
    stroke(page, (40, 20), (70, 20))
    choose(page, "tree")
    press(page, "r")
    stroke(page, (100, 200), (130, 220))
    choose(page, "sea")
    press(page, "l")
    page.fill("#size", "0")
    stroke(page, (20, 240), (200, 240))
    choose(page, "mountain")
    press(page, "f")
    page.mouse.click(*at(page, 115, 210))
    settled(page)

    for x in range(40, 71):
        wanted[disc(x, 20, 3)] = SNOW
    wanted[200:221, 100:131] = MOUNTAIN
    wanted[240, 20:201] = SEA
    assert np.array_equal(server.bodies[-1], wanted)
    assert np.array_equal(drawn(page), wanted)
    assert np.array_equal(painted(page), wanted)


def test_undone_and_redone_by_keys(seen, server):
    page, states = seen.page, [server.bodies[-1]]
    choose(page, "snow")
    press(page, "r")
    for x in (10, 60, 110):
        stroke(page, (x, 10), (x + 20, 30))
        states.append(server.bodies[-1])

    press(page, "z")
    assert np.array_equal(server.bodies[-1], states[2])
    press(page, "Control+z", "z", "z", "z")
    assert np.array_equal(server.bodies[-1], states[0])
    press(page, "y", "Control+Shift+z")
    assert np.array_equal(server.bodies[-1], states[2])
    assert np.array_equal(drawn(page), states[2])


def test_while_a_stroke_goes_on_pictures_come_and_the_last_one_stays(seen, server):
    page, before = seen.page, len(server.bodies)
    server.seconds = 0.05
    choose(page, "snow")

    page.mouse.move(*at(page, 20, 30))
    page.mouse.down()
    for x in range(20, 220, 8):
        page.mouse.move(*at(page, x, 30))
        page.wait_for_timeout(20)
    coming = len(server.bodies) - before
    page.mouse.up()
    settled(page)

    assert coming >= 2
    assert np.array_equal(painted(page), server.bodies[-1])
    assert np.array_equal(painted(page), drawn(page))


def test_the_eraser_leaves_unknown(seen, server):
    page = seen.page
    press(page, "e")
    page.fill("#size", "2")
    page.mouse.click(*at(page, 50, 50))
    settled(page)

    assert np.array_equal(server.bodies[-1] == UNKNOWN, disc(50, 50, 2))


def test_the_eraser_leaves_sky_where_the_run_knows_no_unknown(browser, address, server):
    server.model = {"unknown": None}
    with opened_page(browser) as seen:
        show(seen.page, address)
        press(seen.page, "e")
        seen.page.mouse.click(*at(seen.page, 128, 250))
        settled(seen.page)

        assert server.bodies[-1][250, 128] == SKY
        assert "unknown" not in seen.page.inner_text("#classes")


def test_keys_alone_paint(seen, server):
    page, wanted = seen.page, server.bodies[-1].copy()
    choose(page, "snow")
    press(page, "r")
    page.focus("#frame")

    press(page, "ArrowUp", *["Shift+ArrowUp"] * 3, " ", *["Shift+ArrowRight"] * 4, "Shift+ArrowDown", " ")

    wanted[125:127, 128:133] = SNOW
    assert np.array_equal(server.bodies[-1], wanted)


def test_an_empty_canvas_and_a_new_landscape_are_one_action_each(seen, server):
    page, before = seen.page, server.bodies[-1]

    press(page, "Backspace")
    assert set(np.unique(server.bodies[-1])) == {UNKNOWN}
    press(page, "n")
    assert np.array_equal(server.bodies[-1], before)
    press(page, "z")
    assert set(np.unique(server.bodies[-1])) == {UNKNOWN}


@pytest.mark.parametrize("key", ["Backspace", "n"])
def test_a_key_that_replaces_all_ends_the_stroke_and_each_is_one_action(seen, server, key):
    page, before = seen.page, server.bodies[-1]
    choose(page, "snow")
    page.fill("#size", "3")
    page.mouse.move(*at(page, 40, 20))
    page.mouse.down()
    page.mouse.move(*at(page, 70, 20), steps=4)
    page.keyboard.press(key)
    page.mouse.move(*at(page, 120, 20), steps=4)
    page.mouse.up()
    settled(page)
    replaced = server.bodies[-1]
    assert SNOW not in replaced

    press(page, "z")
    assert (server.bodies[-1][20, 40:71] == SNOW).all() and SNOW not in server.bodies[-1][20, 80:]
    press(page, "z")
    assert np.array_equal(server.bodies[-1], before)
    press(page, "y", "y")
    assert np.array_equal(server.bodies[-1], replaced)


def test_of_many_classes_one_is_found_by_a_part_of_its_name(browser, address, server):
    server.taxonomy = load_taxonomy("cocostuff")
    with opened_page(browser) as seen:
        page = seen.page
        show(page, address)
        press(page, "/")
        page.keyboard.type("waterd")
        press(page, "Enter", "f")
        page.mouse.click(*at(page, 128, 5))
        settled(page)

    assert server.bodies[-1][5, 128] == server.taxonomy.id_of("waterdrops")


def test_a_class_with_capitals_is_found(browser, address, server):
    names = [f"class {place}" for place in range(30)] + ["Tower Bridge"]
    classes = [{"id": id, "name": name, "colour": "#102030", "thing": False} for id, name in enumerate(names)]
    server.model = {"classes": classes}
    with opened_page(browser) as seen:
        show(seen.page, address)
        press(seen.page, "/")
        seen.page.keyboard.type("tower b")

        assert seen.page.locator("#classes button:visible span").all_inner_texts() == ["Tower Bridge"]


# Files


def test_a_photo_is_labelled_and_one_key_takes_it_back(seen, server):
    page, before = seen.page, server.bodies[-1]

    choose_file(page, lambda: page.keyboard.press("o"), "lake.jpg", b"bytes of a photo")
    assert np.array_equal(server.bodies[-1], sky_above_sea(SIDE, SIDE))
    press(page, "z")

    assert np.array_equal(server.bodies[-1], before)


def test_a_map_is_opened_in_its_own_size(seen, server):
    page, ids = seen.page, np.random.default_rng(1).integers(0, 20, (30, 40), dtype=np.uint8)

    choose_file(page, lambda: page.keyboard.press("m"), "map.png", cv2.imencode(".png", ids)[1].tobytes())

    assert np.array_equal(server.bodies[-1], ids)
    assert np.array_equal(drawn(page), ids)


def test_one_key_takes_back_a_map_of_another_size_and_the_strokes_before_it(seen, server):
    page, ids = seen.page, np.random.default_rng(1).integers(0, 20, (30, 40), dtype=np.uint8)
    first = server.bodies[-1]
    choose(page, "snow")
    stroke(page, (40, 20), (70, 20))
    second = server.bodies[-1]
    choose_file(page, lambda: page.keyboard.press("m"), "map.png", cv2.imencode(".png", ids)[1].tobytes())

    press(page, "z")
    assert np.array_equal(server.bodies[-1], second)
    assert np.array_equal(drawn(page), second) and np.array_equal(painted(page), second)
    assert page.input_value("#shape") == f"{SIDE}x{SIDE}"
    press(page, "z")
    assert np.array_equal(server.bodies[-1], first)
    press(page, "y", "y")
    assert np.array_equal(server.bodies[-1], ids)
    assert page.input_value("#shape") == "40x30"


def test_one_key_takes_back_another_canvas(seen, server):
    page, before = seen.page, server.bodies[-1]

    take_shape(page, "512x256")
    assert np.array_equal(server.bodies[-1], np.repeat(before, 2, axis=1))
    press(page, "z")

    assert np.array_equal(server.bodies[-1], before)


def take_shape(page, shape: str) -> None:
    page.click("#open")
    page.select_option("#shape", shape)
    settled(page)


def test_a_photo_waits_for_the_stroke_to_end(seen, server):
    page = seen.page
    choose(page, "snow")
    page.fill("#size", "3")
    server.labelling_seconds = 0.2
    hand_file(page, lambda: page.keyboard.press("o"), "lake.jpg", b"bytes of a photo")
    page.mouse.move(*at(page, 40, 20))
    page.mouse.down()
    page.wait_for_timeout(400)
    page.mouse.move(*at(page, 200, 20), steps=8)
    page.mouse.up()
    page.wait_for_selector("#working", state="hidden")
    settled(page)

    assert np.array_equal(server.bodies[-1], sky_above_sea(SIDE, SIDE))
    press(page, "z")
    assert (server.bodies[-1][20, 40:201] == SNOW).all()


def test_a_photo_that_comes_late_is_labelled_for_the_canvas_as_it_is_then(seen, server):
    page = seen.page
    server.labelling_seconds = 0.4
    hand_file(page, lambda: page.keyboard.press("o"), "lake.jpg", b"bytes of a photo")
    take_shape(page, "512x256")
    before = server.bodies[-1]
    page.wait_for_selector("#working", state="hidden")
    settled(page)

    assert server.labelled == [(SIDE, SIDE), (512, 256)]
    assert np.array_equal(server.bodies[-1], sky_above_sea(512, 256))
    press(page, "z")
    assert np.array_equal(server.bodies[-1], before)


def test_of_two_photos_the_one_that_was_opened_last_stays(seen, server):
    page, ids = seen.page, np.full((SIDE, SIDE), SNOW, np.uint8)
    server.labelling_seconds = 0.3
    hand_file(page, lambda: page.keyboard.press("o"), "lake.jpg", b"bytes of a photo")
    choose_file(page, lambda: page.keyboard.press("m"), "map.png", cv2.imencode(".png", ids)[1].tobytes())
    page.wait_for_timeout(400)
    settled(page)

    assert np.array_equal(server.bodies[-1], ids)


def test_a_map_is_taken_by_drop_and_by_paste(seen, server):
    page, ids = seen.page, np.full((SIDE, SIDE), SNOW, np.uint8)
    code = """([kind, target, bytes]) => {
        const dropped = new DataTransfer();
        dropped.items.add(new File([new Uint8Array(bytes)], 'map.png', { type: 'image/png' }));
        const about = { bubbles: true, dataTransfer: dropped, clipboardData: dropped };
        const event = kind === 'paste' ? new ClipboardEvent(kind, about) : new DragEvent(kind, about);
        document.querySelector(target).dispatchEvent(event);
    }"""

    page.evaluate(code, ["dragenter", "body", []])
    assert page.is_visible("#drop")
    page.evaluate(code, ["drop", "#drop-map", list(cv2.imencode(".png", ids)[1].tobytes())])
    page.wait_for_function("() => document.getElementById('drop').hidden && document.getElementById('working').hidden")
    settled(page)
    assert np.array_equal(server.bodies[-1], ids)

    page.evaluate(code, ["paste", "body", list(cv2.imencode(".png", ids + 1)[1].tobytes())])
    page.wait_for_function("() => !document.getElementById('undo').disabled")
    page.wait_for_selector("#working", state="hidden")
    settled(page)
    assert np.array_equal(server.bodies[-1], ids + 1)


def test_the_picture_and_the_map_are_saved(seen, server, tmp_path):
    page = seen.page

    for key, name in [("s", "picture"), ("Shift+S", "map")]:
        with page.expect_download() as download:
            page.keyboard.press(key)
        download.value.save_as(tmp_path / f"{name}.png")

    picture = cv2.imread(str(tmp_path / "picture.png"))[..., ::-1]
    assert np.array_equal(picture, colours(LANDSCAPE)[server.bodies[-1]])
    assert np.array_equal(cv2.imread(str(tmp_path / "map.png"), cv2.IMREAD_UNCHANGED), server.bodies[-1])


# Styles


def test_the_dice_the_slider_and_a_photo_change_the_style(seen, server):
    page = seen.page
    assert server.asked[-1]["style"] == "seed:0"

    press(page, "d")
    first = server.asked[-1]["style"]
    assert re.fullmatch(r"seed:\d+", first) and first != "seed:0"
    page.click("#style-b")
    settled(page)
    second = server.asked[-1]["style"]
    assert second not in (first, "seed:0") and "to" not in server.asked[-1]
    page.fill("#share", "25")
    settled(page)
    assert [server.asked[-1][name] for name in ("style", "to", "share")] == [first, second, "0.25"]
    choose_file(page, lambda: page.click("#style-photo"), "lake.jpg", b"bytes of a photo")

    assert server.asked[-1]["style"] == "vector:AACAPwAAAEA"
    assert server.written == [b"bytes of a photo"]


def test_a_kept_style_is_there_after_a_reload(seen, server, address):
    page = seen.page
    page.fill("#seed", "41")
    press(page, "Enter", "Tab", "k")
    page.fill("#seed", "7")
    page.keyboard.press("Enter")
    settled(page)
    page.wait_for_timeout(KEPT_AFTER_MS)
    show(page, address)
    assert server.asked[-1]["style"] == "seed:7"

    page.click("#kept .thumb")
    settled(page)
    assert server.asked[-1]["style"] == "seed:41"
    page.locator("#kept .away-with").click()

    assert page.locator("#kept li").count() == 0
    assert page.is_visible("#style-empty")


def test_a_style_that_was_kept_for_another_network_of_the_same_name_is_not_offered(seen, server, address):
    page = seen.page
    choose_file(page, lambda: page.click("#style-photo"), "lake.jpg", b"bytes of a photo")
    press(page, "k")
    page.wait_for_timeout(KEPT_AFTER_MS)

    server.model = {"weights": "ba9876543210"}
    show(page, address)
    assert server.asked[-1]["style"] == "seed:0"
    assert page.locator("#kept li").count() == 0
    server.model = {}
    show(page, address)

    assert page.locator("#kept li").count() == 1


def test_the_style_stays_when_the_run_is_trained_further(seen, server, address):
    page = seen.page
    page.fill("#seed", "41")
    press(page, "Enter", "Tab", "k")
    page.click("#style-b")
    settled(page)
    page.fill("#share", "25")
    settled(page)
    wanted = [server.asked[-1][name] for name in ("style", "to", "share")]

    serve_other(page, server, images_shown=2000, weights="ba9876543210")
    press(page, "n", "Backspace")

    assert [server.asked[-1][name] for name in ("style", "to", "share")] == wanted
    assert page.locator("#kept li").count() == 1
    show(page, address)
    assert page.locator("#kept li").count() == 1


def test_an_emptied_seed_field_changes_nothing(seen, server):
    page = seen.page
    page.fill("#seed", "41")
    press(page, "Enter")

    page.fill("#seed", " ")
    press(page, "Enter")

    assert server.asked[-1]["style"] == "seed:41"
    assert page.input_value("#seed") == "41"


def test_the_focus_stays_in_the_shelf_of_styles(seen):
    page = seen.page
    for seed in ("1", "2", "3"):
        page.fill("#seed", seed)
        press(page, "Enter", "Tab", "k")
    focused = "document.activeElement.getAttribute('aria-label')"
    page.locator("#kept .thumb").nth(1).focus()

    press(page, "Enter")
    assert page.evaluate(focused) == "Kept style: seed 2"
    press(page, "Delete")
    assert page.evaluate(focused) == "Kept style: seed 1"
    press(page, "Delete", "Delete")

    assert page.evaluate(focused) == "Keep this style"


def test_a_run_without_styles_says_why(browser, address, server):
    server.model = {"takes_seeds": False, "takes_photos": False}
    with opened_page(browser) as seen:
        show(seen.page, address)

        assert "model.style_encoder=true" in seen.page.inner_text(".style-foot")
        assert not seen.page.is_visible("#dice")


# Looking


def test_the_picture_before_is_seen_while_it_is_held(seen, server):
    page, before = seen.page, server.bodies[-1]
    choose(page, "snow")
    stroke(page, (40, 20), (200, 20))

    page.keyboard.down("h")
    page.wait_for_timeout(250)
    assert np.array_equal(painted(page), before)
    page.keyboard.up("h")

    assert np.array_equal(painted(page), server.bodies[-1])


def test_both_sides_show_the_same_part_when_one_is_enlarged(seen):
    page = seen.page
    page.mouse.move(*at(page, 60, 60))
    page.mouse.wheel(0, -500)
    page.wait_for_timeout(50)

    shown = page.evaluate("[...document.querySelectorAll('.stage')].map((one) => one.style.transform)")
    assert shown[0] == shown[1] and "scale(" in shown[0]


# When something is in the way


def test_a_drawing_is_there_after_a_reload(seen, server, address):
    page = seen.page
    choose(page, "snow")
    stroke(page, (40, 20), (200, 20))
    wanted = server.bodies[-1]
    page.wait_for_timeout(KEPT_AFTER_MS)

    show(page, address)

    assert np.array_equal(server.bodies[-1], wanted)
    assert np.array_equal(drawn(page), wanted)


def test_a_drawing_is_there_again_when_its_classes_are(seen, server, address):
    page = seen.page
    choose(page, "snow")
    stroke(page, (40, 20), (200, 20))
    wanted = server.bodies[-1]

    serve_other(page, server, run="0002-two", classes=server.facts()["classes"][:12])
    page.wait_for_timeout(KEPT_AFTER_MS)
    assert not np.array_equal(server.bodies[-1], wanted)
    serve_other(page, server)
    assert np.array_equal(server.bodies[-1], wanted)
    show(page, address)

    assert np.array_equal(server.bodies[-1], wanted)


def test_each_tab_has_its_own_drawing_and_a_new_one_begins_with_the_newest(seen, server, address):
    page, choices = seen.page, [("snow", SNOW), ("sea", SEA)]
    other = page.context.new_page()
    try:
        show(other, address)
        for tab, (name, _) in zip((page, other), choices, strict=True):
            choose(tab, name)
            stroke(tab, (40, 20), (200, 20))
            tab.wait_for_timeout(KEPT_AFTER_MS)
        for tab, (_, id) in zip((page, other), choices, strict=True):
            show(tab, address)
            assert server.bodies[-1][20, 100] == id
    finally:
        other.close()
    newest = page.context.new_page()
    show(newest, address)
    newest.close()

    assert server.bodies[-1][20, 100] == SEA


def test_a_server_that_was_away_is_waited_for(seen, server):
    page = seen.page
    choose(page, "snow")

    page.context.set_offline(True)
    page.mouse.click(*at(page, 50, 50))
    page.wait_for_selector("#away:visible")
    assert "The drawing is safe here" in page.inner_text("#away")
    page.context.set_offline(False)
    page.wait_for_selector("#away", state="hidden")
    settled(page)

    assert server.bodies[-1][50, 50] == SNOW
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in seen.errors)
    seen.errors.clear()  # the browser's own lines about what was not reached


def test_what_the_server_refuses_is_its_sentence(seen, server):
    page = seen.page
    server.refusal = "this map is too dull"

    press(page, "n", "Backspace")
    page.wait_for_selector("#said:visible")

    assert page.inner_text("#said") == "this map is too dull"
    seen.errors.clear()  # the browser's own line about the status


def test_another_run_is_taken_up(seen, server):
    page = seen.page
    server.model = {"run": "0008-other", "images_shown": 7}

    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#said:visible")

    assert page.inner_text("#said") == "The server paints with 0008-other now."
    assert page.inner_text("#run") == "0008-other · 7 images"


def test_a_run_that_is_trained_further_waits_for_the_stroke_and_leaves_the_class(seen, server):
    page = seen.page
    choose(page, "snow")
    page.fill("#size", "3")
    page.mouse.move(*at(page, 40, 20))
    page.mouse.down()
    page.mouse.move(*at(page, 70, 20), steps=4)
    server.model = {"images_shown": 2000, "unknown": None}
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(300)
    page.mouse.move(*at(page, 200, 20), steps=4)
    page.mouse.up()
    page.wait_for_function("() => document.getElementById('run').title.includes('2,000')")
    settled(page)

    assert (server.bodies[-1][20, 40:201] == SNOW).all()
    press(page, "z")
    assert SNOW not in server.bodies[-1][:25]
    serve_other(page, server, images_shown=3000, unknown=None)
    choose(page, "sea")
    serve_other(page, server, images_shown=4000, unknown=None)
    assert page.get_attribute("#classes [aria-checked=true]", "title") == "sea"


# In a hand


def test_in_a_narrow_window_all_is_reached_and_a_finger_paints(browser, address, server):
    with opened_page(browser, size=NARROW, touch=True) as seen:
        page = seen.page
        show(page, address)
        assert page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        for id in ("frame", "picture", "size", "undo", "style-a", "dice", "keep", "open", "save", "help"):
            box = page.locator(f"#{id}").bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= NARROW["height"]
            assert box["x"] >= 0 and box["x"] + box["width"] <= NARROW["width"]
        choose(page, "mountain")
        page.touchscreen.tap(*at(page, 30, 20))
        settled(page)

        assert server.bodies[-1][20, 30] == MOUNTAIN
        assert seen.errors == []
