"""Connections: where they may lead, how long they are waited for, and when they are used again."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from pipeline.errors import PhotoError
from pipeline.fetch.transport import Transport
from tests.misbehaving import Server, photo, resolve_here

PUBLIC = "93.184.215.14"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def secure(monkeypatch) -> Iterator[Server]:
    with Server(tls=True) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server


def transport_of(*, resolver: Callable = resolve_here, **more: object) -> Transport:
    return Transport(**{"connections": 4, "allow_private": True, "resolver": resolver, **more})


def get(transport: Transport, url: str, seconds: float = 2, **more: object) -> httpx.Response:
    with httpx.Client(transport=transport, timeout=seconds, trust_env=False) as client:
        return client.get(url, **more)


def resolving_to(*addresses: str) -> Callable:
    """Each time the next address; the last one from then on."""
    left = list(addresses)

    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        address = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    return resolver


def refusal_of(transport: Transport, url: str) -> tuple[str, str]:
    with pytest.raises(PhotoError) as caught:
        get(transport, url)
    return caught.value.cause, str(caught.value)


# Where they lead


def test_a_file_comes_through(server):
    answer = get(transport_of(), server.address("/ok/lake.jpg", host="photos.example"))

    assert answer.content == photo("lake.jpg")
    assert server.requests[0].host == "photos.example"


def test_a_name_that_means_this_machine_is_refused(server):
    cause, said = refusal_of(transport_of(allow_private=False), server.address("/ok/lake.jpg", host="photos.example"))

    assert (cause, server.connections) == ("private_address", 0)
    assert said == "is on photos.example (127.0.0.1), which is not at a public address"


def test_a_name_that_means_something_else_a_moment_later_does_not_get_through(server, monkeypatch):
    tried: list[tuple] = []

    def create_connection(address: tuple, *rest: object, **more: object) -> socket.socket:
        tried.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", create_connection)
    transport = transport_of(allow_private=False, resolver=resolving_to(PUBLIC, "127.0.0.1"))
    url = server.address("/ok/lake.jpg", host="photos.example")

    with httpx.Client(transport=transport) as client:
        with pytest.raises(httpx.ConnectError):
            client.get(url)
        with pytest.raises(PhotoError) as caught:
            client.get(url)
    monkeypatch.undo()  # the server connects to itself when it ends

    assert tried == [(PUBLIC, server.port)]
    assert (caught.value.cause, server.connections) == ("private_address", 0)


def test_nothing_is_sent_where_another_answers_than_the_one_that_was_looked_up(server, monkeypatch):
    connect = socket.create_connection
    monkeypatch.setattr(
        socket, "create_connection", lambda address, *rest, **more: connect(("127.0.0.1", server.port), *rest, **more)
    )
    transport = transport_of(allow_private=False, resolver=resolving_to(PUBLIC))

    cause, said = refusal_of(transport, server.address("/ok/lake.jpg", host="photos.example"))

    assert cause == "private_address"
    assert said == f"is on photos.example, but 127.0.0.1 answers in the place of {PUBLIC}"
    assert server.requests == []


def test_the_next_address_is_tried_where_the_first_takes_no_connection(server):
    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    assert (
        get(transport_of(resolver=resolver), server.address("/ok/lake.jpg", host="photos.example")).status_code == 200
    )


def test_proxies_of_the_environment_are_not_used(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    with httpx.Client(transport=transport_of()) as client:
        assert client.get(server.address("/ok/lake.jpg")).status_code == 200


def test_sockets_of_this_machine_are_refused():
    with pytest.raises(PhotoError, match=r"is at /run/docker\.sock, a socket of this machine"):
        transport_of()._network.connect_unix_socket("/run/docker.sock")


# Certificates


def test_the_certificate_is_the_names_not_the_addresses(secure):
    assert get(transport_of(), secure.address("/ok/lake.jpg", host="photos.example")).status_code == 200


def test_a_name_may_end_in_a_dot(secure):
    assert get(transport_of(), secure.address("/ok/lake.jpg", host="photos.example.")).status_code == 200


def test_a_certificate_for_another_name_is_refused(secure):
    cause, said = refusal_of(transport_of(), secure.address("/ok/lake.jpg", host="lakes.example"))

    assert (cause, secure.requests) == ("certificate", [])
    assert said.startswith("is on lakes.example, whose certificate is not valid: Hostname mismatch, certificate is not")


def test_a_certificate_that_nobody_vouches_for_is_refused(secure, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")

    cause, said = refusal_of(transport_of(), secure.address("/ok/lake.jpg", host="photos.example"))

    assert cause == "certificate"
    assert said.startswith("is on photos.example, whose certificate is not valid: self")


def test_a_server_without_encryption_is_a_broken_connection(server):
    with pytest.raises(httpx.ReadError):
        get(transport_of(), server.address("/ok/lake.jpg").replace("http:", "https:"))


# How long they are waited for


@pytest.mark.parametrize("path", ["/headers/lake.jpg", "/drip/lake.jpg", "/silent/lake.jpg", "/silent/lake.jpg?at=500"])
def test_a_thread_gives_up_at_its_moment(server, path):
    transport = transport_of()
    started_at = time.monotonic()

    with transport.until(started_at + 0.1), pytest.raises(httpx.ReadTimeout):
        get(transport, server.address(path), seconds=60)

    assert time.monotonic() - started_at < 2


def test_a_moment_that_is_past_asks_for_nothing(server):
    transport = transport_of()

    with transport.until(time.monotonic()), pytest.raises(httpx.TimeoutException):
        get(transport, server.address("/ok/lake.jpg"))

    assert server.requests == []


def test_the_earlier_of_two_moments_counts():
    transport = transport_of(clock=lambda: 10.0)

    with transport.until(9):
        with transport.until(20):
            inside = transport.is_late()
        with transport.until(5):
            pass
        between = transport.is_late()

    assert (inside, between, transport.is_late()) == (True, True, False)


def test_the_moment_of_one_thread_is_none_of_another(server):
    transport = transport_of()
    answers: list[int] = []
    other = threading.Thread(target=lambda: answers.append(get(transport, server.address("/ok/a.jpg")).status_code))

    with transport.until(0):
        other.start()
        other.join()

    assert answers == [200]


def test_waiting_for_a_connection_ends_too(server):
    transport = transport_of(connections=1)
    with httpx.Client(transport=transport) as client, client.stream("GET", server.address("/endless/lake.jpg")):
        moment = time.monotonic() + 0.05

        with transport.until(moment), pytest.raises(httpx.PoolTimeout):
            client.get(server.address("/ok/lake.jpg"))


# When they are used again


def test_a_connection_is_used_again_and_its_name_looked_up_once(server):
    looked_up: list[str] = []

    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        looked_up.append(host)
        return resolve_here(host, port)

    with httpx.Client(transport=transport_of(resolver=resolver)) as client:
        for number in range(5):
            client.get(server.address(f"/ok/{number}.jpg", host="photos.example"))

    assert (server.connections, looked_up) == (1, ["photos.example"])


def test_what_a_kept_connection_loses_is_asked_for_again(server):
    with httpx.Client(transport=transport_of()) as client:
        client.get(server.address("/ok/lake.jpg"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(server.address("/close/lake.jpg"))

    assert (server.asked["/close/lake.jpg"], server.connections) == (2, 2)


def test_what_a_fresh_connection_loses_is_lost(server):
    with pytest.raises(httpx.RemoteProtocolError):
        get(transport_of(), server.address("/close/lake.jpg"))

    assert server.asked["/close/lake.jpg"] == 1


def test_a_form_is_never_sent_twice(server):
    with httpx.Client(transport=transport_of()) as client:
        client.get(server.address("/ok/lake.jpg"))
        with pytest.raises(httpx.RemoteProtocolError):
            client.post(server.address("/close/lake.jpg"), data={"a": "b"})

    assert server.asked["/close/lake.jpg"] == 1


def test_no_more_connections_are_open_than_may_be(server):
    with httpx.Client(transport=transport_of(connections=3)) as client:
        urls = [server.address(f"/ok/{number}.jpg", wait=0.01) for number in range(12)]
        threads = [threading.Thread(target=client.get, args=(url,)) for url in urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert (len(server.requests), server.most_open) == (12, 3)


# When all is over


@pytest.mark.parametrize("path", ["/silent/lake.jpg", "/unsaid/lake.jpg?stays=yes"])
def test_closing_wakes_whoever_waits_and_no_half_answer_counts_as_whole(server, path):
    transport = transport_of()
    caught: list[Exception] = []

    def ask() -> None:
        try:
            get(transport, server.address(path), seconds=60)
        except httpx.TransportError as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    while not server.requests:
        time.sleep(0.001)
    transport.close()
    thread.join(5)

    assert [isinstance(error, httpx.ReadError | httpx.RemoteProtocolError) for error in caught] == [True]
    assert len(server.requests) == 1


def test_nothing_is_asked_for_after_the_end(server):
    transport = transport_of()
    transport.close()

    with pytest.raises(httpx.ReadError):
        get(transport, server.address("/ok/lake.jpg"))

    assert server.requests == []
