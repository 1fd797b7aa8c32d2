"""The source `flickr:mountain lake`: photos that Flickr finds for a query, under the licences that are wanted."""

import os
import re
import time
from collections.abc import Iterator
from itertools import islice
from math import ceil
from typing import Any

from pipeline import licences
from pipeline.errors import SourceError
from pipeline.fetch.api import Api, Reply, counted, said
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted

API = "https://api.flickr.com/services/rest/"
PER_PAGE = 500
MOST_RESULTS = 4000
"""Of one search. Flickr repeats photos after these, so that a larger search is cut into spans of time."""
FIRST_UPLOAD = 1_072_915_200
"""Seconds since 1970 at the beginning of 2004, the year in which Flickr opened."""

SIZES = ("k", "o", "h", "l", "c", "z")
"""Those in which a photo is taken, the best first: 2048 pixels, in which it is kept; the original; 1600, 1024, ..."""


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of a query: the 4000 that Flickr finds most relevant, then the others, those uploaded last first.

    The environment holds the key in FLICKR_API_KEY.

    Raises: SourceError when there is no key or no query, when Flickr has nothing that is wanted, or does not answer.
    """
    query, key = spec.strip(), os.environ.get("FLICKR_API_KEY", "").strip()
    if not query:
        raise SourceError("flickr: is not understood. Write what to look for: flickr:mountain lake")
    if not key:
        raise SourceError(
            "flickr: needs a key, and FLICKR_API_KEY is not set. Get one at "
            "https://www.flickr.com/services/apps/create and set it, or try openverse:..., which needs none"
        )
    return islice(_candidates(query, key, wanted), wanted.most)


def _api(wanted: Wanted) -> Api:
    return Api(name="Flickr", contact=wanted.contact)


def _candidates(query: str, key: str, wanted: Wanted) -> Iterator[Candidate]:
    api = _api(wanted)
    api.hide(key)
    flickr = _Flickr(api, key)
    known = flickr.known_licences()
    allowed = [number for number, (id, _) in known.items() if licences.is_wanted(id, wanted.licenses)]
    if not allowed:
        names = ", ".join(sorted({id for id, _ in known.values()}))
        raise api.error(f"has no photo under {', '.join(sorted(wanted.licenses))}. It has {names}")
    question: dict[str, str | int] = {
        "text": query,
        "media": "photos",
        "content_types": 0,
        "safe_search": 1,
        "per_page": PER_PAGE,
        "extras": ",".join(("license", "owner_name", *(f"url_{size}" for size in SIZES))),
    }
    if wanted.licenses:
        question["license"] = ",".join(allowed)
    chosen, seen = 0, set()
    for photo in flickr.photos(question):
        id = said(photo, "id")
        candidate = None if id in seen else _candidate(photo, known, wanted.min_side_px)
        seen.add(id)
        if candidate and licences.is_wanted(candidate.license, wanted.licenses):
            chosen += 1
            yield candidate
    if not chosen:
        raise api.nothing_found(query, looked_at=len(seen))


class _Flickr:
    """The questions that Flickr answers."""

    def __init__(self, api: Api, key: str) -> None:
        self._api = api
        self._key = key

    def known_licences(self) -> dict[str, tuple[str, str]]:
        """Flickr's numbers of licences, which are not the same for ever -> id and address of the licence."""
        listed = self._ask({"method": "flickr.photos.licenses.getInfo"}).records("licenses", "license")
        known = {}
        for one in listed:
            id = licences.normalise(said(one, "name"), url=said(one, "url"))
            known[said(one, "id")] = id, said(one, "url") or licences.address_of(id)
        return known

    def photos(self, question: dict[str, str | int]) -> Iterator[dict[str, Any]]:
        """What Flickr finds; photos of a large search come twice."""
        question = {"method": "flickr.photos.search", **question}
        by_relevance = {**question, "sort": "relevance"}
        first = self._ask({**by_relevance, "page": 1})
        yield from self._pages(by_relevance, first)
        spans = [(FIRST_UPLOAD, int(time.time()))] if _is_too_large(first) else []
        while spans:
            earliest, latest = spans.pop()
            uploads = {"min_upload_date": earliest, "max_upload_date": latest}
            within = {**question, **uploads, "sort": "date-posted-desc"}
            first = self._ask({**within, "page": 1})
            if _is_too_large(first) and earliest < latest:
                middle = (earliest + latest) // 2
                spans += [(earliest, middle), (middle + 1, latest)]
            else:
                yield from self._pages(within, first)

    def _pages(self, question: dict[str, str | int], first: Reply) -> Iterator[dict[str, Any]]:
        """The photos of a search that Flickr does not repeat. first: the answer for the first page."""
        yield from first.records("photos", "photo")
        pages = counted(first.json, "photos", "pages") or ceil(_total(first) / PER_PAGE)
        for page in range(2, min(pages, MOST_RESULTS // PER_PAGE) + 1):
            yield from self._ask({**question, "page": page}).records("photos", "photo")

    def _ask(self, question: dict[str, str | int]) -> Reply:
        asked = {**question, "api_key": self._key, "format": "json", "nojsoncallback": 1}
        reply = self._api.get(API, asked)
        if said(reply.json, "stat") == "ok":
            return reply
        code, message = said(reply.json, "code"), said(reply.json, "message")
        way_out = {"100": "Is FLICKR_API_KEY right?", "105": "Try again later"}.get(code, "Ask for something else")
        raise self._api.error(f"refuses the question (error {code or 'unknown'}): {message or 'no reason'}. {way_out}")


def _candidate(photo: dict[str, Any], known: dict[str, tuple[str, str]], min_side_px: int) -> Candidate | None:
    """None for a photo that lies nowhere, or is too small in every size that Flickr shows."""
    id, owner = said(photo, "id"), said(photo, "owner")
    size = next((size for size in SIZES if _is_there(photo, size, min_side_px)), None)
    if not size or not re.fullmatch("[0-9]+", id) or not re.fullmatch(r"[\w@-]+", owner):
        return None
    license, address = known.get(said(photo, "license"), (licences.UNKNOWN, ""))
    return Candidate(
        name=f"flickr/{id}",
        source="flickr",
        source_url=said(photo, f"url_{size}"),
        source_page=f"https://www.flickr.com/photos/{owner}/{id}",
        title=said(photo, "title"),
        creator=said(photo, "ownername"),
        creator_url=f"https://www.flickr.com/photos/{owner}",
        license=license,
        license_url=address,
        redistributable=licences.may_be_handed_on(license),
        width=counted(photo, f"width_{size}"),
        height=counted(photo, f"height_{size}"),
    )


def _is_too_large(reply: Reply) -> bool:
    """Whether Flickr would repeat photos; a total without photos is none."""
    return _total(reply) > MOST_RESULTS and bool(reply.records("photos", "photo"))


def _total(reply: Reply) -> int:
    return counted(reply.json, "photos", "total") or 0


def _is_there(photo: dict[str, Any], size: str, min_side_px: int) -> bool:
    sides = (counted(photo, f"width_{size}"), counted(photo, f"height_{size}"))
    is_large = all(side is None or side >= min_side_px for side in sides)
    return is_large and bool(re.match("https?://", said(photo, f"url_{size}")))
