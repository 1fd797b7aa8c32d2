"""A label run that is killed again and again ends with the very files of one that was not."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline import images
from pipeline.classes import load_taxonomy
from pipeline.sources.drawn import candidates

PHOTOS = 40
KILLS = 6


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos with given label maps, among them the same bytes twice and a file that is no picture."""
    folder, maps = tmp_path / "photos", tmp_path / "maps"
    folder.mkdir()
    maps.mkdir()
    for number, one in enumerate(candidates(f"{PHOTOS}?size=128")):
        (folder / f"{number:02d}.png").write_bytes(one.read())
        (maps / f"{number:02d}.png").write_bytes(images.encode_labels(one.read_labels(), load_taxonomy().palette))
    shutil.copy(folder / "07.png", folder / "a copy of 07.png")
    (folder / "broken.jpg").write_bytes(b"not a picture")
    return folder


def test_killed_at_random_points_nothing_is_lost_and_every_file_is_the_same(photos: Path, tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    began = time.monotonic()
    assert _label(photos, whole).wait() == 0
    seconds = time.monotonic() - began
    moments = random.Random(0)

    kills = 0
    while kills < KILLS:
        process = _label(photos, torn)
        _wait_for_work(process, torn)
        time.sleep(moments.uniform(0, seconds / 8))
        if process.poll() is not None:
            shutil.rmtree(torn)
            continue
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    assert _label(photos, torn).wait() == 0

    assert _files(torn) == _files(whole)


def test_ctrl_c_keeps_what_was_done_and_exits_130(photos: Path, tmp_path: Path) -> None:
    process = _label(photos, tmp_path / "workspace", stderr=subprocess.PIPE)
    _wait_for_work(process, tmp_path / "workspace")

    process.send_signal(signal.SIGINT)

    assert "interrupted. The same command goes on where it stopped" in process.communicate()[1]
    assert process.returncode == 130
    assert (tmp_path / "workspace/manifests/dataset.csv").exists()
    assert not (tmp_path / "workspace/manifests/journal.jsonl").exists()


def test_the_second_process_says_who_holds_the_workspace(photos: Path, tmp_path: Path) -> None:
    first = _label(photos, tmp_path / "workspace")
    _wait_for_work(first, tmp_path / "workspace")
    os.kill(first.pid, signal.SIGSTOP)
    try:
        second = subprocess.run(_command(photos, tmp_path / "workspace"), capture_output=True, text=True)
    finally:
        os.kill(first.pid, signal.SIGCONT)

    assert second.returncode == 1
    assert f"is being written by process {first.pid} (gauganpipe label" in second.stderr
    assert first.wait() == 0


def _command(photos: Path, workspace: Path) -> list[str]:
    program = Path(sys.executable).with_name("gauganpipe")
    maps = f"maps:{photos.parent / 'maps'}"
    return [str(program), "label", str(photos), "--segmenter", maps, "-C", str(workspace), "-q", "--workers", "2"]


def _label(photos: Path, workspace: Path, *, stderr: int = subprocess.DEVNULL) -> subprocess.Popen:
    # A shell that runs tests in the background has them ignore Ctrl-C, and so would their children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command = _command(photos, workspace)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def _wait_for_work(process: subprocess.Popen, workspace: Path) -> None:
    """Until the process holds the workspace: that is past its start, and before its end."""
    while process.poll() is None and not (workspace / "manifests" / ".holder.json").exists():
        time.sleep(0.005)


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
