"""Fetching photos from a server 20 ms away: as fast as a bare loop, with all the care that one must not leave out.

    python -m benchmarks.download
    python -m benchmarks.download --photos 500 --rounds 5

A server in a process of its own answers every request after 20 ms with a photo. The bare loop gets the addresses with
httpx in as many threads and writes the bytes to files: no cap, no check of an address, no robots.txt, no other attempt.
The last two lines are the whole command, which also makes every photo a row: decoded, set upright, measured, hashed.
"""

import argparse
import asyncio
import io
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from pipeline.fetch.manners import Manners
from pipeline.spool import open_fetcher

LATENCY_SECONDS = 0.02
KILLS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    asked = parser.parse_args()

    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    urls = [f"http://127.0.0.1:{port}/{number}.jpg" for number in range(asked.photos)]
    seconds: dict[str, list[float]] = {"bare httpx loop": [], "fetcher": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.rounds):
            for name, fetch in (("bare httpx loop", fetch_bare), ("fetcher", fetch_ours)):
                place = Path(folder) / f"{name} {number}"
                seconds[name].append(timed(fetch, urls, place, asked.connections))
        bare = statistics.median(seconds["bare httpx loop"])
        print(f"{asked.photos:,} photos, {asked.connections} connections, {1000 * LATENCY_SECONDS:.0f} ms latency\n")
        print(f"{'':<28}{'photos/s':>10}{'ratio':>8}{'peak MB':>9}")
        for name, times in seconds.items():
            median = statistics.median(times)
            print(f"{name:<28}{asked.photos / median:>10.0f}{bare / median:>8.2f}")
        whole, interrupted = Path(folder) / "whole", Path(folder) / "interrupted"
        took, peak = download(urls, whole, asked.connections)
        print(f"{'gauganpipe download':<28}{asked.photos / took:>10.0f}{'':>8}{peak:>9.0f}")
        for number in range(KILLS):
            download(urls, interrupted, asked.connections, kill_after=took * (number + 1) / (KILLS + 2))
        download(urls, interrupted, asked.connections)
        print(f"\nkilled {KILLS} times, then finished: {compare(whole, interrupted)}")
    server.terminate()


def timed(fetch: Callable[[list[str], Path, int], None], urls: list[str], place: Path, connections: int) -> float:
    place.mkdir()
    began = time.perf_counter()
    fetch(urls, place, connections)
    return time.perf_counter() - began


def fetch_bare(urls: list[str], place: Path, connections: int) -> None:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    with httpx.Client(limits=limits) as client, ThreadPoolExecutor(connections) as pool:

        def fetch(url: str) -> None:
            (place / url.rpartition("/")[2]).write_bytes(client.get(url).content)

        list(pool.map(fetch, urls))


def fetch_ours(urls: list[str], place: Path, connections: int) -> None:
    manners = Manners(connections=connections, per_host=connections, per_second=0, allow_private=True)
    with open_fetcher(manners) as fetcher:
        futures = [fetcher.ask(url, place / url.rpartition("/")[2]) for url in urls]
        for future in futures:
            future.add_done_callback(lambda _: fetcher.taken())
        for future in futures:
            future.result()


def download(
    urls: list[str], workspace: Path, connections: int, *, kill_after: float | None = None
) -> tuple[float, float]:
    """Seconds of the command, and its peak memory in MB.    kill_after: seconds until it is killed."""
    workspace.mkdir(exist_ok=True)
    (workspace / "addresses.txt").write_text("\n".join(urls))
    program = str(Path(sys.executable).with_name("gauganpipe"))
    options = [
        "--per-host",
        str(connections),
        "--connections",
        str(connections),
        "--per-second",
        "0",
        "--allow-private",
        "--quiet",
    ]
    command = [program, "download", str(workspace / "addresses.txt"), *options, "-C", str(workspace)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(process.pid, signal.SIGKILL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if kill_after is None and process.returncode:
        sys.exit(f"gauganpipe download failed with {process.returncode}")
    return time.perf_counter() - began, used.ru_maxrss / 1000


def compare(one: Path, other: Path) -> str:
    """Whether two workspaces hold the same photos and the same table, but for the moments of fetching."""
    tables = []
    for workspace in (one, other):
        lines = (workspace / "manifests" / "dataset.csv").read_text().splitlines()
        last = lines[0].split(",").index("retrieved_at")
        tables.append([[cell for place, cell in enumerate(line.split(",")) if place != last] for line in lines])
    photos = [{path.name: path.read_bytes() for path in workspace.rglob("*.jpg")} for workspace in (one, other)]
    is_same = tables[0] == tables[1] and photos[0] == photos[1]
    return f"{len(photos[1]):,} photos, the same workspace" if is_same else "NOT the same workspace"


def serve(pipe: Connection) -> None:
    """Answers every request with a photo that its path decides, and sends its port through the pipe first."""
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    noise = np.random.default_rng(0).normal(128, 40, (240, 320, 3)).clip(0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=60)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readuntil(b"\r\n\r\n"):
            path = request.split(b" ")[1]
            await asyncio.sleep(LATENCY_SECONDS)
            is_photo = path.endswith(b".jpg")
            body = file.getvalue() + path if is_photo else b""  # what follows its end makes every photo another one
            status = b"200 OK" if is_photo else b"404 Not Found"
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    main()
