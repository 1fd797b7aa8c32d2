"""The program as a person types it, in a process of its own each time, but one that need not load torch first."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAM = Path(sys.executable).with_name("gauganpipe")
LOADED = ("pandas", "pandera.pandas", "pyarrow", "torch", "torchvision", "cv2", "PIL.Image", "pipeline.cli")
SECONDS = 120


def typed(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Types `gauganpipe WORDS` in a folder. Raises: subprocess.TimeoutExpired after two minutes."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return subprocess.run([PROGRAM, *words], cwd=folder, capture_output=True, text=True, timeout=SECONDS)

    # The server of processes has loaded the libraries, and has computed nothing yet that a copy of it could trip over.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    with TemporaryDirectory() as said:
        process = context.Process(target=_run, args=(folder, words, said))
        process.start()
        process.join(SECONDS)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(words, SECONDS)
        out, err = (Path(said, name).read_text(encoding="utf-8") for name in ("out", "err"))
    return subprocess.CompletedProcess(words, process.exitcode, out, err)


def _run(folder: Path, words: tuple[str, ...], said: str) -> None:
    for stream, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(Path(said, name), os.O_WRONLY | os.O_CREAT), stream)
    os.chdir(folder)
    sys.argv = ["gauganpipe", *words]

    from pipeline.cli import main

    main()
