"""Connections that lead only where they may, and that are given up in time: a transport for httpx."""

import contextlib
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

from pipeline.errors import PhotoError
from pipeline.fetch.addresses import Resolver, resolve

KEPT_SECONDS = 20
"""For which a connection is kept open when nothing is asked for on it."""


class Transport(httpx.BaseTransport):
    """HTTP/1.1 over connections that are kept and shared by threads, to public addresses only.

    The name of a host is looked up once for each connection, and the connection is made to the address that was
    found good, so that a name that means something else a moment later changes nothing. Certificates are checked
    against the name. No proxy of the environment is used: it would look the names up itself. SSL_CERT_FILE and
    SSL_CERT_DIR are heeded.

    connections: open at once; whoever needs one more waits.
    resolver: as socket.getaddrinfo.    clock: seconds that never go back.

    Raises: besides the exceptions of httpx, PhotoError with the cause bad_address, private_address, unreachable or
    certificate.
    """

    def __init__(
        self,
        *,
        connections: int,
        allow_private: bool = False,
        resolver: Resolver = socket.getaddrinfo,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._thread = _Thread()
        self._network = _Network(self._thread, allow_private=allow_private, resolver=resolver, clock=clock)
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=self._network,
        )

    @contextlib.contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """Within, whatever this thread waits for times out at that moment of the clock, or of a `with` around it."""
        before = self._thread.until
        self._thread.until = min(before, moment)
        try:
            yield
        finally:
            self._thread.until = before

    def is_late(self) -> bool:
        """Whether this thread's moment has come."""
        return self._network.is_late()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        timeouts = request.extensions.get("timeout", {})
        while True:
            made = self._thread.made
            try:
                pool_seconds = self._network.seconds(timeouts.get("pool"), httpcore.PoolTimeout)
                asked = httpcore.Request(
                    request.method,
                    url,
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions={**request.extensions, "timeout": {**timeouts, "pool": pool_seconds}},
                )
                answer = self._pool.handle_request(asked)
            except _EXCEPTIONS as error:
                # A server may close a connection that was kept just as we speak on it; every round loses a kept one
                is_kept = made == self._thread.made and isinstance(error, _BROKEN) and not self._network.is_closed
                if is_kept and request.method in ("GET", "HEAD"):
                    continue
                raise _translated(error, request) from error
            body = _Body(answer.stream, request)
            return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)

    def close(self) -> None:
        """Ends all connections; what other threads wait for on them breaks off."""
        self._network.is_closed = True
        self._pool.close()


class _Thread(threading.local):
    """Of each thread: the moment at which it gives up, and the connections that it has made."""

    until: float = float("inf")
    made: int = 0


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any, request: httpx.Request) -> None:
        self._stream, self._request = stream, request

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._stream
        except _EXCEPTIONS as error:
            raise _translated(error, self._request) from error

    def close(self) -> None:
        self._stream.close()


class _Network(httpcore.NetworkBackend):
    def __init__(self, thread: _Thread, *, allow_private: bool, resolver: Resolver, clock: Callable[[], float]) -> None:
        self._thread, self._clock = thread, clock
        self._allow_private, self._resolver = allow_private, resolver
        self._sockets = httpcore.SyncBackend()
        self.is_closed = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = resolve(host, port, allow_private=self._allow_private, resolver=self._resolver)
        self._thread.made += 1
        while True:
            address = addresses.pop(0)
            seconds = self.seconds(timeout, httpcore.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(
                    address,
                    port,
                    timeout=None if seconds is None else seconds / (len(addresses) + 1),
                    local_address=local_address,
                    socket_options=socket_options,
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if not addresses:
                    raise
                continue
            peer = stream.get_extra_info("server_addr")[0]
            if ipaddress.ip_address(peer) != ipaddress.ip_address(address):
                stream.close()
                raise PhotoError(f"is on {host}, but {peer} answers in the place of {address}", cause="private_address")
            return _Stream(stream, self)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        raise PhotoError(f"is at {path}, a socket of this machine", cause="private_address")

    def is_late(self) -> bool:
        return self._thread.until <= self._clock()

    def seconds(self, timeout: float | None, otherwise: type[httpcore.TimeoutException]) -> float | None:
        """How long may be waited, None for ever.

        Raises: `otherwise` when this thread's moment has come, ReadError when nobody waits for anything any more.
        """
        self.require_open()
        if self._thread.until == float("inf"):
            return timeout
        left = self._thread.until - self._clock()
        if left <= 0:
            raise otherwise("the time is up")
        return left if timeout is None else min(timeout, left)

    def require_open(self) -> None:
        if self.is_closed:
            raise httpcore.ReadError("closed on this side")


class _Stream(httpcore.NetworkStream):
    """A connection that waits no longer than its thread may."""

    def __init__(self, stream: httpcore.NetworkStream, network: _Network) -> None:
        self._stream, self._network = stream, network

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._stream.read(max_bytes, self._network.seconds(timeout, httpcore.ReadTimeout))
        if not data:  # the end of a body without a length, unless it is we who ended it
            self._network.require_open()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._network.seconds(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        # Only a shutdown wakes another thread that waits on this connection
        with contextlib.suppress(OSError):
            self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        name = (server_hostname or "").rstrip(".")
        try:
            stream = self._stream.start_tls(ssl_context, name, self._network.seconds(timeout, httpcore.ConnectTimeout))
        except httpcore.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                reason = error.__cause__.verify_message.rstrip(".")
                raise PhotoError(
                    f"is on {name}, whose certificate is not valid: {reason}", cause="certificate"
                ) from error
            raise httpcore.ReadError(str(error)) from error
        return _Stream(stream, self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


_SAME: dict[type[Exception], type[httpx.TransportError]] = {
    httpcore.ConnectTimeout: httpx.ConnectTimeout,
    httpcore.ReadTimeout: httpx.ReadTimeout,
    httpcore.WriteTimeout: httpx.WriteTimeout,
    httpcore.PoolTimeout: httpx.PoolTimeout,
    httpcore.ConnectError: httpx.ConnectError,
    httpcore.ReadError: httpx.ReadError,
    httpcore.WriteError: httpx.WriteError,
    httpcore.UnsupportedProtocol: httpx.UnsupportedProtocol,
    httpcore.LocalProtocolError: httpx.LocalProtocolError,
    httpcore.RemoteProtocolError: httpx.RemoteProtocolError,
}
_EXCEPTIONS = tuple(_SAME)
_BROKEN = (httpcore.ReadError, httpcore.WriteError, httpcore.RemoteProtocolError)


def _translated(error: Exception, request: httpx.Request) -> httpx.TransportError:
    return _SAME[type(error)](str(error), request=request)
