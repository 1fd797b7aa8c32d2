"""Files of candidates that are elsewhere: what is fetched, in which order it comes, and what is checked."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from pipeline.errors import PhotoError, SourceError
from pipeline.fetch.exchange import Fetched
from pipeline.sources.candidate import Candidate
from pipeline.spool import bring, clear


class Fetcher:
    """In the place of the net: files come when the test says so, or at once."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.asked: dict[str, tuple[Path, Future]] = {}
        self.handed_on = 0

    def taken(self) -> None:
        self.handed_on += 1

    def ask(self, url: str, place: Path) -> Future:
        self.asked[url] = place, Future()
        if self.at_once:
            self.send(url)
        return self.asked[url][1]

    def send(self, url: str) -> None:
        place, future = self.asked[url]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(url.encode())
        sha1, sha256 = hashlib.sha1(url.encode()).hexdigest(), hashlib.sha256(url.encode()).hexdigest()
        future.set_result(Fetched(url=url, size_bytes=len(url), sha1=sha1, sha256=sha256, content_type="image/jpeg"))

    @contextmanager
    def open(self) -> Iterator["Fetcher"]:
        yield self


def far(name: str, **cells: object) -> Candidate:
    """A photo that must be fetched."""
    return Candidate(name=name, source="urls", source_url=f"http://photos.example/{name}", fixed=True, **cells)


def near(name: str) -> Candidate:
    """A photo that is here."""
    return Candidate(name=name, source="folder", read=lambda: name.encode())


def brought(candidates, spool: Path, fetcher: Fetcher, **options: object):
    options = {"needs": lambda candidate: True, "on_broken": pytest.fail, **options}
    return bring(candidates, spool=spool, fetch=fetcher.open, **options)


# What comes, and when


def test_what_is_fetched_can_be_read_until_its_row_is_written_down(tmp_path):
    [candidate] = brought([far("a")], tmp_path, Fetcher())

    assert [candidate.read(), candidate.read()] == [b"http://photos.example/a"] * 2
    assert len(list(tmp_path.iterdir())) == 1


def test_what_fetches_hears_of_every_file_that_was_taken_up(tmp_path):
    fetcher = Fetcher()

    assert len(list(brought([far("a"), near("b"), far("c")], tmp_path, fetcher))) == 3
    assert fetcher.handed_on == 2


def test_the_same_photo_twice_is_fetched_once(tmp_path):
    fetcher = Fetcher(at_once=False)

    def listed() -> Iterator[Candidate]:
        yield far("a")
        yield far("a")
        fetcher.send("http://photos.example/a")

    assert [one.read() for one in brought(listed(), tmp_path, fetcher)] == [b"http://photos.example/a"]


def test_what_is_fetched_says_when(tmp_path):
    [candidate] = brought([far("a")], tmp_path, Fetcher())

    assert candidate.retrieved_at.endswith("+00:00")


def test_what_is_here_is_handed_on_and_nothing_is_opened(tmp_path):
    fetcher = Fetcher()

    assert [one.name for one in brought([near("a"), near("b")], tmp_path, fetcher)] == ["a", "b"]
    assert fetcher.asked == {}


def test_what_is_not_needed_is_not_fetched(tmp_path):
    fetcher = Fetcher()

    [candidate] = brought([far("a")], tmp_path, fetcher, needs=lambda candidate: False)

    assert (candidate.read, fetcher.asked) == (None, {})


def test_a_slow_file_holds_up_no_other(tmp_path):
    fetcher = Fetcher(at_once=False)

    def listed() -> Iterator[Candidate]:
        yield far("slow")
        yield far("quick")
        fetcher.send("http://photos.example/quick")
        yield near("here")
        fetcher.send("http://photos.example/slow")

    assert [one.name for one in brought(listed(), tmp_path, fetcher)] == ["here", "quick", "slow"]


def test_a_thousand_slow_files_hold_up_no_other(tmp_path):
    fetcher = Fetcher(at_once=False)

    def listed() -> Iterator[Candidate]:
        yield from (far(f"slow{number}") for number in range(1000))
        yield far("quick")
        fetcher.send("http://photos.example/quick")
        yield near("here")

    with closing(brought(listed(), tmp_path, fetcher)) as items:
        assert [next(items).name, next(items).name] == ["here", "quick"]


def test_why_a_file_cannot_be_had_is_told_when_it_is_read(tmp_path):
    fetcher = Fetcher(at_once=False)
    items = brought([far("a")], tmp_path, fetcher, needs=lambda candidate: True)
    original = fetcher.ask

    def refuse(url: str, place: Path) -> Future:
        future = original(url, place)
        future.set_exception(PhotoError("answers 404 Not Found", cause="not_found"))
        return future

    fetcher.ask = refuse
    [candidate] = items

    with pytest.raises(PhotoError, match="answers 404"):
        candidate.read()


def test_what_a_killed_command_has_fetched_is_not_fetched_again(tmp_path):
    first = Fetcher()
    [_] = brought([far("a")], tmp_path, first)

    second = Fetcher()
    [candidate] = brought([far("a")], tmp_path, second)

    assert (candidate.read(), second.asked) == (b"http://photos.example/a", {})


def test_what_a_killed_command_has_fetched_is_checked_too(tmp_path):
    [_] = brought([far("a", sha1="0" * 40)], tmp_path, Fetcher())

    [candidate] = brought([far("a", sha1="0" * 40)], tmp_path, Fetcher())

    with pytest.raises(PhotoError, match="its source says 0000"):
        candidate.read()


def test_two_photos_with_one_name_of_two_sources_have_files_of_their_own(tmp_path):
    fetcher = Fetcher(at_once=False)
    other = Candidate(name="a", source="openverse", source_url="http://photos.example/b", fixed=True)
    with closing(brought([far("a"), other, near("c")], tmp_path, fetcher)) as items:
        next(items)

    assert len({place for place, _ in fetcher.asked.values()}) == 2


@pytest.mark.parametrize(
    ("sha1", "is_right"), [(hashlib.sha1(b"http://photos.example/a").hexdigest(), 1), ("0" * 40, 0)]
)
def test_a_file_that_is_not_what_its_source_says_is_refused(tmp_path, sha1, is_right):
    [candidate] = brought([far("a", sha1=sha1)], tmp_path, Fetcher())

    if is_right:
        assert candidate.read() == b"http://photos.example/a"
    else:
        with pytest.raises(PhotoError, match="its source says 0000") as caught:
            candidate.read()
        assert caught.value.cause == "changed"


def test_a_service_that_fails_in_the_middle_loses_nothing_that_it_gave_before(tmp_path):
    def listed() -> Iterator[Candidate]:
        yield far("a")
        yield far("b")
        raise SourceError("the service answers 500")

    said = []
    names = [candidate.name for candidate in brought(listed(), tmp_path, Fetcher(), on_broken=said.append)]

    assert (names, [str(error) for error in said]) == (["a", "b"], ["the service answers 500"])


def test_what_is_left_is_thrown_away_and_a_folder_stays(tmp_path):
    spool = tmp_path / "incoming"
    (spool / "mine").mkdir(parents=True)
    (spool / "a.photo").write_bytes(b"a")

    clear(spool)
    assert [path.name for path in spool.iterdir()] == ["mine"]

    (spool / "mine").rmdir()
    clear(spool)
    assert not spool.exists()
