"""One file: its address -> the file and its digests, or the cause for which it cannot be had."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pipeline.causes import passes
from pipeline.errors import PhotoError
from pipeline.fetch import robots
from pipeline.fetch.addresses import LONGEST_SAID, Resolver, check, host_of, shown
from pipeline.fetch.answer import Answer
from pipeline.fetch.body import bounded, save, unpacked
from pipeline.fetch.manners import Manners

if TYPE_CHECKING:
    import httpx

REDIRECTS = 5
"""That are followed for one file."""

DRAINED_BYTES, DRAINED_SECONDS = 65536, 1
"""Of an answer that nobody wants, read all the same, since its connection can then be used again."""

ACCEPT = "image/jpeg, image/png, image/*;q=0.8, */*;q=0.5"
"""A server that packs photos anew for those who can read newer formats shall send the one it was given."""


class PutOff(PhotoError):
    """A server that has too much to do. wait_seconds: how long it asks us to wait, None where it does not say."""

    def __init__(self, message: str, *, cause: str = "busy", wait_seconds: float | None = None) -> None:
        super().__init__(message, cause=cause)
        self.wait_seconds = wait_seconds


class NotAskedError(PhotoError):
    """A file that its host was not even asked for, since its robots.txt closes it."""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A file that is here.

    url: where it came from in the end.    sha1, sha256: of the file, in hex.
    content_type: "image/jpeg", as the server says, "" where it does not.
    """

    url: str
    size_bytes: int
    sha1: str
    sha256: str
    content_type: str


