"""Which addresses may be spoken to."""

import socket

import pytest

from pipeline.errors import PhotoError
from pipeline.fetch.addresses import LONGEST_SAID, check, host_of, is_public, resolve, shown

PRIVATE = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"],
    "this machine": ["0.0.0.0", "0.1.2.3", "::", "::127.0.0.1"],
    "private": [
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "fc00::1",
        "fd00:ec2::254",
        "::ffff:10.0.0.1",
    ],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%2", "::ffff:169.254.169.254"],
    "site-local": ["fec0::1"],
    "shared by a provider's customers": ["100.64.0.1", "100.100.100.200", "100.127.255.255"],
    "multicast and broadcast": ["224.0.0.1", "239.255.255.255", "ff02::1", "255.255.255.255"],
    "reserved": ["240.0.0.1", "4000::1", "5f00::1", "192.0.0.8", "192.0.0.192"],
    "for examples": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "for measurements": ["198.18.0.1", "198.19.255.255", "2001:2::1"],
    "a way into IPv4": ["64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:4136:e378::1", "192.88.99.1"],
    "a provider's own": ["168.63.129.16"],
}
PUBLIC = [
    "93.184.215.14",
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
]
PUBLIC_6 = ["2606:4700:4700::1111", "2001:4860:4860::8888", "2a00:1450::1", "2003::1", "::ffff:8.8.8.8"]


def refusal_of(url: str) -> str:
    with pytest.raises(PhotoError) as caught:
        check(url)
    assert caught.value.cause == "bad_address"
    return str(caught.value)


def resolving_to(*addresses: str):
    """A resolver that knows one name only."""

    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    return resolver


def failing(error: Exception):
    def resolver(host: str, port: int, **more: object) -> list[tuple]:
        raise error

    return resolver


def failure_of(resolver, host: str = "photos.example") -> tuple[str, str]:
    with pytest.raises(PhotoError) as caught:
        resolve(host, 443, allow_private=False, resolver=resolver)
    return caught.value.cause, str(caught.value)


# What an address looks like


@pytest.mark.parametrize(
    "url",
    [
        "http://photos.example/lake.jpg",
        "https://photos.example",
        "https://photos.example:8443/a/b.jpg?size=large&key=%2F",
        "http://93.184.215.14/lake.jpg",
        "http://[2606:4700:4700::1111]:8080/lake.jpg",
        "http://under_score.photos.example./lake.jpg",
        "http://xn--i-7iq.example/lake.jpg",
    ],
)
def test_an_address_of_the_web_is_kept_as_it_is(url):
    assert str(check(url)) == url


def test_letters_that_no_address_has_are_written_out():
    url = check("  HTTPS://Bücher.Example/ein see/Ä.jpg?q=ü\t")

    assert str(url) == "https://xn--bcher-kva.example/ein%20see/%C3%84.jpg?q=%C3%BC"


def test_the_fragment_stays_here():
    assert str(check("http://photos.example/lake.jpg#top")) == "http://photos.example/lake.jpg"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://photos.example/lake.jpg", "data:image/png;base64,AAAA"])
def test_only_http_and_https_are_spoken(url):
    scheme = url.partition(":")[0]

    assert refusal_of(url) == f"has an address that is one of {scheme}:, not of http: or https:"


@pytest.mark.parametrize("url", ["", "lake.jpg", "//photos.example/lake.jpg", "photos.example/lake.jpg", "/etc/passwd"])
def test_an_address_without_a_scheme_is_none(url):
    assert refusal_of(url) == "has an address that is none, not of http: or https:"


@pytest.mark.parametrize(
    "url",
    [
        *("http:///lake.jpg", "http://", "http://.../", "http://.photos.example/", "http://a..example/", "http://*/"),
        *("http://%31%32%37.0.0.1/", "http://a b.example/", f"http://{'a' * 64}.example/", f"http://{'a.' * 130}b/"),
        "http://[fe80::1%25eth0]/",
    ],
)
def test_an_address_without_a_sensible_host_is_refused(url):
    assert refusal_of(url) == "has an address without a host, or with one that cannot be"


