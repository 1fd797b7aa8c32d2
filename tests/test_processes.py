"""Several processes that train one run: the same gradients and statistics as one, and one sentence when one is lost."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from gaugan.errors import TrainingError
from gaugan.processes import explained_processes
from pipeline import flow
from pipeline.console import Console
from pipeline.workspace import Workspace
from tests.one_of_several import SETTINGS

QUIET = Console(quiet=True)
ROOT = Path(__file__).parent.parent


def together(ranks: int, *command: str) -> list[subprocess.Popen[str]]:
    """As torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = []
    for rank in range(ranks):
        places = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "MASTER_PORT": port}
        environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        environment |= {name: str(value) for name, value in places.items()} if ranks > 1 else {}
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
    return started


def finished(processes: list[subprocess.Popen[str]]) -> list[str]:
    """What they said; all of them must end well."""
    said = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said[0][1] + said[-1][1]
    return [err for _, err in said]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Number of processes -> folder with what they learned from."""
    folders = {ranks: tmp_path_factory.mktemp(f"learned by {ranks}") for ranks in (1, 2)}
    for ranks, folder in folders.items():
        finished(together(ranks, "-m", "tests.one_of_several", str(folder)))
    return folders


@pytest.mark.parametrize("name", SETTINGS)
def test_two_processes_learn_what_one_learns_from_the_whole_batch(learned, name):
    alone, shared = (load_file(learned[ranks] / f"{name}.safetensors") for ranks in (1, 2))

    assert alone.keys() == shared.keys()
    apart = {key: (alone[key] - shared[key]).abs().max() / (1e-6 + alone[key].abs().max()) for key in alone}
    assert max(apart.values()) < 1e-5, max(apart, key=apart.get)


SMALL = (
    *("images=16", "batch_size=8", "checkpoint_every_images=8", "sample_every_images=16", "score_every_images=8"),
    *("model.width=4", "discriminator_width=4", "data.workers=0", "device=cpu"),
)
TRAIN = ("-m", "pipeline", "train", "--preset", "tiny", *(part for one in SMALL for part in ("--set", one)))


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(root=tmp_path_factory.mktemp("dataset"))
    flow.label(workspace, "drawn:8", flow.Asked(), workers=0, console=QUIET)
    flow.build_edges(workspace, flow.Which(), workers=0, console=QUIET)
    return workspace


def test_two_processes_train_one_run_and_only_the_first_talks(workspace: Workspace) -> None:
    said = finished(together(2, *TRAIN, "-C", str(workspace.root)))

    (folder,) = workspace.run_folders()
    assert "2 processes" in said[0] and not said[1]
    assert (folder / "checkpoints" / "000000016").is_dir()
    assert len((folder / "log.txt").read_text().split("finished at")) == 2
    assert "is finished" in finished(together(1, *TRAIN, "-C", str(workspace.root)))[0]


@pytest.mark.long
def test_a_killed_process_ends_all_with_a_sentence_and_one_alone_goes_on(workspace: Workspace) -> None:
    command = (*TRAIN, "--set", "seed=1", "--set", "images=4000", "-C", str(workspace.root))
    processes = together(2, *command)
    until(lambda: any(workspace.root.glob("runs/*/checkpoints/000000040")))

    processes[1].send_signal(signal.SIGKILL)

    (_, said), _ = (process.communicate(timeout=100) for process in processes)
    assert processes[0].returncode == 1
    assert "another process of this run has ended" in said.splitlines()[-1]
    assert "going on with" in alone_until_it_goes_on(command)


def alone_until_it_goes_on(command: tuple[str, ...]) -> str:
    """Begins the command in one process and ends it kindly once it trains; what it said."""
    (process,) = together(1, *command)
    time.sleep(25)
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=100)[1]


def until(is_so, seconds: float = 100) -> None:
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.2)


@pytest.mark.parametrize(
    "message",
    [
        "[../third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer [10.0.0.2]:4711\nmore",
        "Read error [10.0.0.2]:4711: Connection reset by peer",
        "NCCL error in: ncclRemoteError: A call failed possibly due to a network error or a remote process exiting",
    ],
)
def test_a_lost_connection_is_a_lost_process_and_is_quoted(monkeypatch, message):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)

    with pytest.raises(TrainingError, match="another process of this run has ended") as raised, explained_processes():
        raise RuntimeError(message)

    assert str(raised.value).endswith(message.splitlines()[0])


def test_other_errors_of_what_connects_processes_stay_what_they_are(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)

    with pytest.raises(RuntimeError, match="invalid usage"), explained_processes():
        raise RuntimeError("NCCL error in: ProcessGroupNCCL.cpp:219, invalid usage, NCCL version 2.21.5")