class Exchange:
    """Fetches files over connections that it keeps and shares; many threads may fetch at once.

    A redirect is followed five times at most, from https to http too: whoever asks for the file could have been given
    the second address, and nothing of ours is sent along. Each address is checked, and asked for in its site's
    robots.txt. No cookies are kept, no passwords sent, no proxies used.

    resolver: as socket.getaddrinfo.    clock: seconds that never go back.
    """

    def __init__(
        self,
        manners: Manners,
        *,
        resolver: Resolver = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from pipeline.fetch.transport import Transport

        self._manners, self._clock = manners, clock
        self._transport = Transport(
            connections=manners.connections, allow_private=manners.allow_private, resolver=resolver, clock=clock
        )
        self._robots = robots.Robots(self._read_robots, clock=clock)
        self._headers = [
            (b"User-Agent", manners.user_agent.encode()),
            (b"Accept", ACCEPT.encode()),
            (b"Accept-Encoding", b"identity"),
        ]

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all connections; what other threads fetch at this moment fails, for the cause connection."""
        self._transport.close()

    def fetch(self, url: str, place: Path) -> Fetched:
        """Fetches the file at an address to `place`, where it is afterwards as a whole, or not at all.

        Raises: PhotoError whose cause says what is wrong; PutOff where the server asks to come back later. OSError
        when the disk fails.
        """
        obeys, ends_at = self._manners.obeys_opt_out, self._clock() + self._manners.most_seconds
        with self._transport.until(ends_at), self._answer(url, obeys=obeys) as (answer, address):
            if obeys and (word := robots.opt_out(answer.headers.get_list("X-Robots-Tag"))):
                raise PhotoError(f"is closed by {host_of(address)}, which says X-Robots-Tag: {word}", cause="opted_out")
            length = int(answer.headers.get("Content-Length", "0"))
            if length > self._manners.most_bytes:
                said = f"is {length:,} bytes, more than the {self._manners.most_bytes:,} that are taken in"
                raise PhotoError(said, cause="too_large")
            pieces = self._pieces(answer, address, self._manners.most_bytes)
            saved = save(pieces, place, most_bytes=self._manners.most_bytes)
            content_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Fetched(
            url=str(address),
            size_bytes=saved.size_bytes,
            sha1=saved.sha1,
            sha256=saved.sha256,
            content_type=content_type,
        )

    def size_of(self, url: str) -> int | None:
        """Bytes of the file at an address, which stays there; None where its server does not say."""
        in_time = self._transport.until(self._clock() + self._manners.silent_seconds)
        asked = self._answer(url, obeys=self._manners.obeys_opt_out, method="HEAD")
        with contextlib.suppress(PhotoError), in_time, asked as (answer, _):
            length = answer.headers.get("Content-Length", "")
            return int(length) if length.isdecimal() else None
        return None

    def seconds_apart(self, url: str) -> float:
        """Between two files of a site, as its robots.txt asks; 0 where it does not, or was not read yet."""
        return self._robots.delay_seconds(url) if self._manners.obeys_opt_out else 0.0

    def _read_robots(self, url: str) -> str:
        text = b""
        try:
            with self._answer(url, obeys=False) as (answer, address):
                for piece in self._pieces(answer, address, robots.LOOKED_AT_BYTES):
                    text += piece
                    if len(text) >= robots.LOOKED_AT_BYTES:
                        break
        except PhotoError as error:
            if passes(error.cause):
                if error.cause != "unreachable":
                    error.args = (f"cannot be asked for yet: {url[:LONGEST_SAID]} {error}",)
                raise
            # There is none, or no more of it; what else is wrong with the site, the photo will meet as well.
        return text[: robots.LOOKED_AT_BYTES].decode("utf-8-sig", errors="replace")

    @contextlib.contextmanager
    def _answer(self, url: str, *, obeys: bool, method: str = "GET") -> "Iterator[tuple[httpx.Response, httpx.URL]]":
        """The answer 200 at the end of all redirects, its body unread, and its address."""
        address = check(url)
        seen = {str(address)}
        while True:
            if obeys and not self._robots.may_fetch(str(address)):
                said = f"is closed to programs by {robots.address_of(str(address))[:LONGEST_SAID]}"
                raise (NotAskedError if len(seen) == 1 else PhotoError)(said, cause="opted_out")
            answer = self._ask(address, method)
            if answer.status_code == 200:
                with contextlib.closing(answer):
                    yield answer, address
                return
            self._drain(answer)
            if answer.status_code not in (301, 302, 303, 307, 308):
                raise _refusal(answer, address)
            address = _next(answer, address)
            if str(address) in seen:
                raise PhotoError(f"is sent on in a circle, by way of {shown(address)}", cause="redirects")
            if len(seen) > REDIRECTS:
                raise PhotoError(
                    f"is sent on more than {REDIRECTS} times, at last to {shown(address)}", cause="redirects"
                )
            seen.add(str(address))

    def _ask(self, address: "httpx.URL", method: str) -> "httpx.Response":
        import httpx

        silent = self._manners.silent_seconds
        timeouts = {"connect": silent, "read": silent, "write": silent}
        request = httpx.Request(method, address, headers=self._headers, extensions={"timeout": timeouts})
        try:
            return self._transport.handle_request(request)
        except httpx.TransportError as error:
            self._explain(error, address)

    def _pieces(self, answer: "httpx.Response", address: "httpx.URL", most_bytes: int) -> Iterator[bytes]:
        """The body, unpacked. most_bytes: that are read of it as it is packed."""
        import httpx

        try:
            yield from unpacked(bounded(answer.iter_raw(), most_bytes), answer.headers.get("Content-Encoding", ""))
        except httpx.TransportError as error:
            self._explain(error, address)

    def _drain(self, answer: "httpx.Response") -> None:
        import httpx

        left = DRAINED_BYTES
        in_time = self._transport.until(self._clock() + DRAINED_SECONDS)
        # A body that breaks off costs its connection, which is closed then, and nothing else
        with contextlib.closing(answer), in_time, contextlib.suppress(httpx.TransportError):
            for piece in answer.iter_raw():
                left -= len(piece)
                if left < 0:
                    break

    def _explain(self, error: "httpx.TransportError", address: "httpx.URL") -> NoReturn:
        import httpx

        host, manners = host_of(address), self._manners
        if isinstance(error, httpx.ConnectError):
            said, cause = f"cannot be reached: {host} takes no connection", "unreachable"
        elif isinstance(error, httpx.TimeoutException) and self._transport.is_late():
            said, cause = f"takes more than {manners.most_seconds:g} seconds to come from {host}", "timeout"
        elif isinstance(error, httpx.ConnectTimeout):
            said, cause = f"cannot be reached: {host} is silent for {manners.silent_seconds:g} seconds", "unreachable"
        elif isinstance(error, httpx.TimeoutException):
            said, cause = f"does not come: {host} is silent for {manners.silent_seconds:g} seconds", "timeout"
        elif isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            said, cause = f"has an address that cannot be asked for, at {host}", "bad_address"
        elif isinstance(error, httpx.RemoteProtocolError):
            said, cause = f"breaks off: {host} ends too early, or speaks no proper HTTP", "connection"
        else:
            said, cause = f"breaks off: the connection to {host} is lost", "connection"
        raise PhotoError(said, cause=cause) from error


def _next(answer: "httpx.Response", address: "httpx.URL") -> "httpx.URL":
    """Where an address is sent on to."""
    import httpx

    location = answer.headers.get("Location", "")
    if not location:
        raise PhotoError(f"is sent on by {host_of(address)}, but not told where to", cause="redirects")
    try:
        return check(str(address.join(location)))
    except (httpx.InvalidURL, ValueError):
        said = f"is sent on by {host_of(address)} to an address that is none"
        raise PhotoError(said, cause="bad_address") from None
    except PhotoError as error:
        raise PhotoError(f"is sent on by {host_of(address)}, and then {error}", cause=error.cause) from None


def _refusal(answer: "httpx.Response", address: "httpx.URL") -> PhotoError:
    head = Answer(status=answer.status_code, headers=dict(answer.headers), body=b"")
    said = f"answers {head.status_words} at {host_of(address)}"
    if head.status in (429, 503):
        return PutOff(said, wait_seconds=head.seconds_put_off)
    if head.status in (404, 410):
        return PhotoError(said, cause="not_found")
    if head.status == 408:
        return PhotoError(said, cause="timeout")
    if head.status < 400:  # no content, a part, a choice: not asked for, and the same the next time
        return PhotoError(said, cause="not_a_photo")
    return PhotoError(said, cause="forbidden" if head.status < 500 else "server")
