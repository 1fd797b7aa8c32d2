"""One file: what comes, what is refused for which cause, and that nothing is left behind."""

import contextlib
import errno
import gzip
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.causes import CAUSES
from pipeline.errors import PhotoError
from pipeline.fetch import addresses
from pipeline.fetch.exchange import Exchange, NotAskedError, PutOff
from pipeline.fetch.manners import Manners
from tests.misbehaving import Answer, Server, photo, resolve_here

BRISK = Manners(allow_private=True, most_bytes=100_000)


EMPTY_BLOCK = b"\0\0\0\xff\xff"
"""Of a deflate without its frame."""


class Pouring:
    """A web server with one packed photo, of no said length, that is followed by the same bytes for ever."""

    def __init__(self, encoding: str, body: bytes, more: bytes) -> None:
        self._first = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode() + body
        self._more = more

    def __enter__(self) -> "Pouring":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/lake.jpg"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        for answer in (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", self._first):
            connection, _ = self._listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(answer)
                while answer is self._first:
                    connection.sendall(self._more)


def packed(data: bytes, *, more: bytes) -> Answer:
    return Answer(headers=(("Content-Encoding", "gzip"),), body=gzip.compress(data) + more)


def stored(data: bytes) -> bytes:
    """A block as it stands in a deflate, not the last one."""
    return struct.pack("<BHH", 0, len(data), len(data) ^ 0xFFFF) + data


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def fresh() -> Iterator[Server]:
    """A server that has seen nothing yet."""
    with Server() as server:
        yield server


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    with Exchange(BRISK, resolver=resolve_here) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def impatient() -> Iterator[Exchange]:
    """Cannot bear silence."""
    with Exchange(BRISK.but(silent_seconds=0.15)) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def hurried() -> Iterator[Exchange]:
    """Has little time."""
    with Exchange(BRISK.but(most_seconds=0.3)) as exchange:
        yield exchange


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "0001"


def failure_of(exchange: Exchange, url: str, place: Path) -> tuple[str, str]:
    """Cause and sentence; nothing may be left of the file."""
    with pytest.raises(PhotoError) as caught:
        exchange.fetch(url, place)
    assert caught.value.cause in CAUSES
    assert list(place.parent.iterdir()) == []
    return caught.value.cause, str(caught.value)


# What comes


def test_a_file_is_at_its_place_with_its_digests(server, exchange, place):
    url = server.address("/ok/lake.jpg", bytes=90_000, key="secret")

    fetched = exchange.fetch(url, place)

    body = photo("lake.jpg", 90_000)
    assert place.read_bytes() == body
    assert list(place.parent.iterdir()) == [place]
    assert (fetched.url, fetched.size_bytes, fetched.content_type) == (url, 90_000, "image/jpeg")
    assert (fetched.sha1, fetched.sha256) == (hashlib.sha1(body).hexdigest(), hashlib.sha256(body).hexdigest())


def test_a_file_takes_the_place_of_an_earlier_one(server, exchange, place):
    place.write_bytes(b"earlier")

    exchange.fetch(server.address("/ok/lake.jpg"), place)

    assert place.read_bytes() == photo("lake.jpg")


def test_a_failure_leaves_an_earlier_file_alone(server, exchange, place):
    place.write_bytes(b"earlier")

    with pytest.raises(PhotoError):
        exchange.fetch(server.address("/claims/90000/lake.jpg"), place)

    assert [(path, path.read_bytes()) for path in place.parent.iterdir()] == [(place, b"earlier")]


def test_the_servers_word_for_the_kind_is_told_and_not_believed(server, exchange, place):
    server.answers["/picture"] = Answer(headers=(("Content-Type", "Text/HTML; charset=utf-8"),), body=photo("lake.jpg"))

    assert exchange.fetch(server.address("/picture"), place).content_type == "text/html"


def test_a_file_as_large_as_may_be_is_taken(server, exchange, place):
    assert exchange.fetch(server.address("/ok/lake.jpg", bytes=100_000), place).size_bytes == 100_000


def test_a_file_whose_length_is_not_said_is_taken(server, exchange, place):
    exchange.fetch(server.address("/unsaid/lake.jpg"), place)

    assert place.read_bytes() == photo("lake.jpg")


