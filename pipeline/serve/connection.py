"""A connection of the server: one on which no request is said to its end is closed after a while."""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS_TO_ASK = 20
"""So long a request may take until its last header; how long its body may take is for its address to say."""


class Connection(H11Protocol):
    """Speaks HTTP/1.1, with a limit of time from the first byte of a request to the end of its headers."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, error: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(error)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._limit is None:
            self._limit = self.loop.call_later(SECONDS_TO_ASK, self.timeout_keep_alive_handler)

    def _stop_watching(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
