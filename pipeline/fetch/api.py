"""JSON answers of services: asked for one at a time, patiently, within bounds, and with no key in any message."""

import contextlib
import logging
import random
import re
import time
import weakref
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from pipeline.causes import passes
from pipeline.errors import PhotoError, SourceError
from pipeline.fetch.answer import Answer
from pipeline.fetch.manners import POLITE, Manners

if TYPE_CHECKING:
    import httpx

    from pipeline.fetch.transport import Transport

MOST_BYTES = 20_000_000
"""Of one answer. A page of 500 photos with everything that is known of them has less than 1 MB."""
MOST_REDIRECTS = 5
KEPT = "What has been found so far is kept"


class RefusedError(SourceError):
    """The service understood the question and says no. status: of HTTP, 400 to 499 but 429."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a service answered. service: its name.    headers: with names in small letters."""

    service: str
    json: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    def records(self, *path: str) -> list[dict[str, Any]]:
        """The objects of the list that stands under these names.

        Raises: SourceError when there is no such list, because the service has changed its answers.
        """
        found = self.json
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, list):
            raise SourceError(
                f"{self.service} answers in a way that this gauganpipe does not understand: there is no list "
                f"{'.'.join(path)}. {KEPT}; see whether there is a newer gauganpipe"
            )
        return [record for record in found if isinstance(record, dict)]