@pytest.mark.parametrize("packing", ["gzip", "deflate", "raw"])
def test_a_file_that_was_packed_though_we_asked_for_none_is_unpacked(server, exchange, place, packing):
    fetched = exchange.fetch(server.address(f"/{packing}/lake.jpg", bytes=100_000), place)

    assert place.read_bytes() == photo("lake.jpg", 100_000)
    assert fetched.sha1 == hashlib.sha1(photo("lake.jpg", 100_000)).hexdigest()


def test_a_body_longer_than_it_should_be_is_cut_and_spoils_no_other(server, exchange, place):
    exchange.fetch(server.address("/claims/2000/lake.jpg"), place)
    shorter = place.read_bytes()

    exchange.fetch(server.address("/ok/meadow.jpg"), place)

    assert (shorter, place.read_bytes()) == (photo("lake.jpg")[:2000], photo("meadow.jpg"))


# What is said of us


def test_we_say_who_we_are_and_that_we_want_no_packing(fresh, place):
    with Exchange(BRISK.but(contact="mailto:käthe@example.org")) as exchange:
        exchange.fetch(fresh.address("/ok/lake.jpg"), place)

    headers = fresh.requests[-1].headers
    assert headers["user-agent"].encode("latin-1").decode().startswith("gauganpipe/")
    assert "mailto:käthe@example.org" in headers["user-agent"].encode("latin-1").decode()
    assert headers["accept-encoding"] == "identity"


def test_no_cookie_is_brought_back(fresh, place):
    with Exchange(BRISK) as exchange:
        for _ in range(2):
            exchange.fetch(fresh.address("/cookie/lake.jpg"), place)

    assert all("cookie" not in request.headers for request in fresh.requests)


# Statuses


@pytest.mark.parametrize(
    ("status", "cause", "said"),
    [
        (404, "not_found", "404 Not Found"),
        (410, "not_found", "410 Gone"),
        (400, "forbidden", "400 Bad Request"),
        (401, "forbidden", "401 Unauthorized"),
        (403, "forbidden", "403 Forbidden"),
        (451, "forbidden", "451 Unavailable For Legal Reasons"),
        (499, "forbidden", "499"),
        (408, "timeout", "408 Request Timeout"),
        (429, "busy", "429 Too Many Requests"),
        (503, "busy", "503 Service Unavailable"),
        (500, "server", "500 Internal Server Error"),
        (502, "server", "502 Bad Gateway"),
        (599, "server", "599"),
        (204, "not_a_photo", "204 No Content"),
        (206, "not_a_photo", "206 Partial Content"),
        (304, "not_a_photo", "304 Not Modified"),
    ],
)
def test_a_status_has_its_cause(server, exchange, place, status, cause, said):
    url = server.address(f"/status/{status}/lake.jpg", host="photos.example", key="secret")

    assert failure_of(exchange, url, place) == (cause, f"answers {said} at photos.example")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("query", "least", "most"),
    [({"after": 7}, 7, 7), ({"date": 60}, 58, 60), ({"date": -60}, 0, 0), ({"after": 0}, 0, 0)],
)
def test_a_busy_server_says_how_long(server, exchange, place, status, query, least, most):
    with pytest.raises(PutOff) as caught:
        exchange.fetch(server.address(f"/status/{status}/lake.jpg", **query), place)

    assert least <= caught.value.wait_seconds <= most


@pytest.mark.parametrize("query", [{}, {"after": "soon"}, {"after": "-3"}, {"after": "Mon, 99 Foo 2020"}])
def test_a_busy_server_may_not_say_how_long(server, exchange, place, query):
    with pytest.raises(PutOff) as caught:
        exchange.fetch(server.address("/status/429/lake.jpg", **query), place)

    assert caught.value.wait_seconds is None


def test_a_server_may_recover(fresh, place):
    with Exchange(BRISK) as exchange:
        causes = [failure_of(exchange, fresh.address("/flaky/2/lake.jpg"), place)[0] for _ in range(2)]
        exchange.fetch(fresh.address("/flaky/2/lake.jpg"), place)

    assert causes == ["server", "server"]


