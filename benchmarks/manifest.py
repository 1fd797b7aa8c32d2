"""Commands on a manifest of 200,000 rows: inspect in 3 seconds, check in 10, split, query and diff in 5, on one core.

    python -m benchmarks.manifest
    python -m benchmarks.manifest --rows 20000

The rows are those of photos from a service, with every column filled and seven classes each; there are no pictures.
They are recorded first as a run would, so that a journal of a line a row is there to be folded, in 10 seconds. Each
command is a process of its own, on one core; no other work of the machine counts but what shares its caches.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import manifest as manifests
from pipeline.classes import load_taxonomy
from pipeline.manifest import Manifest, writing
from pipeline.rows import Row
from pipeline.workspace import Workspace

PROGRAM = (sys.executable, "-m", "pipeline")
FOLD = (
    sys.executable,
    "-c",
    "import sys; from pathlib import Path; from pipeline.manifest import writing; "
    "from pipeline.workspace import Workspace\nwith writing(Workspace(root=Path(sys.argv[2]))): pass",
)
GOAL_GB = 1.5
SQL = "SELECT split, count(*), avg(label_confidence) FROM dataset GROUP BY split"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One command: what the processor worked for it, the clock meanwhile, and the most memory that it had."""

    name: str
    goal_seconds: float
    seconds: float
    clock_seconds: float
    gigabytes: float

    def line(self) -> str:
        verdict = "" if self.seconds <= self.goal_seconds and self.gigabytes <= GOAL_GB else "  MISSED"
        numbers = f"{self.goal_seconds:8.0f}{self.seconds:10.1f}{self.clock_seconds:10.1f}{self.gigabytes:8.2f}"
        return f"{self.name:38}{numbers}{verdict}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--record-in", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.record_in:
        _record(Workspace(root=asked.record_in), asked.rows)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        here, copy = Path(folder) / "workspace", Path(folder) / "copy"
        record = (sys.executable, "-m", "benchmarks.manifest", "--rows", str(asked.rows), "--record-in", str(here))
        subprocess.run(record, check=True)
        journal_mb = Workspace(root=here).journal.stat().st_size / 1e6
        print(f"{asked.rows:,} rows, one core; the journal has {journal_mb:.0f} MB")
        print(f"{'':38}{'goal s':>8}{'seconds':>10}{'clock':>10}{'GB':>8}")

        _say("fold of the journal", 10, (*FOLD, "-C", str(here)))
        files_mb = sum(path.stat().st_size for path in (here / "manifests").glob("*.csv")) / 1e6
        shutil.copytree(here, copy)
        _say("inspect", 3, (*PROGRAM, "inspect", "-C", str(here)))
        for words, goal_seconds in (
            (("check", "--no-files"), 10),
            (("query", SQL), 5),
            (("split", "--val", "5", "--test", "5", "--dry-run"), 5),
            (("split", "--val", "5", "--test", "5"), 5),
            (("diff", str(copy)), 5),
            (("stats",), 5),
        ):
            _say_of_manifest(words, goal_seconds, here, copy)
        with writing(Workspace(root=here)) as manifest:
            manifest.amend({id: _relabelled(place) for place, id in enumerate(manifest.column("id"))})
        for words, goal_seconds in ((("diff", str(copy)), 5), (("diff", str(copy), "--json"), 10)):
            _say_of_manifest(words, goal_seconds, here, copy, after="after another labelling: ")
        print(f"the CSV files have {files_mb:.0f} MB")


def _relabelled(place: int) -> dict[str, str]:
    """What another segmenter says otherwise of the row in this place."""
    confidence, unknown = 0.5 + place % 5000 / 10_000, place % 999 / 10_000
    cells = {"label_confidence": f"{confidence:.6g}", "label_unknown": f"{unknown:.6g}", "flags": f"no_{place % 7}"}
    return {"label_model": "another", **cells}


def _say_of_manifest(words: Sequence[str], goal_seconds: float, here: Path, copy: Path, *, after: str = "") -> None:
    name = after + " ".join(word for word in words if word not in (SQL, str(copy)))
    _say(name, goal_seconds, (*PROGRAM, "manifest", *words, "-C", str(here)))


def _record(workspace: Workspace, rows: int) -> None:
    """Records rows without ever folding them."""
    manifests.SECONDS_BETWEEN_FOLDS = float("inf")
    workspace.manifests.mkdir(parents=True)
    manifest = Manifest(workspace)
    for row in _rows(rows):
        manifest.record(row)
    manifest.close()


def _rows(count: int) -> Iterator[Row]:
    rng, classes = random.Random(0), load_taxonomy().names

    def digits(number: int) -> str:
        return f"{rng.getrandbits(4 * number):0{number}x}"

    for number in range(count):
        sha256 = digits(64)
        id, place = f"g{sha256[:16]}", f"{sha256[:2]}/g{sha256[:16]}"
        shares = {name: rng.random() for name in rng.sample(classes, 7)}
        whole = sum(shares.values()) / 0.95
        yield Row(
            id=id,
            original_name=f"openverse/{digits(8)}-{digits(4)}-{digits(12)}",
            file_name=f"data/images/{place}.jpg",
            label_file_name=f"data/labels/{place}.png",
            instance_file_name=f"data/instances/{place}.png",
            edge_file_name=f"data/edges/{place}.png",
            width=1024,
            height=rng.choice((576, 683, 768)),
            split=rng.choices(("train", "val", "test"), (8, 1, 1))[0],
            group=id,
            status="ok",
            label_model="embedded",
            label_confidence=round(rng.random(), 4),
            label_unknown=0.05,
            source="openverse",
            source_url=f"https://live.staticflickr.com/{number % 9999}/{digits(11)}_{digits(10)}_b.jpg",
            source_page=f"https://www.flickr.com/photos/{digits(8)}/{digits(11)}",
            title=f"Lake {number}{', and' if number % 2 else ' with'} the mountains behind it",
            creator=f"Person {number % 5000}",
            creator_url=f"https://www.flickr.com/photos/{number % 5000}",
            license="CC-BY-4.0",
            license_url="https://creativecommons.org/licenses/by/4.0/",
            redistributable="yes",
            captured_at="2021-05-06T07:08:09",
            retrieved_at="2026-01-02T03:04:05+00:00",
            sha256=sha256,
            dhash=digits(64),
            dhash_mirror=digits(64),
            sharpness=round(rng.random(), 4),
            colourfulness=40.12,
            flatness=0.0407,
            layers=0.55,
            icy=0.1,
            border=0.0,
            lettering=0.0,
            added=1,
            camera="Canon EOS R5",
            changes="shrunk; stripped of metadata",
            digests={kind: digits(16) for kind in ("edge", "image", "instance", "label")},
            keys={stage: digits(16) for stage in ("edges", "ingest", "label")},
            shares={name: share / whole for name, share in shares.items()},
        )


def _say(name: str, goal_seconds: float, command: Sequence[str]) -> None:
    os.sync()
    begin = time.monotonic()
    one_core = {**os.environ, "OMP_NUM_THREADS": "1", "ARROW_IO_THREADS": "1"}
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "env": one_core}
    with subprocess.Popen(command, **said) as child:
        complaint = child.stderr.read().decode()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{name} has failed: {complaint}")
    measured = Measured(
        name=name,
        goal_seconds=goal_seconds,
        seconds=used.ru_utime + used.ru_stime,
        clock_seconds=time.monotonic() - begin,
        gigabytes=used.ru_maxrss / 1e6,
    )
    print(measured.line(), flush=True)


if __name__ == "__main__":
    main()
