"""Files of candidates that are elsewhere: fetched into a folder, and handed on as they come, until their rows stand."""

import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from pipeline.errors import PhotoError, SourceError
from pipeline.fetch.exchange import Exchange, Fetched
from pipeline.fetch.fetcher import Fetcher
from pipeline.fetch.manners import Manners
from pipeline.rows import digest
from pipeline.sources.candidate import Candidate

WAITING = 20_000
"""So many candidates at most wait for their files, of whatever hosts: a slow one holds up no other."""


@contextmanager
def open_fetcher(manners: Manners) -> Iterator[Fetcher]:
    """What fetches files from the net, and gives up what is on its way at the end of the block."""
    with Exchange(manners) as exchange, Fetcher(exchange, manners) as fetcher:
        yield fetcher


def bring(
    candidates: Iterable[Candidate],
    *,
    needs: Callable[[Candidate], bool],
    spool: Path,
    fetch: Callable[[], AbstractContextManager[Fetcher]],
    on_broken: Callable[[SourceError], None],
) -> Generator[Candidate, None, None]:
    """The candidates, each as soon as it can be read: those that are fetched come when they have come.

    needs: whether the bytes of a candidate are wanted.    spool: folder of the files; nothing leaves it here.
    fetch: opens what fetches, when the first file must be.    on_broken: told why the source ended before its end, once
    all that it gave before has been handed on.
    """
    here: SimpleQueue[tuple[Candidate, bool]] = SimpleQueue()
    asked: set[Path] = set()
    flying = 0
    with ExitStack() as stack:
        fetcher: Fetcher | None = None

        def next_one() -> Candidate:
            candidate, is_fetched = here.get()
            if is_fetched:
                fetcher.taken()
            return candidate

        try:
            for candidate in candidates:
                if candidate.read is not None or not needs(candidate):
                    yield candidate
                elif (place := _place(spool, candidate)) not in asked:
                    if fetcher is None:
                        spool.mkdir(parents=True, exist_ok=True)
                        fetcher = stack.enter_context(fetch())
                    asked.add(place)
                    _ask_for(candidate, place, fetcher, here)
                    flying += 1
                while flying and (flying >= WAITING or not here.empty()):
                    yield next_one()
                    flying -= 1
        except SourceError as error:
            on_broken(error)
        for _ in range(flying):
            yield next_one()


def _ask_for(candidate: Candidate, place: Path, fetcher: Fetcher, here: "SimpleQueue[tuple[Candidate, bool]]") -> None:
    """Puts the candidate into the queue when its file has come, or cannot be had."""
    # A command that was killed may have had it already.
    future = None if place.is_file() else fetcher.ask(candidate.source_url, place)

    def bring_here(_: object = None) -> None:
        moment = datetime.now(UTC)
        with suppress(OSError):
            moment = datetime.fromtimestamp(place.stat().st_mtime, UTC)
        read = partial(_read, candidate, place, future)
        fetched = replace(candidate, read=read, retrieved_at=moment.isoformat(timespec="seconds"))
        here.put((fetched, future is not None))

    future.add_done_callback(bring_here) if future else bring_here()


def _read(candidate: Candidate, place: Path, future: "Future[Fetched] | None") -> bytes:
    if future:
        future.result()
    data = place.read_bytes()
    sha1 = hashlib.sha1(data, usedforsecurity=False).hexdigest() if candidate.sha1 else ""
    if sha1 != candidate.sha1:
        raise PhotoError(f"has the SHA-1 {sha1}, its source says {candidate.sha1}", cause="changed")
    return data


def release(spool: Path, candidate: Candidate) -> None:
    """Throws away the file of a candidate whose row is written down."""
    if candidate.retrieved_at:
        _place(spool, candidate).unlink(missing_ok=True)


def _place(spool: Path, candidate: Candidate) -> Path:
    return spool / f"{digest(f'{candidate.source} {candidate.name} {candidate.source_url}'.encode())}.photo"


def clear(spool: Path) -> None:
    """Throws away what was fetched and is not needed, as by a command that was killed; a folder in it stays."""
    if spool.is_dir():
        for entry in os.scandir(spool):
            if not entry.is_dir(follow_symlinks=False):
                Path(entry.path).unlink(missing_ok=True)
        with suppress(OSError):
            spool.rmdir()