@pytest.mark.parametrize("query", [{}, {"length": "no"}])
def test_a_refusal_costs_no_connection(fresh, place, query):
    with Exchange(BRISK) as exchange:
        for number in range(5):
            failure_of(exchange, fresh.address(f"/status/404/{number}.jpg", **query), place)

    assert fresh.connections == 1


# Connections


@pytest.mark.parametrize(
    ("path", "cause", "said"),
    [
        ("/reset/lake.jpg", "connection", "breaks off: the connection to 127.0.0.1 is lost"),
        ("/reset/lake.jpg?at=3000", "connection", "breaks off: the connection to 127.0.0.1 is lost"),
        ("/close/lake.jpg", "connection", "breaks off: 127.0.0.1 ends too early, or speaks no proper HTTP"),
        ("/claims/9000/lake.jpg", "connection", "breaks off: 127.0.0.1 ends too early, or speaks no proper HTTP"),
        ("/gzip/lake.jpg?at=3000", "connection", "breaks off before its end"),
    ],
)
def test_a_bad_connection_has_its_cause(server, exchange, place, path, cause, said):
    assert failure_of(exchange, server.address(path), place) == (cause, said)


@pytest.mark.parametrize("path", ["/silent/lake.jpg", "/silent/lake.jpg?at=3000"])
def test_silence_is_borne_for_a_while(server, impatient, place, path):
    said = "does not come: 127.0.0.1 is silent for 0.15 seconds"

    assert failure_of(impatient, server.address(path), place) == ("timeout", said)


@pytest.mark.parametrize("path", ["/drip/lake.jpg", "/headers/lake.jpg"])
def test_a_slow_server_is_given_up_though_it_is_never_silent(server, hurried, place, path):
    said = "takes more than 0.3 seconds to come from 127.0.0.1"

    assert failure_of(hurried, server.address(path), place) == ("timeout", said)


def test_the_wall_clock_is_for_all_redirects_together(server, hurried, place):
    url = server.address("/redirect/5/lake.jpg", wait=0.1)

    cause, said = failure_of(hurried, url, place)

    assert (cause, said) == ("timeout", "takes more than 0.3 seconds to come from 127.0.0.1")


def test_a_refusal_that_drips_is_not_waited_for(server, exchange, place, monkeypatch):
    monkeypatch.setattr("pipeline.fetch.exchange.DRAINED_SECONDS", 0.05)
    started_at = time.monotonic()

    assert failure_of(exchange, server.address("/drip/lake.jpg", status=404), place)[0] == "not_found"

    assert time.monotonic() - started_at < 2


def test_a_host_that_takes_no_connection_cannot_be_reached(place):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with Exchange(BRISK, resolver=resolve_here) as exchange:
        cause, said = failure_of(exchange, f"http://photos.example:{port}/lake.jpg?key=secret", place)

    assert (cause, said) == ("unreachable", "cannot be reached: photos.example takes no connection")


def test_a_host_that_nobody_knows_cannot_be_reached(place):
    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with Exchange(BRISK, resolver=resolver) as exchange:
        cause, said = failure_of(exchange, "https://photos.example/lake.jpg", place)

    assert (cause, said) == ("unreachable", "cannot be reached: nobody knows a host photos.example")


def test_a_bad_certificate_has_its_cause(place):
    with Server(tls=True) as server, Exchange(BRISK, resolver=resolve_here) as exchange:
        cause, said = failure_of(exchange, server.address("/ok/lake.jpg", host="photos.example"), place)

    assert cause == "certificate"
    assert said.startswith("is on photos.example, whose certificate is not valid: self")


def test_a_good_certificate_lets_a_file_through(place, monkeypatch):
    with Server(tls=True) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        with Exchange(BRISK, resolver=resolve_here) as exchange:
            exchange.fetch(server.address("/ok/lake.jpg", host="photos.example"), place)

    assert place.read_bytes() == photo("lake.jpg")


# Bodies