def said(record: Any, *path: str) -> str:
    """The text under these names of an answer, "" where there is none."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    is_number = isinstance(record, int | float) and not isinstance(record, bool)
    return record.strip() if isinstance(record, str) else str(record) if is_number else ""


def counted(record: Any, *path: str) -> int | None:
    """The number under these names of an answer, which some services write as text; None where there is none."""
    text = said(record, *path)
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


class Api:
    """A service, asked one question after another.

    name: as it stands in messages.    contact: an address at which the service may reach us.
    secrets: keys, which appear in no message.    sleep: waits for seconds.    chance: a number of [0, 1) each time.
    """

    def __init__(
        self,
        *,
        name: str,
        contact: str = "",
        secrets: Collection[str] = (),
        manners: Manners = POLITE,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.name = name
        self._manners = replace(manners, contact=contact or manners.contact)
        self._secrets = {secret for secret in secrets if secret}
        self._sleep = sleep
        self._chance = chance
        self._not_before = 0.0
        self._line: tuple[Transport, httpx.Client] | None = None
        self._seconds_apart = 1 / manners.per_second if manners.per_second else 0.0

    def __repr__(self) -> str:
        return f"Api(name={self.name!r})"

    def hide(self, secret: str) -> None:
        """Keeps one more secret out of every message."""
        self._secrets |= {secret} - {""}

    def error(self, sentence: str) -> SourceError:
        """What went wrong with the service, without its secrets. sentence: begins with the verb."""
        return SourceError(self._redacted(f"{self.name} {sentence}"))

    def nothing_found(self, query: str, *, looked_at: int) -> SourceError:
        """That no photo is to be had. looked_at: how many were found, and turned down."""
        if not looked_at:
            return self.error(f"has nothing for '{query}'. Look for something else")
        return self.error(
            f"has nothing for '{query}' under the licences and in the sizes that are wanted ({looked_at} looked at). "
            "Allow more licences, smaller photos, or look for something else"
        )

    def get(
        self,
        url: str,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """The answer to a question, after as many attempts as the manners allow.

        Raises: RefusedError when the service says no; SourceError when it cannot be reached, has too much to do, puts
        us off for longer than we wait, or answers with something that is no JSON.
        """
        encoded = {name: value.encode() for name, value in (headers or {}).items()}
        return self._asked("GET", url, dict(params or {}), headers=encoded)

    def post_form(self, url: str, fields: Mapping[str, str]) -> Reply:
        """The answer to a form that is sent. Raises: as `get`."""
        return self._asked("POST", url, {}, data=dict(fields))

    def _asked(self, method: str, url: str, params: Mapping[str, Any], **parts: Any) -> Reply:
        transport, client = self._line = self._line or self._opened()
        trouble = ""
        for attempt in range(1, self._manners.attempts + 1):
            self._wait()
            try:
                with transport.until(time.monotonic() + self._manners.most_seconds):
                    answer = self._exchanged(client, method, url, params, parts)
                self._put_off(max(answer.seconds_without_quota, self._seconds_apart))
                if not answer.is_put_off:
                    return self._replied(answer)
                trouble, seconds = f"answers {answer.status_words}{_after_colon(answer)}", answer.seconds_put_off
            except _Lost as lost:
                trouble, seconds = str(lost), None
            # Full jitter, so that many who were turned away together do not come back together.
            backoff = self._chance() * min(2.0**attempt, self._manners.most_wait_seconds)
            self._put_off(backoff if seconds is None else seconds)
        times = f", {self._manners.attempts} times" if self._manners.attempts > 1 else ""
        raise self.error(f"{trouble}{times}. {KEPT}; give the same command again later")

    def _opened(self) -> "tuple[Transport, httpx.Client]":
        """What questions are asked through, closed when nobody has the Api any more."""
        import httpx

        from pipeline.fetch.transport import Transport

        # It writes addresses, and the keys in them, into any log that listens.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        # In bytes, because a contact may have letters that httpx does not write into headers.
        agent = self._manners.user_agent.encode()
        headers = {"User-Agent": agent, "Accept": b"application/json", "Accept-Encoding": b"gzip"}
        transport = Transport(connections=1, allow_private=self._manners.allow_private)
        client = httpx.Client(
            transport=transport, headers=headers, timeout=self._manners.silent_seconds, trust_env=False
        )
        weakref.finalize(self, client.close)
        return transport, client

    def _wait(self) -> None:
        """Until the service wants to be asked again."""
        seconds = self._not_before - time.monotonic()
        if seconds > self._manners.most_wait_seconds:
            until = f"for {_in_words(seconds)}. {KEPT}; give the same command again then"
            raise self.error(f"answers no more questions of ours {until}")
        if seconds > 0:
            self._sleep(seconds)
            self._not_before = 0.0

    def _put_off(self, seconds: float) -> None:
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _exchanged(
        self, client: "httpx.Client", method: str, url: str, params: Mapping[str, Any], parts: Mapping[str, Any]
    ) -> Answer:
        import httpx

        try:
            request = client.build_request(method, httpx.URL(url).copy_merge_params(params), **parts)
            for _ in range(MOST_REDIRECTS + 1):
                answer = self._received(client, request)
                place = answer.headers.get("location", "")
                if not (300 <= answer.status < 400 and place and method == "GET"):
                    return answer
                onward = request.url.join(place)
                is_same = (onward.host, onward.port) == (request.url.host, request.url.port)
                if not is_same or onward.scheme not in (request.url.scheme, "https"):
                    where = f"{onward.scheme}://{onward.netloc.decode()}"
                    raise self.error(f"sends us on to {where}, which we do not follow. {KEPT}")
                request = client.build_request(method, onward, headers=parts["headers"])
        except httpx.TimeoutException:
            seconds = f"{self._manners.silent_seconds:g} seconds of silence, or {self._manners.most_seconds:g} in all"
            raise _Lost(f"does not answer in time ({seconds})") from None
        except (httpx.RequestError, httpx.InvalidURL) as error:
            raise _Lost(f"cannot be reached: {error}") from None
        except PhotoError as error:
            raise _Lost(str(error)) if passes(error.cause) else self.error(str(error)) from None
        raise self.error(f"sends us on more than {MOST_REDIRECTS} times. {KEPT}; give the same command again later")

    def _received(self, client: "httpx.Client", request: "httpx.Request") -> Answer:
        response = client.send(request, stream=True, follow_redirects=False)
        body = bytearray()
        with contextlib.closing(response):
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise self.error(f"answers with more than {MOST_BYTES // 10**6} MB, which is no list of photos")
        return Answer(status=response.status_code, headers=dict(response.headers), body=bytes(body))

    def _replied(self, answer: Answer) -> Reply:
        if 400 <= answer.status < 500:
            message = f"{self.name} refuses the question ({answer.status_words}){_after_colon(answer)}"
            raise RefusedError(self._redacted(message), status=answer.status)
        if answer.status >= 300 or answer.json is None:
            answers = f"answers with something else than data ({answer.status_words}){_after_colon(answer)}"
            raise self.error(f"{answers}. {KEPT}; give the same command again later")
        return Reply(service=self.name, json=answer.json, headers=answer.headers)

    def _redacted(self, text: str) -> str:
        """Without the secrets, however an address spells them."""
        spellings = {spell(secret) for secret in self._secrets for spell in (str, quote, quote_plus)}
        for spelling in sorted(spellings, key=len, reverse=True):
            text = text.replace(spelling, "***")
        return text


class _Lost(Exception):
    """No answer came; the next attempt may bring one. The message begins with the verb."""


def _after_colon(answer: Answer) -> str:
    return f": {answer.words}" if answer.words else ""


def _in_words(seconds: float) -> str:
    if seconds >= 2 * 3600:
        return f"{ceil(seconds / 3600)} hours"
    return f"{ceil(seconds / 60)} minutes" if seconds >= 120 else f"{ceil(seconds)} seconds"
