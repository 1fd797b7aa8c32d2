"""Damaged pictures, and pictures made to do damage: a photo or a sentence, soon, and in little memory."""

import hashlib
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.bombs import BOMBS
from tests.damages import damaged
from tests.decoding import outcome
from tests.pictures import PICTURES

ROOT = Path(__file__).parents[1]
MAX_SIDE_PX = 512
MOST_SECONDS, MOST_MB = 5.0, 1000
PATIENCE_SECONDS = 120
"""A file takes so long only where decoding never ends: the machine may have much else to do."""


class DecoderHere:
    """Where a process cannot be measured: decodes in this one, and has no word on memory."""

    def send(self, data: bytes) -> tuple[str, float, int]:
        begun = time.process_time()
        return outcome(data, MAX_SIDE_PX), time.process_time() - begun, 0

    def close(self) -> None:
        pass


class Decoder:
    """A process that decodes, started anew when one has died of a file. It is measured as Linux does."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None

    def send(self, data: bytes) -> tuple[str, float, int]:
        """What became of the file, the seconds of computing, and the highest memory meanwhile in MB."""
        if self.process is None:
            command = [sys.executable, "-m", "tests.decoding", str(MAX_SIDE_PX)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, **streams)
        try:
            self.process.stdin.write(struct.pack(">Q", len(data)) + data)
            self.process.stdin.flush()
            answered, _, _ = select.select([self.process.stdout], [], [], PATIENCE_SECONDS)
            line = self.process.stdout.readline().decode() if answered else ""
        except BrokenPipeError:
            line, answered = "", True
        if not line:
            died = self.close()
            return (f"died {died}" if answered else "never ended"), PATIENCE_SECONDS, 0
        seconds, _, became = line.strip().partition(" ")
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return became, float(seconds), int(status.partition("VmHWM:")[2].split()[0]) // 1000

    def close(self) -> int | None:
        """Returns how it ended, where it ended by itself."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        try:
            return process.wait(0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
        finally:
            process.communicate()


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder | DecoderHere]:
    decoder = Decoder() if sys.platform == "linux" else DecoderHere()
    decoder.send(b"")
    yield decoder
    decoder.close()


def misdeed(became: str, seconds: float, megabytes: int) -> str:
    """What is wrong with that; '' where a file became a photo or a sentence, soon, and in little memory."""
    if not became.startswith(("photo ", "refused ")):
        return became
    if seconds > MOST_SECONDS:
        return f"took {seconds} s: {became}"
    return f"took {megabytes} MB: {became}" if megabytes > MOST_MB else ""


# Bombs


def bombs(*, within: bool) -> list[str]:
    """Those that are just not refused, or the others."""
    return [name for name in BOMBS if name.endswith("within the limit") == within]


def check_bomb(decoder: Decoder, name: str) -> None:
    make, sentence = BOMBS[name]

    became, seconds, megabytes = decoder.send(make())

    assert misdeed(became, seconds, megabytes) == ""
    assert became.startswith(f"refused {sentence}" if sentence else "photo ")


@pytest.mark.parametrize("name", bombs(within=False))
def test_a_bomb_does_no_harm(decoder, name):
    check_bomb(decoder, name)


@pytest.mark.long
@pytest.mark.parametrize("name", bombs(within=True))
def test_what_is_just_not_refused_does_no_harm(decoder, name):
    check_bomb(decoder, name)


# Damage


def survive(decoder: Decoder, folder: Path, name: str, random: Random) -> None:
    """Damages a picture and has it decoded; what goes wrong is kept in the folder."""
    data = damaged(PICTURES[name], random)
    wrong = misdeed(*decoder.send(data))
    if wrong:
        file = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
        file.write_bytes(data)
        again = f'python -c \'from pipeline.normalise import *; decode_photo(open("{file}", "rb").read())\''
        pytest.fail(f"{name}, damaged: {wrong}. It is kept as {file}. Again: {again}", pytrace=False)


def many(examples: int) -> Callable:
    """Always the same examples: a failure today is none of yesterday's."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@many(100)
@given(name=st.sampled_from(sorted(PICTURES)), seed=st.integers(0, 2**64 - 1))
def test_a_damaged_picture_does_no_harm(decoder, tmp_path, name, seed):
    survive(decoder, tmp_path, name, Random(seed))


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(PICTURES))
def test_no_damage_to_any_kind_of_picture_does_harm(decoder, tmp_path, name):
    for number in range(250):
        survive(decoder, tmp_path, name, Random(f"{name} {number}"))


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_every_kind_of_picture_is_read_undamaged(decoder, name):
    assert decoder.send(PICTURES[name])[0].startswith("photo ")