@pytest.mark.parametrize(
    "url",
    [
        *("http://0177.0.0.1/", "http://[::1/", "http://[v1.x]/", "http://photos.example:80:80/"),
        *("http://photos.example/\nlake", "http://photos.example/\x00", "http://\ud800/", f"http://a/{'b' * 70000}"),
    ],
)
def test_what_cannot_be_read_as_an_address_is_refused(url):
    assert refusal_of(url) == "has an address that is none: it cannot be read as one"


@pytest.mark.parametrize("user", ["me", "me:secret", ":secret", "photos.example%2F"])
def test_a_password_in_an_address_is_refused_and_not_repeated(user):
    said = refusal_of(f"http://{user}@host.example/lake.jpg")

    assert said == "has an address with a user or a password in it, for host.example"


@pytest.mark.parametrize("port", [0, 22, 25, 6379 + 60000, 6667])
def test_a_port_that_no_web_server_has_is_refused(port):
    said = refusal_of(f"http://photos.example:{port}/lake.jpg")

    assert said == f"has an address with port {port} of photos.example, no web server's"


@pytest.mark.parametrize("port", [80, 81, 443, 8080, 65535])
def test_other_ports_are_spoken_to(port):
    assert check(f"http://photos.example:{port}/").port in (port, None)


# Where it leads


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, several in PRIVATE.items() for one in several])
def test_what_is_not_public_is_not_spoken_to(kind, address):
    cause, said = failure_of(resolving_to(address))

    assert cause == "private_address"
    assert said == f"is on photos.example ({address}), which is not at a public address"


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_6])
def test_what_is_public_is_spoken_to(address):
    assert resolve("photos.example", 443, allow_private=False, resolver=resolving_to(address)) == [address]


@pytest.mark.parametrize("host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1", "::1", "localhost"])
def test_no_way_of_writing_this_machine_gets_through(host):
    with pytest.raises(PhotoError) as caught:
        resolve(host, 80, allow_private=False)

    assert caught.value.cause in ("private_address", "unreachable")  # some systems do not know all of these


def test_an_address_that_is_its_own_host_is_said_once():
    assert failure_of(resolving_to("10.0.0.1"), "10.0.0.1")[1] == "is on 10.0.0.1, which is not at a public address"


def test_of_good_and_bad_addresses_only_the_good_ones_are_spoken_to():
    resolver = resolving_to("127.0.0.1", "8.8.8.8", "fe80::1", "8.8.4.4", "8.8.8.8")

    assert resolve("photos.example", 443, allow_private=False, resolver=resolver) == ["8.8.8.8", "8.8.4.4"]


def test_a_lab_may_speak_to_any():
    resolver = resolving_to("127.0.0.1", "8.8.8.8")

    assert resolve("photos.example", 443, allow_private=True, resolver=resolver) == ["127.0.0.1", "8.8.8.8"]


@pytest.mark.parametrize(
    ("error", "cause", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "x"), "unreachable", "cannot be reached: nobody knows a host a.example"),
        (
            socket.gaierror(socket.EAI_AGAIN, "x"),
            "unreachable",
            "cannot be reached: the name a.example cannot be looked up at the moment",
        ),
        (
            OSError(24, "Too many open files"),
            "unreachable",
            "cannot be reached: looking up a.example: Too many open files",
        ),
        (UnicodeError("label too long"), "bad_address", "has an address with a host that cannot be: a.example"),
    ],
)
def test_a_name_that_is_not_found_is_a_sentence(error, cause, said):
    assert failure_of(failing(error), "a.example") == (cause, said)


def test_a_name_without_an_address_is_a_sentence():
    said = "cannot be reached: the name photos.example has no address"

    assert failure_of(resolving_to()) == ("unreachable", said)


def test_is_public_judges_the_ipv4_address_inside_another():
    assert (is_public("::ffff:8.8.8.8"), is_public("::ffff:192.168.0.1")) == (True, False)


# In messages


def test_a_query_is_not_shown():
    assert shown(check("https://photos.example:8443/lake.jpg?key=secret")) == "https://photos.example:8443/lake.jpg"


def test_a_long_address_is_shown_in_part():
    said = shown(check(f"https://photos.example/{'a' * 1000}"))

    assert len(said) == LONGEST_SAID
    assert said.endswith("aaa...")


def test_the_host_is_as_it_is_looked_up():
    assert host_of(check("http://bücher.example/")) == "xn--bcher-kva.example"
