"""The label map of the pages: whole pixels, known shapes, and a history that gives every byte back."""

import cv2
import numpy as np
import pytest

from pipeline.serve.app import bare_app
from tests.browser import NEEDS_BROWSER, opened_browser, opened_page, served

pytestmark = NEEDS_BROWSER
UNKNOWN = 255


@pytest.fixture(scope="module")
def page():
    """A page that has loaded the module."""
    app = bare_app("test", statuses={}, on_end=lambda: None)
    with served(app) as address, opened_browser() as browser, opened_page(browser) as seen:
        seen.page.goto(f"{address}healthz")
        seen.page.evaluate("async () => { window.labels = await import('/static/labels.js'); }")
        yield seen.page


def paint(page, width: int, height: int, steps: str) -> np.ndarray:
    """What a map of zeros is after these steps on `map`."""
    code = f"""() => {{
        const map = new labels.LabelMap({width}, {height}, new Uint8Array({width * height}));
        {steps}
        return [...map.ids];
    }}"""
    return np.array(page.evaluate(code), np.uint8).reshape(height, width)


def disc(width: int, height: int, x: int, y: int, radius: int) -> np.ndarray:
    down, across = np.mgrid[:height, :width]
    return (across - x) ** 2 + (down - y) ** 2 <= radius**2


@pytest.mark.parametrize("radius", [0, 1, 2, 5, 9, 30])
@pytest.mark.parametrize(("x", "y"), [(20, 15), (0, 0), (39, 29), (-4, 12)])
def test_a_disc_is_all_pixels_within_its_radius(page, x, y, radius):
    ids = paint(page, 40, 30, f"map.disc({x}, {y}, {radius}, 7);")

    assert np.array_equal(ids, np.where(disc(40, 30, x, y, radius), 7, 0))


@pytest.mark.parametrize("end", [(35, 20), (3, 25), (5, 5), (-10, 40), (5, 0)])
def test_a_line_is_a_disc_at_each_step_and_has_no_gap(page, end):
    ids = paint(page, 40, 30, f"map.line(5, 5, {end[0]}, {end[1]}, 1, 7);")

    count, _ = cv2.connectedComponents(ids, connectivity=4)
    assert count == 2
    assert set(np.unique(ids)) == {0, 7}
    assert ids[5, 5] == 7
    assert not (0 <= end[0] < 40 and 0 <= end[1] < 30) or ids[end[1], end[0]] == 7


def test_a_rectangle_has_both_corners(page):
    ids = paint(page, 8, 6, "map.rectangle(6, 4, 2, 1, 7);")

    wanted = np.zeros((6, 8), np.uint8)
    wanted[1:5, 2:7] = 7
    assert np.array_equal(ids, wanted)


@pytest.mark.parametrize("seed", range(5))
def test_a_fill_takes_the_pixels_that_hang_together_over_their_sides(page, seed):
    before = (np.random.default_rng(seed).random((30, 40)) < 0.6).astype(np.uint8)
    x, y = 20, 15

    ids = paint(page, 40, 30, f"map.ids.set({before.ravel().tolist()}); map.fill({x}, {y}, 7);")

    _, pieces = cv2.connectedComponents((before == before[y, x]).astype(np.uint8), connectivity=4)
    assert np.array_equal(ids, np.where(pieces == pieces[y, x], 7, before))


def test_sixty_actions_are_taken_back_and_done_again(page):
    counted = page.evaluate("""() => {
        const map = new labels.LabelMap(50, 40, new Uint8Array(2000));
        const states = [map.ids.slice()];
        for (let step = 1; step <= 60; step++) {
            map.begin();
            map.line(step % 50, (7 * step) % 40, (3 * step) % 50, (5 * step) % 40, step % 6, step);
            if (step % 7 === 0) map.fill(0, 0, step);
            map.end();
            states.push(map.ids.slice());
        }
        const same = (state) => state.every((id, pixel) => id === map.ids[pixel]);
        let back = 0, again = 0;
        for (let step = 59; step >= 0; step--) { map.undo(); back += same(states[step]); }
        const isAtStart = !map.canUndo && map.undo() === null;
        for (let step = 1; step <= 60; step++) { map.redo(); again += same(states[step]); }
        return [back, again, isAtStart, map.canRedo];
    }""")

    assert counted == [60, 60, True, False]


def test_what_changes_nothing_is_no_action(page):
    code = """() => {
        const map = new labels.LabelMap(5, 5, new Uint8Array(25));
        map.begin(); map.disc(2, 2, 1, 0); const nothing = map.end();
        map.begin(); const filled = map.fill(1, 1, 0); map.end();
        map.begin(); map.disc(90, 90, 3, 4); map.end();
        return [nothing, filled, map.canUndo];
    }"""

    assert page.evaluate(code) == [False, None, False]


def test_a_new_action_forgets_what_was_taken_back(page):
    steps = "for (const id of [1, 2]) { map.begin(); map.disc(1, 1, 0, id); map.end(); }"
    steps += "map.undo(); map.begin(); map.disc(1, 1, 0, 3); map.end(); map.redo(); map.undo();"

    assert paint(page, 3, 3, steps)[1, 1] == 1


def test_an_action_can_be_begun_anew(page):
    steps = "map.begin(); map.rectangle(0, 0, 2, 2, 5); map.restart(); map.rectangle(0, 0, 0, 0, 6); map.end();"

    ids = paint(page, 4, 4, steps)

    assert (ids[0, 0], ids.sum()) == (6, 6)
    assert paint(page, 4, 4, f"{steps} map.undo();").sum() == 0


def test_a_map_that_is_replaced_comes_back_with_one_undo(page):
    steps = "map.begin(); map.replace(new Uint8Array(12).fill(9)); map.end();"

    assert set(paint(page, 4, 3, steps).ravel()) == {9}
    assert set(paint(page, 4, 3, f"{steps} map.undo();").ravel()) == {0}


def test_a_map_of_another_size_comes_and_goes_with_one_undo(page):
    code = """() => {
        const map = new labels.LabelMap(4, 3, new Uint8Array(12)), seen = [];
        const look = () => seen.push([map.width, map.height, map.ids.join('')]);
        map.begin(); map.disc(1, 1, 0, 5); map.end();
        const box = map.resize(2, 1, new Uint8Array([7, 8]));
        map.begin(); map.disc(0, 0, 0, 9); map.end();
        look();
        for (const step of ['undo', 'undo', 'undo', 'redo', 'redo', 'redo']) { map[step](); look(); }
        return [box, ...seen];
    }"""

    small, painted, larger = [2, 1, "78"], [2, 1, "98"], [4, 3, "000005000000"]
    bare = [4, 3, "0" * 12]
    assert page.evaluate(code) == [[0, 0, 2, 1], painted, small, larger, bare, larger, small, painted]


def test_a_map_of_another_size_is_refused(page):
    assert page.evaluate(
        "() => { try { new labels.LabelMap(3, 3, new Uint8Array(8)); } catch (e) { return e.message; } }"
    )


def test_a_bare_map_is_unknown(page):
    assert page.evaluate("() => [...new labels.LabelMap(2, 2).ids]") == [UNKNOWN] * 4
