"""The source `openverse:mountain lake`: openly licensed photos that Openverse has gathered from many collections."""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import count, islice

from pipeline import licences
from pipeline.errors import SourceError
from pipeline.fetch.api import Api, RefusedError, Reply, counted, said
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted

API = "https://api.openverse.org/v1"
PAGE_SIZE, PAGE_SIZE_SIGNED_IN = 20, 240
"""Works asked for at once. Openverse gives those it does not know 20, and nobody more than 240 works of a query."""

_FILE_TYPES = frozenset({"", "jpg", "jpeg", "png", "webp", "tif", "tiff"})
_NO_PHOTOS = frozenset({"illustration", "digitized_artwork"})


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos of `QUERY` or `QUERY?source=flickr,wikimedia`, in the order in which Openverse finds them relevant.

    Openverse shows the first 240 works of a query; the photos end there.
    The environment may hold OPENVERSE_CLIENT_ID and OPENVERSE_CLIENT_SECRET, with which it answers more questions.

    Raises: SourceError when the spec says something else, half of the keys is missing, Openverse has nothing that is
    wanted, or does not answer.
    """
    query, collections = _parse(spec)
    if wanted.licenses and not licences.families_of(wanted.licenses):
        raise SourceError(
            f"Openverse has no photo under {', '.join(sorted(wanted.licenses))}, only under licences of Creative "
            f"Commons. Choose from {', '.join(licences.FAMILIES)}"
        )
    keys = _keys()
    return islice(_candidates(query, collections, keys, wanted), wanted.most)


def _parse(spec: str) -> tuple[str, str]:
    """Query and collections, which are separated by commas."""
    found = re.fullmatch(r"([^?]*[^?\s][^?]*)(?:\?source=([\w,-]+))?", spec)
    if not found:
        way_out = "Write openverse:mountain lake, or openverse:mountain lake?source=flickr,wikimedia"
        raise SourceError(f"openverse:{spec} is not understood. {way_out}")
    return found[1].strip(), (found[2] or "").lower()


def _keys() -> dict[str, str]:
    """Of OAuth2, none where the environment has none."""
    names = {"client_id": "OPENVERSE_CLIENT_ID", "client_secret": "OPENVERSE_CLIENT_SECRET"}
    keys = {name: os.environ.get(variable, "").strip() for name, variable in names.items()}
    if not any(keys.values()):
        return {}
    for name, variable in names.items():
        if not keys[name]:
            raise SourceError(f"{variable} is missing. Set both {' and '.join(names.values())}, or none of them")
    return keys


def _api(wanted: Wanted) -> Api:
    return Api(name="Openverse", contact=wanted.contact)


def _candidates(query: str, collections: str, keys: Mapping[str, str], wanted: Wanted) -> Iterator[Candidate]:
    api = _api(wanted)
    headers = _signed_in(api, keys) if keys else {}
    question: dict[str, str | int] = {"q": query, "page_size": PAGE_SIZE_SIGNED_IN if keys else PAGE_SIZE}
    if families := licences.families_of(wanted.licenses):
        question["license"] = ",".join(families)
    if collections:
        question["source"] = collections
    looked_at = chosen = 0
    for work in _works(api, question, headers):
        looked_at += 1
        candidate = _candidate(work)
        # Openverse looks everywhere when it does not know a collection by its name.
        is_elsewhere = collections and said(work, "source") not in collections.split(",")
        if candidate and not is_elsewhere and _is_wanted(candidate, wanted):
            chosen += 1
            yield candidate
    if not chosen:
        raise api.nothing_found(query, looked_at=looked_at)


def _signed_in(api: Api, keys: Mapping[str, str]) -> dict[str, str]:
    """The headers of a question that shows who asks."""
    for key in keys.values():
        api.hide(key)
    try:
        reply = api.post_form(f"{API}/auth_tokens/token/", {"grant_type": "client_credentials", **keys})
    except RefusedError as error:
        raise SourceError(f"{error}. Are OPENVERSE_CLIENT_ID and OPENVERSE_CLIENT_SECRET right?") from None
    token = said(reply.json, "access_token")
    if not token:
        raise api.error("gives no token for OPENVERSE_CLIENT_ID. Try without the two keys")
    api.hide(token)
    return {"Authorization": f"Bearer {token}"}


def _works(api: Api, question: dict[str, str | int], headers: Mapping[str, str]) -> Iterator[dict]:
    """Page by page, until there are no more or Openverse shows no more."""
    seen: set[str] = set()
    for page in count(1):
        reply = _page(api, question, page, headers)
        works = reply.records("results") if reply else []
        new = [work for work in works if said(work, "id") not in seen]
        yield from new
        seen.update(said(work, "id") for work in new)
        last = counted(reply.json, "page_count") if reply else None
        if not new or (last is not None and page >= last):
            return


def _page(api: Api, question: dict[str, str | int], page: int, headers: Mapping[str, str]) -> Reply | None:
    """None where the page is deeper than Openverse shows to us."""
    try:
        return api.get(f"{API}/images/", {**question, "page": page}, headers)
    except RefusedError as error:
        if error.status not in (400, 401, 404) or (page == 1 and question["page_size"] == PAGE_SIZE):
            raise
    if page > 1:
        return None
    # From here on: who may ask for how much at once has changed before.
    question["page_size"] = PAGE_SIZE
    return api.get(f"{API}/images/", {**question, "page": page}, headers)


def _candidate(work: dict) -> Candidate | None:
    """None for what is no photo, or lies nowhere."""
    id, url = said(work, "id"), said(work, "url")
    is_photo = said(work, "category") not in _NO_PHOTOS and said(work, "filetype").lower() in _FILE_TYPES
    if not id or not is_photo or work.get("mature") is True or not re.match("https?://", url):
        return None
    address = said(work, "license_url")
    license = licences.normalise(f"{said(work, 'license')} {said(work, 'license_version')}", url=address)
    return Candidate(
        name=f"openverse/{id}",
        source="openverse",
        source_url=url,
        source_page=said(work, "foreign_landing_url"),
        title=said(work, "title"),
        creator=said(work, "creator"),
        creator_url=said(work, "creator_url"),
        license=license,
        license_url=address or licences.address_of(license),
        redistributable=licences.may_be_handed_on(license),
        width=counted(work, "width") or None,
        height=counted(work, "height") or None,
        size_bytes=counted(work, "filesize") or None,
    )


def _is_wanted(candidate: Candidate, wanted: Wanted) -> bool:
    sides = (candidate.width, candidate.height)
    is_large = all(side is None or side >= wanted.min_side_px for side in sides)
    return is_large and licences.is_wanted(candidate.license, wanted.licenses)
