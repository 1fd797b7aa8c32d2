"""Which addresses may be spoken to: those of web servers on the public net, and nothing inside our own."""

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipeline.errors import PhotoError

if TYPE_CHECKING:
    import httpx

Resolver = Callable[..., list[tuple]]
"""As socket.getaddrinfo."""

LONGEST_SAID = 120
"""Characters of an address in a message."""

_NOT_PUBLIC = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # what a machine at Azure asks for its secrets; the others' are link-local
    )
)
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocols, among them Teredo, which leads to any IPv4 address
        "2001:db8::/32",
        "2002::/16",  # 6to4, which does too
        "3fff::/20",
    )
)
"""Source: IANA's registries of special-purpose addresses. The NAT64 prefixes lie outside of 2000::/3."""

_NO_WEB_SERVERS = frozenset(
    (
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104),
        *(109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515),
        *(526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049),
        *(3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    )
)
"""Source: the bad ports of the Fetch standard, which no browser speaks to either."""


def check(url: str) -> "httpx.URL":
    """The address, parsed as it will be asked for, without its fragment. Where it leads is judged by `resolve`.

    Raises: PhotoError, cause bad_address, unless it is http or https, with a host, without a password, and with a
    port at which a web server may be.
    """
    import httpx

    try:
        parsed = httpx.URL(url.strip().partition("#")[0])
    except (httpx.InvalidURL, ValueError):
        raise PhotoError("has an address that is none: it cannot be read as one", cause="bad_address") from None
    host = host_of(parsed)
    if parsed.scheme not in ("http", "https"):
        said = f"one of {parsed.scheme[:20]}:" if parsed.scheme else "none"
        raise PhotoError(f"has an address that is {said}, not of http: or https:", cause="bad_address")
    if not _is_host(host):
        raise PhotoError("has an address without a host, or with one that cannot be", cause="bad_address")
    if parsed.userinfo:
        raise PhotoError(f"has an address with a user or a password in it, for {host}", cause="bad_address")
    if parsed.port is not None and (parsed.port in _NO_WEB_SERVERS or parsed.port > 65535):
        raise PhotoError(f"has an address with port {parsed.port} of {host}, no web server's", cause="bad_address")
    return parsed


def _is_host(host: str) -> bool:
    if ":" in host:
        return "%" not in host  # an IPv6 address, which may not choose the network card
    return bool(re.fullmatch(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?", host)) and len(host) <= 254


def resolve(host: str, port: int, *, allow_private: bool, resolver: Resolver = socket.getaddrinfo) -> list[str]:
    """The IP addresses of the host that may be spoken to, in the order in which they should be tried.

    A name that has good addresses and bad ones is spoken to at the good ones. What the host looks like does not
    matter: 127.1 and 0x7f000001 are judged by what they resolve to.

    Raises: PhotoError, cause unreachable where the name is not known, private_address where no address of it is good.
    """
    try:
        found = resolver(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        later = error.errno == socket.EAI_AGAIN
        said = f"the name {host} cannot be looked up at the moment" if later else f"nobody knows a host {host}"
        raise PhotoError(f"cannot be reached: {said}", cause="unreachable") from None
    except UnicodeError:
        raise PhotoError(
            f"has an address with a host that cannot be: {host[:LONGEST_SAID]}", cause="bad_address"
        ) from None
    except OSError as error:
        raise PhotoError(f"cannot be reached: looking up {host}: {error.strerror}", cause="unreachable") from None
    addresses = list(dict.fromkeys(str(place[4][0]) for place in found))
    if not addresses:
        raise PhotoError(f"cannot be reached: the name {host} has no address", cause="unreachable")
    good = [address for address in addresses if allow_private or is_public(address)]
    if not good:
        said = host if host == addresses[0] else f"{host} ({addresses[0]})"
        raise PhotoError(f"is on {said}, which is not at a public address", cause="private_address")
    return good


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public net, and of a single machine."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is None:
            return parsed in _UNICAST_6 and not any(parsed in network for network in _NOT_PUBLIC_6)
        parsed = parsed.ipv4_mapped
    return not any(parsed in network for network in _NOT_PUBLIC)


def host_of(url: "httpx.URL") -> str:
    """As it is looked up, in ASCII; httpx's own `host` raises where that is a name which it would not have made."""
    return url.raw_host.decode("ascii")


def shown(url: "httpx.URL") -> str:
    """An address as it may stand in a message: its query may hold a secret, and is left out."""
    said = str(url).partition("?")[0]
    return said if len(said) <= LONGEST_SAID else f"{said[: LONGEST_SAID - 3]}..."
