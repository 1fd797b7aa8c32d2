"""The review page in a browser: what is accepted, rejected and painted there stands on the disk."""

import re

import numpy as np
import pytest

from pipeline.classes import entries_of, plain_taxonomy
from pipeline.corrections import MACHINE_LABELS
from pipeline.manifest import read, writing
from pipeline.serve.app import STATIC, bare_app
from pipeline.serve.review import Review
from pipeline.serve.reviewing import review_app
from tests.annotated import HEIGHT, SEA, SKY, TREE, WIDTH, fill, labels, row
from tests.browser import NARROW, NEEDS_BROWSER, opened_browser, opened_page, served

pytestmark = NEEDS_BROWSER


@pytest.fixture(scope="module")
def browser():
    with opened_browser() as browser:
        yield browser


@pytest.fixture
def labelled(workspace, photo_of):
    """Of three photos: gb comes first, then gc, then ga."""
    return fill(workspace, photo_of, {"ga": 0.9, "gb": 0.6, "gc": 0.7})


class Server:
    """One server for all tests, which answers as the app of the test that runs."""

    def __init__(self) -> None:
        self.app = bare_app("test", statuses={}, on_end=lambda: None)

    async def __call__(self, scope, receive, send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def server():
    server = Server()
    with served(server) as server.address:
        yield server


@pytest.fixture
def address(server, labelled):
    server.app = review_app(Review(labelled))
    return server.address


@pytest.fixture(scope="module")
def opened(browser):
    """One page for all tests."""
    with opened_page(browser) as opened:
        yield opened


@pytest.fixture
def seen(opened, address):
    opened.page.goto("about:blank")
    opened.page.unroute_all()
    opened.errors.clear()
    opened.requests.clear()
    show(opened.page, address)
    yield opened
    assert opened.errors == []
    assert all(one.startswith((address, "data:", "blob:")) for one in opened.requests)


def show(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector("#accept:enabled")


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def name_becomes(page, name: str) -> None:
    page.wait_for_function("name => document.getElementById('name').textContent === name", arg=f"photos/{name}.jpg")
    page.wait_for_selector("#accept:enabled")


def at(page, x: int, y: int) -> tuple[float, float]:
    """Where a pixel of the map lies in the window."""
    box = page.locator("canvas.labels").bounding_box()
    return box["x"] + (x + 0.5) * box["width"] / WIDTH, box["y"] + (y + 0.5) * box["height"] / HEIGHT


def stroke(page, start: tuple[int, int], end: tuple[int, int]) -> None:
    page.mouse.move(*at(page, *start))
    page.mouse.down()
    page.mouse.move(*at(page, *end), steps=4)
    page.mouse.up()


def marks(page) -> list[str]:
    return page.locator("#marks li").all_inner_texts()


def choose(page, name: str) -> None:
    page.locator("#classes button", has_text=re.compile(f"^{name}")).first.click()


# Deciding


def test_the_least_certain_photo_is_shown_first_with_its_map(seen):
    page = seen.page

    assert page.inner_text("#name") == "photos/gb.jpg"
    assert "confidence 60.0 %" in page.inner_text("#facts")
    assert page.inner_text("#tally") == "3 waiting · 1 of 3"
    assert page.evaluate(
        "[document.querySelector('canvas.labels').width, document.querySelector('img.photo').naturalWidth]"
    ) == [*(WIDTH, WIDTH)]


def test_accepting_rejecting_and_going_on_by_keys(seen, labelled):
    page = seen.page

    press(page, "a")
    name_becomes(page, "gc")
    press(page, "x")
    name_becomes(page, "ga")
    press(page, "ArrowLeft")
    name_becomes(page, "gc")

    assert marks(page) == ["rejected"]
    assert (row(labelled, "gb").label_reviewed, row(labelled, "gb").keep) == ("yes", "")
    assert (row(labelled, "gc").label_reviewed, row(labelled, "gc").keep) == ("", "no")
    assert (row(labelled, "ga").label_reviewed, row(labelled, "ga").keep) == ("", "")


def test_a_rejection_can_be_taken_back(seen, labelled):
    page = seen.page

    press(page, "x")
    name_becomes(page, "gc")
    page.click("#back")
    name_becomes(page, "gb")
    page.click("#accept")
    name_becomes(page, "gc")

    assert (row(labelled, "gb").label_reviewed, row(labelled, "gb").keep) == ("yes", "")


def test_when_all_is_decided_the_page_says_so(seen, labelled):
    page = seen.page

    for name in ("gc", "ga"):
        press(page, "a")
        name_becomes(page, name)
    press(page, "a")
    page.wait_for_selector("#nothing:visible")

    assert page.inner_text("#nothing") == "Everything is looked through: 3 reviewed, 0 rejected."
    page.select_option("#show", "reviewed")
    name_becomes(page, "gb")
    assert marks(page) == ["accepted"]


def test_a_key_that_is_held_decides_on_one_photo(seen, labelled):
    page = seen.page

    for key in ("a", "Enter", "x"):
        page.keyboard.down(key)
        name_becomes(page, "gc")
        for _ in range(3):
            page.keyboard.down(key)
        page.keyboard.up(key)
        press(page, "ArrowLeft")
        name_becomes(page, "gb")

    assert (row(labelled, "gc").label_reviewed, row(labelled, "gc").keep) == ("", "")


def test_enter_that_is_held_on_a_button_decides_on_one_photo(seen, labelled):
    page = seen.page
    page.focus("#accept")

    page.keyboard.down("Enter")
    name_becomes(page, "gc")
    for _ in range(3):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")
    press(page, "ArrowLeft")
    name_becomes(page, "gb")

    assert row(labelled, "gb").label_reviewed == "yes"
    assert row(labelled, "gc").label_reviewed == ""


def test_a_long_list_comes_part_by_part(seen, labelled, address, photo_of):
    page = seen.page
    smaller = (STATIC / "photo_list.js").read_text().replace("AT_ONCE = 200", "AT_ONCE = 1")
    page.route("**/photo_list.js", lambda route: route.fulfill(body=smaller, content_type="text/javascript"))
    fill(labelled, photo_of, {"gd": 0.95})
    show(page, address)
    assert page.inner_text("#tally") == "4 waiting · 1 of 4"

    for name, key in [("gc", "a"), ("ga", "ArrowRight"), ("gd", "x")]:
        press(page, key)
        name_becomes(page, name)
    page.wait_for_selector("#next:disabled")
    assert page.inner_text("#tally") == "2 waiting · 4 of 4"
    press(page, "ArrowRight", "a")
    name_becomes(page, "gc")

    assert page.inner_text("#tally") == "1 waiting · 1 of 1"


# Painting


def test_what_is_painted_is_on_the_disk_and_nothing_else(seen, labelled):
    page, before = seen.page, labels(labelled, "gb")
    sent = []
    page.on("request", lambda request: sent.append(request.post_data_buffer) if request.method == "PUT" else None)

    choose(page, "tree")
    page.fill("#size", "3")
    stroke(page, (40, 20), (60, 20))
    assert marks(page) == ["painted, not sent"]
    press(page, "a")
    name_becomes(page, "gc")

    down, across = np.mgrid[:HEIGHT, :WIDTH]
    wanted = before.copy()
    for x in range(40, 61):
        wanted[(across - x) ** 2 + (down - 20) ** 2 <= 9] = TREE
    assert np.array_equal(labels(labelled, "gb"), wanted)
    assert sent == [wanted.tobytes()]
    assert np.array_equal(labels(labelled, "gb", MACHINE_LABELS), before)
    assert row(labelled, "gb").label_reviewed == "yes"


def test_filling_changes_one_region_of_one_class(seen, labelled):
    page, before = seen.page, labels(labelled, "gb")

    choose(page, "tree")
    press(page, "f")
    page.mouse.click(*at(page, 50, 80))
    press(page, "a")
    name_becomes(page, "gc")

    assert np.array_equal(labels(labelled, "gb"), np.where(before == SEA, TREE, before))


def test_undone_and_redone_by_keys(seen, labelled):
    page, before = seen.page, labels(labelled, "gb")
    choose(page, "tree")
    press(page, "r")
    stroke(page, (40, 10), (50, 15))
    stroke(page, (60, 10), (70, 15))
    stroke(page, (20, 70), (30, 75))

    press(page, "z", "z", "z")
    assert marks(page) == []
    press(page, "y", "y", "Control+z")
    press(page, "a")
    name_becomes(page, "gc")

    wanted = before.copy()
    wanted[10:16, 40:51] = TREE
    assert np.array_equal(labels(labelled, "gb"), wanted)


def test_the_class_under_the_pointer_is_taken_with_the_right_button(seen, labelled):
    page, before = seen.page, labels(labelled, "gb")

    page.mouse.click(*at(page, 50, 80), button="right")
    press(page, "r")
    stroke(page, (40, 10), (50, 15))
    press(page, "a")
    name_becomes(page, "gc")

    wanted = before.copy()
    wanted[10:16, 40:51] = SEA
    assert np.array_equal(labels(labelled, "gb"), wanted)


def test_a_reload_shows_what_was_painted_and_the_machines_map_is_a_key_away(seen, labelled, address):
    page, before = seen.page, labels(labelled, "gb")
    choose(page, "tree")
    press(page, "r")
    stroke(page, (0, 0), (WIDTH - 1, HEIGHT - 1))
    press(page, "a")
    name_becomes(page, "gc")

    page.reload()
    page.wait_for_selector("body[data-ready]")
    assert page.inner_text("#tally") == "2 waiting · 1 of 2"
    page.select_option("#show", "reviewed")
    name_becomes(page, "gb")
    assert marks(page) == ["accepted", "corrected by hand"]
    assert page.locator("#classes button").first.inner_text().split() == ["tree", "100.0", "%"]
    press(page, "m")
    page.wait_for_selector("#marks li:text('painted, not sent')")
    press(page, "a")
    page.wait_for_function("() => document.getElementById('marks').textContent.startsWith('accepted')")

    assert np.array_equal(labels(labelled, "gb"), before)


def test_what_is_painted_and_not_sent_waits_while_one_looks_at_others(seen, labelled):
    page = seen.page
    choose(page, "sky")
    press(page, "r")
    stroke(page, (0, 0), (WIDTH - 1, HEIGHT - 1))

    press(page, "ArrowRight")
    name_becomes(page, "gc")
    press(page, "ArrowLeft")
    name_becomes(page, "gb")

    assert marks(page) == ["painted, not sent"]
    assert set(np.unique(labels(labelled, "gb"))) != {SKY}


def held(page, part: str) -> list:
    """The requests with this part in their method and address, which wait from now on."""
    waiting = []
    page.route(
        lambda _: True,
        lambda route: (
            waiting.append(route) if part in f"{route.request.method} {route.request.url}" else route.fallback()
        ),
    )
    return waiting


def test_what_is_painted_while_a_map_is_on_its_way_is_not_lost(seen, labelled):
    page, before = seen.page, labels(labelled, "gb")
    waiting = held(page, "PUT ")
    choose(page, "tree")
    press(page, "r")
    stroke(page, (20, 10), (30, 15))

    with page.expect_request(lambda request: request.method == "PUT"):
        press(page, "a")
    stroke(page, (40, 10), (50, 15))
    waiting.pop().continue_()
    page.wait_for_selector("#accept:enabled")

    assert page.inner_text("#name") == "photos/gb.jpg"
    assert marks(page) == ["painted, not sent", "accepted", "corrected by hand"]
    assert page.inner_text("#said") == "What was painted meanwhile is not sent. Accept once more."
    wanted = before.copy()
    wanted[10:16, 20:31] = TREE
    assert np.array_equal(labels(labelled, "gb"), wanted)

    with page.expect_request(lambda request: request.method == "PUT"):
        press(page, "a")
    waiting.pop().continue_()
    name_becomes(page, "gc")
    wanted[10:16, 40:51] = TREE
    assert np.array_equal(labels(labelled, "gb"), wanted)


def test_while_a_photo_loads_nothing_can_be_painted_or_decided(seen, labelled, address):
    page = seen.page
    waiting = held(page, "/gc/photo")
    show(page, address)
    choose(page, "tree")
    press(page, "r")
    start, end = at(page, 20, 10), at(page, 40, 30)

    press(page, "ArrowRight")
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end)
    page.mouse.up()
    press(page, "x", "a", "z")
    waiting.pop().continue_()
    name_becomes(page, "gc")

    assert marks(page) == []
    press(page, "ArrowLeft")
    name_becomes(page, "gb")
    assert marks(page) == []
    assert [(one.keep, one.label_reviewed) for one in read(labelled).rows.values()] == [("", "")] * 3


def test_a_stroke_that_a_key_breaks_off_is_kept(seen):
    page = seen.page
    choose(page, "tree")
    page.mouse.move(*at(page, 20, 10))
    page.mouse.down()
    page.mouse.move(*at(page, 40, 10))
    press(page, "ArrowRight")
    page.mouse.up()
    name_becomes(page, "gc")
    press(page, "ArrowLeft")
    name_becomes(page, "gb")

    assert marks(page) == ["painted, not sent"]
    press(page, "z")
    assert marks(page) == []


def test_before_the_page_is_left_it_asks_while_any_map_is_not_sent(seen):
    page, asked = seen.page, []
    page.on("dialog", lambda dialog: asked.append(dialog.type) or dialog.accept())
    choose(page, "tree")
    press(page, "r")
    stroke(page, (20, 10), (30, 15))
    for name in ("gc", "ga"):
        press(page, "ArrowRight")
        name_becomes(page, name)
    assert page.inner_text("#tally") == "3 waiting · 3 of 3 · 1 painted, not sent"

    page.reload()
    page.wait_for_selector("#accept:enabled")
    assert asked == ["beforeunload"]
    page.reload()
    page.wait_for_selector("#accept:enabled")

    assert asked == ["beforeunload"]


def test_zoomed_in_a_click_still_paints_the_pixel_under_it(seen, labelled):
    page, before = seen.page, labels(labelled, "gb")
    choose(page, "tree")
    page.fill("#size", "0")

    page.mouse.move(*at(page, 50, 20))
    page.mouse.wheel(0, -600)
    page.mouse.click(*at(page, 47, 18))
    press(page, "a")
    name_becomes(page, "gc")

    wanted = before.copy()
    wanted[18, 47] = TREE
    assert np.array_equal(labels(labelled, "gb"), wanted)


def test_of_many_classes_one_is_found_by_a_part_of_its_name(seen, labelled, address):
    page = seen.page
    with writing(labelled) as manifest:
        manifest.choose(taxonomy="plain", classes=entries_of(plain_taxonomy(40)))
    show(page, address)

    press(page, "/")
    page.keyboard.type("s 37")
    press(page, "Enter", "r")
    stroke(page, (0, 0), (WIDTH - 1, HEIGHT - 1))
    press(page, "a")
    name_becomes(page, "gc")

    assert set(np.unique(labels(labelled, "gb"))) == {37}


# When something is in the way


def test_while_another_process_writes_the_page_says_so_and_can_be_asked_again(seen, labelled):
    page = seen.page

    with writing(labelled):
        press(page, "a")
        page.wait_for_selector("#said:visible")
        assert "is being written by process" in page.inner_text("#said")
        page.wait_for_selector("#accept:enabled")
    press(page, "a")
    name_becomes(page, "gc")

    assert row(labelled, "gb").label_reviewed == "yes"
    assert any("409" in error for error in seen.errors)
    seen.errors.clear()  # the browser's own line about the status


def test_a_map_that_somebody_else_has_changed_is_shown_anew_before_it_is_accepted(seen, labelled):
    page = seen.page
    Review(labelled).paint("gb", np.full((HEIGHT, WIDTH), SEA, np.uint8), seen="")

    press(page, "a")
    page.wait_for_selector("#said:visible")
    assert "has changed since it was shown" in page.inner_text("#said")
    page.wait_for_function("() => document.querySelector('#classes button').textContent.startsWith('sea100')")
    seen.errors.clear()


def test_a_server_that_is_gone_is_a_sentence(browser, labelled):
    with opened_page(browser) as seen:
        with served(review_app(Review(labelled))) as address:
            show(seen.page, address)
        press(seen.page, "x")
        seen.page.wait_for_selector("#said:visible")

        assert seen.page.inner_text("#said") == "The server does not answer. Is it still running?"


# In a hand


def test_in_a_narrow_window_all_is_reached_without_scrolling_aside(browser, address):
    with opened_page(browser, size=NARROW, touch=True) as seen:
        show(seen.page, address)

        assert seen.page.evaluate("document.documentElement.scrollWidth") == NARROW["width"]
        for id in ("back", "reject", "accept", "next", "frame", "classes"):
            box = seen.page.locator(f"#{id}").bounding_box()
            assert box["y"] >= 0 and box["y"] + min(box["height"], 40) <= NARROW["height"]
        assert seen.errors == []


def test_a_finger_paints(browser, address, labelled):
    with opened_page(browser, size=NARROW, touch=True) as seen:
        page = seen.page
        show(page, address)
        choose(page, "tree")
        page.fill("#size", "2")

        page.touchscreen.tap(*at(page, 30, 20))
        page.click("#accept")
        name_becomes(page, "gc")

    assert labels(labelled, "gb")[20, 30] == TREE


def test_two_fingers_move_and_enlarge_the_picture_and_paint_nothing(browser, address, labelled):
    with opened_page(browser, size=NARROW, touch=True) as seen:
        page = seen.page
        show(page, address)
        width = page.locator("canvas.labels").bounding_box()["width"]
        fingers = page.context.new_cdp_session(page)

        def touch(kind: str, *points: tuple[int, int]) -> None:
            touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

        touch("touchStart", (150, 250))
        touch("touchStart", (150, 250), (200, 250))
        for step in range(5):
            touch("touchMove", (150 - 10 * step, 250), (200 + 10 * step, 250))
        touch("touchEnd", (110, 250))
        touch("touchMove", (100, 300))
        touch("touchEnd")

        assert page.locator("canvas.labels").bounding_box()["width"] > 2 * width
        assert marks(page) == []
        assert seen.errors == []
