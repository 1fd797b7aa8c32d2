"""What sites ask of programs: their robots.txt, read once for each, and the X-Robots-Tag of their answers."""

import copy
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.errors import PhotoError
from pipeline.fetch.manners import USER_AGENT

if TYPE_CHECKING:
    import protego

LOOKED_AT_BYTES = 500_000
"""Of a robots.txt; what comes after is not heeded. Source: RFC 9309, 2.5."""

SITES = 10_000
"""Whose robots.txt are kept in memory; the one that was not needed for longest goes first."""

FAILURE_SECONDS = 5
"""For which a robots.txt that could not be had is not asked for again."""

_OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})

_WITH_VALUES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Words of X-Robots-Tag before a colon that are no names of programs."""


@dataclass
class _Site:
    """rules: None for none at all.    failed_at: None unless the last try did, then with its error."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    is_known: bool = False
    rules: "protego.Protego | None" = None
    failed_at: float | None = None
    error: PhotoError | None = None


class Robots:
    """Whether sites let programs in. Many threads may ask at once; the first reads, the others wait for it.

    read: address of a robots.txt -> its text, "" where there is none. Raises PhotoError where that cannot be said now.
    clock: seconds that never go back.

    Source: RFC 9309.
    """

    def __init__(self, read: Callable[[str], str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._read, self._clock = read, clock
        self._sites: OrderedDict[str, _Site] = OrderedDict()
        self._lock = threading.Lock()

    def may_fetch(self, url: str) -> bool:
        """Whether the address is open to us. Raises: PhotoError where its site cannot say so now."""
        origin = _origin(url)
        with self._lock:
            site = self._sites.setdefault(origin, _Site())
            self._sites.move_to_end(origin)
            if len(self._sites) > SITES:
                self._sites.popitem(last=False)
        if not site.is_known:
            self._ask(site, address_of(url))
        return site.rules is None or site.rules.can_fetch(url, USER_AGENT)

    def delay_seconds(self, url: str) -> float:
        """Between two requests, as the site of the address asks; 0 where it does not, or was not asked yet."""
        try:
            origin = _origin(url)
        except ValueError:  # an address that nobody can read
            return 0.0
        with self._lock:
            site = self._sites.get(origin)
        return (site and site.rules and site.rules.crawl_delay(USER_AGENT)) or 0.0

    def _ask(self, site: _Site, address: str) -> None:
        with site.lock:
            if site.is_known:
                return
            if site.error is not None and self._clock() - site.failed_at < FAILURE_SECONDS:
                raise copy.copy(site.error)
            try:
                text = self._read(address)
            except PhotoError as error:
                site.error, site.failed_at = copy.copy(error), self._clock()
                raise
            site.rules, site.is_known = _parsed(text), True


def address_of(url: str) -> str:
    """Of the robots.txt that speaks of an address."""
    return f"{_origin(url)}/robots.txt"


def _origin(url: str) -> str:
    scheme, host, *_ = urlsplit(url.lower())
    return f"{scheme}://{host.removesuffix({'http': ':80', 'https': ':443'}.get(scheme, ''))}"


def _parsed(text: str) -> "protego.Protego | None":
    import protego

    return protego.Protego.parse(text) if re.search(r"(?im)^[ \t]*(?:(?:dis)?allow|crawl-delay)", text) else None


def opt_out(tags: Iterable[str]) -> str:
    """The word by which an answer's headers close a picture to us, "" where they do not.

    tags: the values of its X-Robots-Tag headers, each as in `noai, noindex` or `otherbot: noai`.
    """
    for tag in tags:
        concerned = True
        for words in tag.lower().split(","):
            name, colon, word = (part.strip() for part in words.partition(":"))
            if not colon:
                word = name
            elif name in _WITH_VALUES or not re.fullmatch(r"\*|[a-z][a-z0-9_.-]*", name):
                continue
            else:
                concerned = name in ("*", USER_AGENT)
            if concerned and word in _OPT_OUTS:
                return word
    return ""
