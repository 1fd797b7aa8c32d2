"""`gauganpipe serve` with a run: from the first line to Ctrl-C, and fifty clients for a minute."""

import contextlib
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("fastapi", reason="there is no fastapi to serve with")
pytest.importorskip("uvicorn", reason="there is no uvicorn to serve with")

from gaugan.generate import load_painter
from pipeline import images
from pipeline.serve.easel import Easel
from pipeline.serve.model import Model, Style, open_model
from pipeline.workspace import Workspace
from tests.painted import CLASSES, make_run

PROGRAM = Path(sys.executable).with_name("gauganpipe")
SIDE, CLIENTS, SECONDS = 64, 50, 60
MOST_GROWTH_BYTES = 40_000_000


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("workspace") / "runs" / "0001-tiny", "style_encoder=true", "style_size=8")


@pytest.fixture
def model(run) -> Model:
    model = open_model(run, Workspace(root=run.parents[1]))
    easel = Easel()
    model.begin(easel.demand_wanted)
    easel.close()
    # A closed easel wants nothing; here nobody is to stop the painting.
    for layer in model.painter.network.modules():
        layer._forward_pre_hooks.clear()
    return model


@contextlib.contextmanager
def served(run: Path):
    """The process of a server, and the address that it has printed."""
    words = [PROGRAM, "serve", "-C", run.parents[1], "--port", "0"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def ask(address: str, ids: np.ndarray, **params: object) -> bytes:
    height, width = ids.shape
    query = "&".join(f"{name}={value}" for name, value in {"width": width, "height": height, **params}.items())
    with urllib.request.urlopen(f"{address}api/paint?{query}", data=ids.tobytes(), timeout=120) as answer:
        return answer.read()


def drawing(number: int) -> np.ndarray:
    """A map of two classes with a square of a third."""
    ids = np.zeros((SIDE, SIDE), np.uint8)
    ids[SIDE // 2 :] = 10
    random = np.random.default_rng(number)
    top, left = random.integers(0, SIDE - 12, 2)
    ids[top : top + 12, left : left + 12] = random.integers(CLASSES)
    return ids


def test_a_served_picture_is_that_of_the_painter(model, run):
    import torch

    painter = load_painter(run)
    expected = painter.paint(torch.from_numpy(drawing(0)), style=painter.style(5)).numpy()

    picture = images.decode_photo(model.paint(drawing(0), Style(style="seed:5"))).pixels

    assert np.abs(picture.astype(int) - expected).max() <= 1


def test_a_share_of_the_way_to_another_style_paints_another_picture(model):
    ends = [model.paint(drawing(0), Style(style=f"seed:{seed}")) for seed in (1, 2)]

    shares = [model.paint(drawing(0), Style(style="seed:1", to="seed:2", share=share)) for share in (0, 0.5, 1)]

    assert (shares[0], shares[2]) == tuple(ends)
    assert shares[1] not in ends


def test_a_run_of_other_classes_than_its_manifest_is_a_sentence(run, tmp_path):
    painter = load_painter(run)
    painter.classes = 3

    from pipeline.errors import RunError

    with pytest.raises(RunError, match="paints 3 classes and its manifest names 20"):
        Model(painter, weights="", run=run, workspace=Workspace(root=tmp_path))


@pytest.mark.long
def test_a_server_paints_and_ends_at_once_in_the_middle(run):
    with served(run) as (process, address):
        assert images.decode_photo(ask(address, drawing(0))).pixels.shape == (SIDE, SIDE, 3)
        answers: list[int] = []

        def ask_for_much() -> None:
            try:
                ask(address, np.zeros((256, 4096), np.uint8))
                answers.append(200)
            except urllib.error.HTTPError as error:
                answers.append(error.code)

        threads = [threading.Thread(target=ask_for_much) for _ in range(30)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        _, talk = process.communicate(timeout=30)

    assert seconds < 3
    assert set(answers) <= {200, 503}
    assert "Traceback" not in talk
    assert process.returncode == 0


@pytest.mark.long
def test_fifty_clients_are_answered_for_a_minute_and_memory_stays_flat(run, capsys):
    taken: list[float] = []
    wrong: list[str] = []
    with served(run) as (process, address):
        for number in range(20):
            ask(address, drawing(number))
        server = psutil.Process(process.pid)
        end = time.monotonic() + SECONDS
        memory = []

        def paint(client: int) -> None:
            number = client
            while time.monotonic() < end:
                number, began = number + CLIENTS, time.perf_counter()
                try:
                    if not ask(address, drawing(number % 997), client=f"client-{client}"):
                        wrong.append("an empty answer")
                except Exception as error:
                    wrong.append(repr(error))
                taken.append(1000 * (time.perf_counter() - began))

        threads = [threading.Thread(target=paint, args=(client,)) for client in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while time.monotonic() < end:
            time.sleep(1)
            memory.append(server.memory_info().rss)
        for thread in threads:
            thread.join()

    third = len(memory) // 3
    early, late = statistics.median(memory[third : 2 * third]), statistics.median(memory[-third:])
    low, middle, high = (np.percentile(taken, share) for share in (50, 95, 99))
    said = (
        f"{len(taken):,} pictures for {CLIENTS} clients in {SECONDS} s: median {low:.0f} ms, 95% in {middle:.0f} ms, "
        f"99% in {high:.0f} ms; memory {early / 1e6:.0f} MB, at the end {late / 1e6:.0f} MB"
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")
    assert wrong == []
    assert len(taken) > CLIENTS
    assert late - early < MOST_GROWTH_BYTES