@pytest.mark.parametrize(
    ("path", "cause", "said"),
    [
        ("/ok/lake.jpg?bytes=100001", "too_large", "is 100,001 bytes, more than the 100,000 that are taken in"),
        ("/claims/90000000/lake.jpg", "too_large", "is 90,000,000 bytes, more than the 100,000 that are taken in"),
        ("/endless/lake.jpg", "too_large", "is more than the 100,000 bytes that are taken in"),
        ("/bomb/lake.jpg?bytes=5000000", "too_large", "is more than the 100,000 bytes that are taken in"),
        ("/encoded/br/lake.jpg", "not_a_photo", "is packed in a way that was not asked for, 'br'"),
        ("/encoded/gzip, gzip/lake.jpg", "not_a_photo", "is packed in a way that was not asked for, 'gzip, gzip'"),
        ("/encoded/gzip/lake.jpg", "not_a_photo", "is not packed with gzip, as its server says"),
        ("/is/html/lake.jpg", "not_a_photo", "is a web page, not a photo"),
        ("/is/text/lake.jpg", "not_a_photo", "is a text, not a photo"),
        ("/is/json/lake.jpg", "not_a_photo", "is an answer for programs (JSON), not a photo"),
        ("/is/svg/lake.jpg", "not_a_photo", "is an SVG drawing, not a photo"),
        ("/is/pdf/lake.jpg", "not_a_photo", "is a PDF, not a photo"),
        ("/is/gif/lake.jpg", "not_a_photo", "is a GIF, not a photo"),
        ("/is/mp4/lake.jpg", "not_a_photo", "is a video, not a photo"),
        ("/is/empty/lake.jpg", "not_a_photo", "is empty: 0 bytes"),
    ],
)
def test_a_bad_body_has_its_cause(server, exchange, place, path, cause, said):
    assert failure_of(exchange, server.address(path.replace(" ", "%20")), place) == (cause, said)


def test_bytes_without_end_behind_a_packed_photo_are_not_read(place):
    with Pouring("gzip", gzip.compress(photo("lake.jpg")), bytes(65536)) as pouring, Exchange(BRISK) as exchange:
        exchange.fetch(pouring.address, place)

    assert place.read_bytes() == photo("lake.jpg")


def test_bytes_without_end_behind_a_packed_robots_txt_are_not_read(fresh, exchange, place):
    fresh.answers["/robots.txt"] = packed(b"User-agent: *\nDisallow: /ok/\n", more=bytes(10_000_000))

    assert failure_of(exchange, fresh.address("/ok/lake.jpg"), place)[0] == "opted_out"


def test_a_robots_txt_is_heeded_as_far_as_it_is_read(fresh, exchange, place):
    rules = b"User-agent: *\nDisallow: /ok/\n"
    fresh.answers["/robots.txt"] = Answer(
        headers=(("Content-Encoding", "deflate"),), body=stored(rules) + EMPTY_BLOCK * 200_000
    )

    assert failure_of(exchange, fresh.address("/ok/lake.jpg"), place)[0] == "opted_out"


def test_a_packed_body_that_unpacks_to_nothing_without_end_is_given_up(place):
    with Pouring("deflate", b"", EMPTY_BLOCK * 10_000) as pouring, Exchange(BRISK) as exchange:
        failure = failure_of(exchange, pouring.address, place)

    assert failure == ("too_large", "is more than the 100,000 bytes that are taken in")


def test_what_is_no_photo_is_not_waited_for(server, exchange, place):
    started_at = time.monotonic()

    assert failure_of(exchange, server.address("/is/html/lake.jpg", at=40), place)[0] == "not_a_photo"

    assert time.monotonic() - started_at < 2


# Redirects


def test_a_redirect_is_followed_and_the_last_address_is_told(server, exchange, place):
    fetched = exchange.fetch(server.address("/redirect/5/lake.jpg"), place)

    assert fetched.url == server.address("/redirect/0/lake.jpg")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_every_kind_of_redirect_is_followed(server, exchange, place, code):
    assert exchange.fetch(server.address("/redirect/1/lake.jpg", code=code), place).size_bytes > 0


def test_a_redirect_costs_no_connection(fresh, place):
    with Exchange(BRISK) as exchange:
        exchange.fetch(fresh.address("/redirect/5/lake.jpg"), place)

    assert fresh.connections == 1


