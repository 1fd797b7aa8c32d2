"""Answer: what a service said, and how long it wants to be left alone."""

import html
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import cached_property
from http import HTTPStatus
from typing import Any

from pipeline.rows import plain

MOST_LETTERS = 160
"""Of what a service says about an error, in our messages."""

_WINDOW_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
"""Of a limit such as `20/min`, by the first letter of its window."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """headers: with names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """None where the body is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def status_words(self) -> str:
        """As in `404 Not Found`."""
        names = {status.value: status.phrase for status in HTTPStatus}
        return f"{self.status} {names.get(self.status, '')}".strip()

    @property
    def is_put_off(self) -> bool:
        """Whether to ask again. MediaWiki answers 200, an error and Retry-After when its databases lag."""
        if self.status == 200 and "retry-after" in self.headers:
            return isinstance(self.json, dict) and not self.json.keys().isdisjoint({"error", "errors"})
        return self.status == 429 or self.status >= 500

    @property
    def seconds_put_off(self) -> float | None:
        """As Retry-After says; None where it does not."""
        said = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", said):
            return float(said)
        moment = _moment(said)
        return None if moment is None else max(0.0, moment - self._now())

    @property
    def seconds_without_quota(self) -> float:
        """How long the service has no question left for us, 0 where it has one or does not say.

        That none is left and not until when is no reason to wait: the next answer, 429, says it.
        """
        draft = self.headers.get("ratelimit", "")
        left = next(iter(re.findall(r"\b(?:r|remaining)=([0-9]+)\b", draft)), "")
        reset = next(iter(re.findall(r"\b(?:t|reset)=([0-9]+)\b", draft)), "")
        for prefix in ("x-ratelimit-", "ratelimit-"):
            left = left or self.headers.get(f"{prefix}remaining", "").strip()
            reset = reset or self.headers.get(f"{prefix}reset", "").strip()
        if left != "0" or not re.fullmatch(r"[0-9]{1,12}", reset):
            return self._seconds_without_window
        # Some services say in how many seconds, some at which second since 1970.
        return float(reset) if int(reset) < 10**9 else max(0.0, int(reset) - self._now())

    @property
    def _seconds_without_window(self) -> float:
        """The same as Openverse says it, which counts in several windows at once.

        `X-RateLimit-Limit-anon_burst: 20/min` and `X-RateLimit-Available-anon_burst: 0` are one of them.
        """
        seconds = [0.0]
        for name, left in self.headers.items():
            window = name.removeprefix("x-ratelimit-available-")
            limit = re.fullmatch(r"[0-9]+/([smhd])[a-z]*", self.headers.get(f"x-ratelimit-limit-{window}", "").strip())
            if window != name and left.strip() == "0" and limit:
                seconds.append(_WINDOW_SECONDS[limit[1]])
        return max(seconds)

    @property
    def words(self) -> str:
        """What it says of an error, or its first words; markup taken out."""
        if self.json is None:
            text = self.body[:100_000].decode(errors="replace")
            found = html.unescape(re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text))
        else:
            found = _explanation(self.json)
        text = plain(" ".join(found.split()))
        return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."

    def _now(self) -> float:
        """The server's time, which its dates are compared with: the clock here may be wrong."""
        moment = _moment(self.headers.get("date", ""))
        return time.time() if moment is None else moment


def _explanation(value: Any) -> str:
    """The text in an error as services write them: under one of several names, perhaps in a list."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _explanation(value[0]) if value else ""
    names = ("detail", "error_description", "message", "info", "text", "error", "errors")
    found = next((value[name] for name in names if value.get(name)), None) if isinstance(value, dict) else None
    return json.dumps(value) if found is None else _explanation(found)


def _moment(text: str) -> float | None:
    """Seconds since 1970 of a date as HTTP writes it, None where it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
