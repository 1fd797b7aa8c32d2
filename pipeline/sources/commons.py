"""The source `commons:mountain lake` or `commons:Category:Mountains of Norway`: photos of Wikimedia Commons."""

import contextlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import islice
from typing import Any
from urllib.parse import urljoin

from pipeline import licences
from pipeline.errors import SourceError
from pipeline.fetch.api import Api, Reply, counted, said
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted

API = "https://commons.wikimedia.org/w/api.php"
WIDTHS_PX = (1280, 1920, 3840)
"""Of the file that is fetched. Wikimedia keeps these ready, and refuses others."""
PER_PAGE = 50
MOST_LAG_SECONDS = 5
"""How far Wikimedia's databases may be behind before they are left alone, as Wikimedia asks of programs."""

_KINDS = frozenset({"image/jpeg", "image/png", "image/webp", "image/tiff"})


def candidates(spec: str, wanted: Wanted = ANYTHING) -> Iterator[Candidate]:
    """The photos that `QUERY` finds, the most relevant first, or those of `Category:NAME` without its subcategories.

    A photo is offered 1280 pixels wide where it has as many, wider where photos are wanted larger; and as it was
    uploaded where it would be too low.

    Raises: SourceError when there is no query or no contact, when there is nothing that is wanted, or no answer.
    """
    query = re.sub("^category:", "Category:", spec.strip(), flags=re.IGNORECASE)
    if not query.removeprefix("Category:"):
        raise SourceError(
            f"commons:{spec} is not understood. Write commons:mountain lake, or commons:Category:Mountains of Norway"
        )
    if not wanted.contact:
        raise SourceError(
            "Wikimedia Commons refuses programs that do not say how to reach whoever runs them. "
            "Say it: download --contact you@example.org, or set GAUGANPIPE_CONTACT"
        )
    return islice(_candidates(query, wanted), wanted.most)


def _api(wanted: Wanted) -> Api:
    return Api(name="Wikimedia Commons", contact=wanted.contact)


def _candidates(query: str, wanted: Wanted) -> Iterator[Candidate]:
    api = _api(wanted)
    chosen, seen = 0, set()
    for page in _pages(api, query, wanted.min_side_px):
        title, file = said(page, "title"), _file(page)
        if not file or not title or title in seen:
            continue
        seen.add(title)
        candidate = _candidate(title, file, wanted.min_side_px)
        if candidate and licences.is_wanted(candidate.license, wanted.licenses):
            chosen += 1
            yield candidate
    if not chosen:
        raise api.nothing_found(query, looked_at=len(seen))


def _pages(api: Api, query: str, min_side_px: int) -> Iterator[dict[str, Any]]:
    """The pages of the files. One that is told of in two answers has its file in the later one."""
    question: dict[str, str | int] = {
        "action": "query",
        "format": "json",
        "formatversion": 2,
        "maxlag": MOST_LAG_SECONDS,
        "prop": "imageinfo",
        "iiprop": "url|size|mime|sha1|extmetadata",
        # The shorter side of most photos is two thirds of the longer, or more.
        "iiurlwidth": next((width for width in WIDTHS_PX if width * 2 >= min_side_px * 3), WIDTHS_PX[-1]),
        "iiextmetadatafilter": "Artist|LicenseShortName|LicenseUrl",
        "iiextmetadatalanguage": "en",
    }
    if query.startswith("Category:"):
        question |= {"generator": "categorymembers", "gcmtitle": query, "gcmtype": "file", "gcmlimit": PER_PAGE}
    else:
        question |= {"generator": "search", "gsrsearch": f"{query} filetype:bitmap"}
        question |= {"gsrnamespace": 6, "gsrlimit": PER_PAGE}
    onward: dict[str, str] = {}
    while True:
        reply = _asked(api, {**question, **onward})
        # A category without files, or words that nothing is found for, are an answer without a query.
        pages = reply.records("query", "pages") if "query" in reply.json else []
        yield from sorted(pages, key=lambda page: counted(page, "index") or 0)
        told = reply.json.get("continue")
        before, onward = onward, {name: said(told, name) for name in told} if isinstance(told, dict) else {}
        if not onward or onward == before:
            return


def _asked(api: Api, question: dict[str, str | int]) -> Reply:
    reply = api.get(API, question)
    if not isinstance(reply.json, dict):
        raise api.error("answers in a way that this gauganpipe does not understand. See whether there is a newer one")
    if error := reply.json.get("error") or reply.json.get("errors"):
        error = error[0] if isinstance(error, list) else error
        code, reason = said(error, "code") or "unknown", said(error, "info") or said(error, "text") or "no reason"
        raise api.error(f"refuses the question (error {code}): {reason}")
    return reply


def _file(page: dict[str, Any]) -> dict[str, Any] | None:
    files = page.get("imageinfo")
    return files[0] if isinstance(files, list) and files and isinstance(files[0], dict) else None


def _candidate(title: str, file: dict[str, Any], min_side_px: int) -> Candidate | None:
    """None for what is no photo, lies nowhere, or is too small."""
    width, height = counted(file, "width"), counted(file, "height")
    thumb_width, thumb_height = counted(file, "thumbwidth"), counted(file, "thumbheight")
    if said(file, "mime") not in _KINDS or not width or not height or min(width, height) < min_side_px:
        return None
    is_thumb = bool(thumb_width and thumb_height) and thumb_width < width
    is_thumb = is_thumb and min(thumb_width, thumb_height) >= min_side_px
    url = said(file, "thumburl" if is_thumb else "url")
    if not re.match("https?://", url):
        return None
    told = file.get("extmetadata")
    address = said(told, "LicenseUrl", "value")
    license = licences.normalise(said(told, "LicenseShortName", "value"), url=address)
    creator, creator_url = _read_html(said(told, "Artist", "value"))
    name = title.removeprefix("File:")
    sha1 = said(file, "sha1").lower()
    return Candidate(
        name=f"commons/{name}",
        source="commons",
        source_url=url,
        source_page=said(file, "descriptionurl"),
        title=re.sub(r"\.[A-Za-z]{3,4}$", "", name),
        creator=creator,
        creator_url=creator_url,
        license=license,
        license_url=address or licences.address_of(license),
        redistributable=licences.may_be_handed_on(license),
        width=thumb_width if is_thumb else width,
        height=thumb_height if is_thumb else height,
        size_bytes=None if is_thumb else counted(file, "size"),
        sha1=sha1 if not is_thumb and re.fullmatch("[0-9a-f]{40}", sha1) else "",
    )


def _read_html(text: str) -> tuple[str, str]:
    """The words, and the address of the first link, "" where there is none."""
    reader = _Reader()
    # It raises AssertionError for some declarations, which no creator is named by.
    with contextlib.suppress(AssertionError):
        reader.feed(text)
        reader.close()
    return " ".join("".join(reader.words).split()), reader.link


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.link = ""
        self._is_code = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._is_code = tag in ("script", "style")
        if tag in ("br", "p", "div", "li", "td"):
            self.words.append(" ")
        if tag == "a" and not self.link:
            self.link = _link(dict(attributes).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        self._is_code = False

    def handle_data(self, data: str) -> None:
        if not self._is_code:
            self.words.append(data)


def _link(address: str) -> str:
    """In full, "" for what is none of the web."""
    try:
        full = urljoin("https://commons.wikimedia.org/", address)
    except ValueError:
        return ""
    return full if address and re.match("https?://", full) else ""