def test_a_redirect_may_lead_to_another_host(server, exchange, place):
    there = server.address("/ok/lake.jpg", host="elsewhere.example")

    assert exchange.fetch(server.address("/to", url=there), place).url == there


def test_a_redirect_may_lead_from_https_to_http(server, place, monkeypatch):
    with Server(tls=True) as secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(secure.certificate))
        there = server.address("/ok/lake.jpg", host="elsewhere.example")
        with Exchange(BRISK, resolver=resolve_here) as exchange:
            fetched = exchange.fetch(secure.address("/to", host="photos.example", url=there), place)

    assert fetched.url == there


@pytest.mark.parametrize(
    ("path", "cause", "said"),
    [
        (
            "/redirect/6/lake.jpg?key=secret",
            "redirects",
            "is sent on more than 5 times, at last to {}/redirect/0/lake.jpg",
        ),
        ("/circle/one", "redirects", "is sent on in a circle, by way of {}/circle/one"),
        ("/to", "redirects", "is sent on by 127.0.0.1, but not told where to"),
        (
            "/to?url=file:///etc/passwd",
            "bad_address",
            "is sent on by 127.0.0.1, and then has an address that is one of file:, not of http: or https:",
        ),
        (
            "/to?url=http://me:secret@photos.example/",
            "bad_address",
            "is sent on by 127.0.0.1, and then has an address with a user or a password in it, for photos.example",
        ),
        ("/to?url=http://photos.example:80:80/", "bad_address", "is sent on by 127.0.0.1 to an address that is none"),
        ("/status/300/lake.jpg", "not_a_photo", "answers 300 Multiple Choices at 127.0.0.1"),
    ],
)
def test_a_bad_redirect_has_its_cause(server, exchange, place, path, cause, said):
    here = server.address("")

    assert failure_of(exchange, server.address(path), place) == (cause, said.format(here))


def test_a_redirect_into_a_private_net_is_not_followed(fresh, place, monkeypatch):
    monkeypatch.setattr(addresses, "is_public", lambda address: address == "127.0.0.1")

    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        found = resolve_here(host, port)
        return [(*found[0][:4], ("10.0.0.1", port))] if host == "inside.example" else found

    with Exchange(BRISK.but(allow_private=False), resolver=resolver) as exchange:
        url = fresh.address("/to", host="photos.example", url="http://inside.example/secret.jpg")
        cause, said = failure_of(exchange, url, place)

    assert cause == "private_address"
    assert said == "is on inside.example (10.0.0.1), which is not at a public address"


# Addresses


@pytest.mark.parametrize("url", ["file:///etc/passwd", "lake.jpg", "http://me:secret@photos.example/", "http://a:22/"])
def test_a_bad_address_is_asked_for_nothing(exchange, place, url):
    assert failure_of(exchange, url, place)[0] == "bad_address"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "localhost"])
def test_this_machine_is_not_asked_for_anything(fresh, place, host):
    with Exchange(BRISK.but(allow_private=False)) as exchange:
        cause, _ = failure_of(exchange, fresh.address("/ok/lake.jpg", host=host), place)

    assert cause in ("private_address", "unreachable")
    assert fresh.connections == 0


def test_no_message_holds_a_query(server, impatient, place):
    paths = [
        "/status/404/a",
        "/status/429/a",
        "/reset/a",
        "/close/a",
        "/is/html/a",
        "/redirect/6/a",
        "/to",
        "/silent/a",
    ]
    urls = [server.address(path, key="hunter2") for path in paths]
    elsewhere = server.address("/to", url="ftp://photos.example/?key=hunter2")

    said = [failure_of(impatient, url, place)[1] for url in (*urls, elsewhere)]

    assert not [sentence for sentence in said if "hunter2" in sentence or "?" in sentence]


