"""What sites ask of programs."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.errors import PhotoError
from pipeline.fetch import robots
from pipeline.fetch.exchange import Exchange, PutOff
from pipeline.fetch.manners import Manners
from pipeline.fetch.robots import LOOKED_AT_BYTES, Robots, address_of, opt_out
from tests.misbehaving import Answer, Server, resolve_here

LAKE = "https://photos.example/lake.jpg"
CLOSED = "User-agent: *\nDisallow: /\n"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def fetch(server, tmp_path) -> Iterator[Callable[[str], None]]:
    """Fetches a path of photos.example."""
    with Exchange(Manners(allow_private=True), resolver=resolve_here) as exchange:
        yield lambda path: exchange.fetch(server.address(path, host="photos.example"), tmp_path / "0001")


def failure_of(fetch: Callable[[str], None], path: str = "/ok/lake.jpg") -> tuple[str, str]:
    with pytest.raises(PhotoError) as caught:
        fetch(path)
    return caught.value.cause, str(caught.value)


def saying(text: str) -> Robots:
    return Robots(lambda address: text)


class Site:
    """A robots.txt that can be had, or not: errors first."""

    def __init__(self, *errors: PhotoError) -> None:
        self.errors = list(errors)
        self.asked: list[str] = []

    def read(self, address: str) -> str:
        self.asked.append(address)
        if self.errors:
            raise self.errors.pop(0)
        return CLOSED


# What is allowed


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        ("", True),
        ("User-agent: *\nDisallow:\n", True),
        (CLOSED, False),
        ("User-agent: *\nDisallow: /private/\n", True),
        ("User-agent: *\nDisallow: /\nAllow: /lake.jpg\n", True),
        ("User-agent: *\nDisallow: /*.jpg$\n", False),
        ("User-agent: otherbot\nDisallow: /\n", True),
        ("User-agent: gauganpipe\nDisallow: /\n", False),
        ("User-agent: GAUGANPIPE\nDisallow: /\n\nUser-agent: *\nAllow: /\n", False),
        ("User-agent: gauganpipe\nAllow: /\n\nUser-agent: *\nDisallow: /\n", True),
        ("User-agent: otherbot\nUser-agent: *\nDisallow: /\n", False),
        ("\r\n # a comment\r\nuser-agent:*\r\ndisallow:/lake\r\n", False),
        ("<!DOCTYPE html><html>There is no such page</html>", True),
        ("Disallow: /\n", True),
    ],
)
def test_a_site_is_open_or_closed_as_its_file_says(text, is_open):
    assert saying(text).may_fetch(LAKE) == is_open


def test_a_query_counts():
    site = saying("User-agent: *\nDisallow: /*?size=\n")

    assert (site.may_fetch(LAKE), site.may_fetch(f"{LAKE}?size=large")) == (True, False)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 0), ("User-agent: *\nCrawl-delay: 2.5\n", 2.5), ("User-agent: *\nCrawl-delay: soon\nDisallow: /a\n", 0)],
)
def test_a_site_says_how_often_it_may_be_asked(text, seconds):
    site = saying(text)
    site.may_fetch(LAKE)

    assert site.delay_seconds(LAKE) == seconds


def test_a_site_that_was_not_asked_yet_wants_no_delay():
    def read(address: str) -> str:
        raise AssertionError

    assert Robots(read).delay_seconds(LAKE) == 0


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["\n" * LOOKED_AT_BYTES, f"User-agent: *\nDisallow: /{'*a' * 100_000}", "a" * LOOKED_AT_BYTES]
)
def test_a_spiteful_file_takes_no_time(text):
    saying(text).may_fetch(LAKE + "a" * 1000)


# Once for each site


def test_a_site_is_asked_once_for_its_scheme_host_and_port():
    site = Site()
    asked = Robots(site.read)

    for url in (LAKE, "https://PHOTOS.example:443/b.jpg", "http://photos.example/", "https://photos.example:8443/"):
        asked.may_fetch(url)

    assert site.asked == [
        "https://photos.example/robots.txt",
        "http://photos.example/robots.txt",
        "https://photos.example:8443/robots.txt",
    ]


def test_many_threads_ask_once_and_wait_for_the_answer():
    everyone, asked = threading.Barrier(16), []

    def read(address: str) -> str:
        asked.append(address)
        return CLOSED

    site = Robots(read)

    def may_fetch(_: int) -> bool:
        everyone.wait()
        return site.may_fetch(LAKE)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(may_fetch, range(16)))

    assert (answers, len(asked)) == ([False] * 16, 1)


def test_one_site_does_not_wait_for_another():
    reading, release = threading.Event(), threading.Event()

    def read(address: str) -> str:
        if "slow" in address:
            reading.set()
            release.wait(10)
        return ""

    site = Robots(read)
    thread = threading.Thread(target=site.may_fetch, args=("https://slow.example/",))
    thread.start()
    reading.wait(10)

    assert site.may_fetch(LAKE)

    release.set()
    thread.join()


def test_only_so_many_sites_are_kept(monkeypatch):
    monkeypatch.setattr(robots, "SITES", 2)
    site = Site()
    asked = Robots(site.read)

    for name in ("a", "b", "a", "c", "a", "b"):
        asked.may_fetch(f"https://{name}.example/")

    assert [address[8] for address in site.asked] == ["a", "b", "c", "b"]


def test_what_could_not_be_had_is_asked_for_again_later():
    now = [0.0]
    site = Site(PutOff("answers 503", wait_seconds=7), PhotoError("answers 500", cause="server"))
    asked = Robots(site.read, clock=lambda: now[0])

    causes = []
    for moment in (0, 4.9, 5, 9.9):
        now[0] = moment
        with pytest.raises(PhotoError) as caught:
            asked.may_fetch(LAKE)
        causes.append((caught.value.cause, getattr(caught.value, "wait_seconds", None)))
    now[0] = 10

    assert causes == [("busy", 7), ("busy", 7), ("server", None), ("server", None)]
    assert not asked.may_fetch(LAKE)
    assert len(site.asked) == 3


def test_a_file_stands_at_the_root_of_its_site():
    assert address_of("https://photos.example:8443/a/b.jpg?c=d") == "https://photos.example:8443/robots.txt"


# Over the net


def test_a_closed_site_is_asked_for_no_photo(server, fetch):
    server.robots["photos.example"] = CLOSED

    cause, said = failure_of(fetch)

    assert cause == "opted_out"
    assert said == f"is closed to programs by http://photos.example:{server.port}/robots.txt"
    assert server.asked == {"/robots.txt": 1}


def test_an_open_site_is_asked_once(server, fetch):
    server.robots["photos.example"] = "User-agent: *\nDisallow: /private/\nCrawl-delay: 3\n"

    for number in range(3):
        fetch(f"/ok/{number}.jpg")

    assert server.asked["/robots.txt"] == 1


def test_the_delay_is_told(server, tmp_path):
    server.robots["127.0.0.1"] = "User-agent: *\nCrawl-delay: 3\n"
    url = server.address("/ok/lake.jpg")

    with Exchange(Manners(allow_private=True)) as exchange:
        before = exchange.seconds_apart(url)
        exchange.fetch(url, tmp_path / "0001")

        assert (before, exchange.seconds_apart(url)) == (0, 3)


def test_where_a_redirect_leads_is_asked_too(server, fetch):
    server.robots["closed.example"] = CLOSED

    cause, said = failure_of(fetch, f"/to?url=http://closed.example:{server.port}/ok/secret.jpg")

    assert cause == "opted_out"
    assert said == f"is closed to programs by http://closed.example:{server.port}/robots.txt"
    assert server.asked["/ok/secret.jpg"] == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_a_site_without_the_file_is_open(server, fetch, status):
    server.answers["/robots.txt"] = Answer(status=status, body=CLOSED.encode())

    fetch("/ok/lake.jpg")


@pytest.mark.parametrize(
    ("status", "cause", "name"),
    [
        (500, "server", "Internal Server Error"),
        (503, "busy", "Service Unavailable"),
        (429, "busy", "Too Many Requests"),
    ],
)
def test_a_site_that_cannot_say_is_asked_for_no_photo_now(server, fetch, status, cause, name):
    server.answers["/robots.txt"] = Answer(status=status)

    address = f"http://photos.example:{server.port}/robots.txt"
    said = f"cannot be asked for yet: {address} answers {status} {name} at photos.example"
    assert failure_of(fetch) == (cause, said)
    assert server.asked == {"/robots.txt": 1}


def test_a_site_that_is_silent_is_asked_for_no_photo_now(server, tmp_path):
    server.answers["/robots.txt"] = Answer(status=301, headers=(("Location", "/silent/robots.txt"),))

    with Exchange(Manners(allow_private=True, silent_seconds=0.1)) as exchange:
        cause, said = failure_of(lambda path: exchange.fetch(server.address(path), tmp_path / "0001"))

    assert cause == "timeout"
    assert said.endswith("/robots.txt does not come: 127.0.0.1 is silent for 0.1 seconds")


def test_a_redirect_of_the_file_is_followed(server, fetch):
    server.answers["/robots.txt"] = Answer(status=301, headers=(("Location", "/rules"),))
    server.answers["/rules"] = Answer(body=CLOSED.encode())

    assert failure_of(fetch)[0] == "opted_out"


def test_a_file_that_leads_in_a_circle_is_none(server, fetch):
    server.answers["/robots.txt"] = Answer(status=301, headers=(("Location", "/robots.txt"),))

    fetch("/ok/lake.jpg")


def test_only_the_beginning_of_a_long_file_counts(server, fetch):
    server.robots["photos.example"] = "#" * (LOOKED_AT_BYTES - 1) + "\n" + CLOSED

    fetch("/ok/lake.jpg")


def test_a_file_without_end_is_not_read_to_its_end(server, fetch):
    server.answers["/robots.txt"] = Answer(status=301, headers=(("Location", "/endless/robots.txt"),))

    fetch("/ok/lake.jpg")


def test_a_mark_before_the_text_is_no_part_of_it(server, fetch):
    server.answers["/robots.txt"] = Answer(body=b"\xef\xbb\xbf" + CLOSED.encode())

    assert failure_of(fetch)[0] == "opted_out"


def test_text_that_is_none_opens_the_site(server, fetch):
    server.answers["/robots.txt"] = Answer(body=bytes(range(256)) * 10)

    fetch("/ok/lake.jpg")


# X-Robots-Tag


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ([], ""),
        (["all"], ""),
        (["nofollow, noarchive"], ""),
        (["noai"], "noai"),
        (["NOAI"], "noai"),
        (["nofollow,noimageai"], "noimageai"),
        (["noindex"], "noindex"),
        (["noimageindex"], "noimageindex"),
        (["none"], "none"),
        (["all", "noai"], "noai"),
        (["gauganpipe: noai"], "noai"),
        (["GauganPipe: nofollow, noai"], "noai"),
        (["*: noai"], "noai"),
        (["otherbot: noai"], ""),
        (["otherbot: nofollow, noai"], ""),
        (["otherbot: noai", "noindex"], "noindex"),
        (["otherbot: noai, gauganpipe: noindex"], "noindex"),
        (["unavailable_after: 25 Jun 2010 15:00:00 PST"], ""),
        (["unavailable_after: Fri, 25 Jun 2010 15:00:00 PST, noai"], "noai"),
        (["max-snippet: 20, max-image-preview: large, noai"], "noai"),
        (["notai", "noai2", ":", ",,", "gauganpipe:"], ""),
    ],
)
def test_a_header_closes_a_photo_or_does_not(tags, word):
    assert opt_out(tags) == word