# What sites ask for


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        (["noai"], "noai"),
        (["noindex, NoImageAI"], "noindex"),
        (["all", "none"], "none"),
        (["gauganpipe: noai"], "noai"),
        (["otherbot: nofollow", "noimageindex"], "noimageindex"),
    ],
)
def test_a_photo_that_is_closed_to_training_is_left_alone(server, exchange, place, tags, word):
    url = server.address("/tagged/lake.jpg", host="photos.example", tag=tags)

    said = f"is closed by photos.example, which says X-Robots-Tag: {word}"
    assert failure_of(exchange, url, place) == ("opted_out", said)


@pytest.mark.parametrize("tags", [["otherbot: noai, noindex"], ["nofollow, max-image-preview: large"], [""]])
def test_a_photo_that_is_closed_to_others_is_taken(server, exchange, place, tags):
    exchange.fetch(server.address("/tagged/lake.jpg", tag=tags), place)


def test_a_photo_that_its_site_closes_is_not_asked_for_but_one_that_was_sent_on_was(fresh, exchange, place):
    fresh.robots["closed.example"] = "User-agent: *\nDisallow: /ok/"
    closed = fresh.address("/ok/lake.jpg", host="closed.example")

    kinds = []
    for url in (closed, fresh.address("/to", url=closed)):
        with pytest.raises(PhotoError) as caught:
            exchange.fetch(url, place)
        kinds.append((caught.value.cause, isinstance(caught.value, NotAskedError)))

    assert kinds == [("opted_out", True), ("opted_out", False)]


def test_closed_photos_are_taken_where_nobody_obeys(fresh, place):
    fresh.robots["127.0.0.1"] = "User-agent: *\nDisallow: /"

    with Exchange(BRISK.but(obeys_opt_out=False)) as exchange:
        exchange.fetch(fresh.address("/tagged/lake.jpg", tag="noai"), place)

    assert fresh.asked == {"/tagged/lake.jpg": 1}


# Many at once


def test_many_threads_fetch_at_once(fresh, tmp_path):
    fresh.latency_seconds = 0.02
    urls = [fresh.address(f"/ok/{number}.jpg") for number in range(160)]

    with Exchange(BRISK) as exchange, ThreadPoolExecutor(16) as pool:
        fetched = list(pool.map(exchange.fetch, urls, [tmp_path / str(number) for number in range(160)]))

    assert [one.url for one in fetched] == urls
    assert all((tmp_path / str(number)).read_bytes() == photo(f"{number}.jpg") for number in range(160))
    assert (fresh.asked["/robots.txt"], fresh.busiest[""], fresh.connections) == (1, 16, 16)


def test_a_hundred_hosts_are_asked_at_once(fresh, tmp_path):
    urls = [fresh.address("/ok/lake.jpg", host=f"host{number}.example") for number in range(100)]

    with Exchange(BRISK, resolver=resolve_here) as exchange, ThreadPoolExecutor(100) as pool:
        list(pool.map(exchange.fetch, urls, [tmp_path / str(number) for number in range(100)]))

    assert (fresh.asked["/ok/lake.jpg"], fresh.asked["/robots.txt"]) == (100, 100)
    # The server learns a little late that a connection has been closed to make room for another.
    assert fresh.most_open < 2 * BRISK.connections


def test_closing_ends_what_is_on_its_way(fresh, place):
    caught: list[PhotoError] = []
    exchange = Exchange(BRISK)

    def fetch() -> None:
        try:
            exchange.fetch(fresh.address("/silent/lake.jpg", at=3000), place)
        except PhotoError as error:
            caught.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    while not place.with_name("0001.part").exists():
        time.sleep(0.001)
    exchange.close()
    thread.join(5)

    assert [error.cause for error in caught] == ["connection"]
    assert list(place.parent.iterdir()) == []


# Disks


def test_a_full_disk_is_no_fault_of_the_photo(server, exchange, place, monkeypatch):
    def replace(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", replace)

    with pytest.raises(OSError, match="No space left on device"):
        exchange.fetch(server.address("/ok/lake.jpg"), place)

    assert list(place.parent.iterdir()) == []


def test_a_folder_that_is_not_there_is_no_fault_of_the_photo(server, exchange, tmp_path):
    with pytest.raises(FileNotFoundError):
        exchange.fetch(server.address("/ok/lake.jpg"), tmp_path / "none" / "0001")
