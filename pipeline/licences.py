"""Licences: the words and addresses that sources use -> SPDX-like ids, and what may be done under each."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipeline.errors import GauganpipeError

UNKNOWN = "unknown"
FREEDOMS = {
    "commercial": ("cc0", "pdm", "by", "by-sa", "by-nd"),
    "modification": ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nc-sa"),
}
"""What one may be free to do -> the families of licences that allow it."""
FAMILIES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
"""Words for licences of any version and jurisdiction."""


@dataclass(frozen=True, kw_only=True)
class _Licence:
    """One that is no licence of Creative Commons with conditions.

    address: of its text, "" for none.    pages: beginnings of other addresses that mean it, without scheme and www.
    words: its names, squeezed to letters and digits.    handed_on: as `may_be_handed_on` says.
    """

    id: str
    address: str
    handed_on: str
    words: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()

    def is_at(self, page: str) -> bool:
        """page: an address in small letters, without scheme and www."""
        own = re.sub(r"^https://(www\.)?|/$", "", self.address)
        return page.startswith((own, *self.pages) if own else self.pages)


_OTHERS = (
    _Licence(
        id="CC0-1.0",
        address="https://creativecommons.org/publicdomain/zero/1.0/",
        handed_on="yes",
        words=(
            *("cc0", "cc010universal", "cczero", "cczero10", "cc0publicdomain", "publicdomaindedication"),
            *("cc0publicdomaindedication", "cc010universalpublicdomaindedication", "cc0universal", "cccc0", "cccc010"),
            "cczerov10universal",
        ),
    ),
    _Licence(
        id="PDM-1.0",
        address="https://creativecommons.org/publicdomain/mark/1.0/",
        handed_on="yes",
        words=(
            *("pdm", "pd", "publicdomain", "publicdomainmark", "publicdomainmark10", "publicdomainwork"),
            *("ccpdm", "ccpdm10", "ccpublicdomainmark10"),
        ),
    ),
    _Licence(
        id="CC-PDDC",
        address="https://creativecommons.org/licenses/publicdomain/",
        handed_on="yes",
        pages=("creativecommons.org/publicdomain/certification/",),
    ),
    _Licence(
        id="LicenseRef-US-Government-Work",
        address="https://www.usa.gov/government-works",
        handed_on="yes",
        words=("unitedstatesgovernmentwork", "usgovernmentwork", "usgovernmentworks", "usgov"),
        pages=("usa.gov/government-copyright", "usa.gov/copyright"),
    ),
    _Licence(
        id="LicenseRef-No-Known-Copyright",
        address="https://www.flickr.com/commons/usage/",
        handed_on="",
        words=("noknowncopyrightrestrictions", "noknowncopyright", "norestrictions"),
    ),
    _Licence(
        id="LicenseRef-Pixabay",
        address="https://pixabay.com/service/license-summary/",
        handed_on="no",
        words=("pixabay", "pixabaycontent"),
        pages=("pixabay.com/service/license",),
    ),
    _Licence(
        id="LicenseRef-All-Rights-Reserved",
        address="",
        handed_on="no",
        words=("allrightsreserved", "copyright", "copyrighted", "arr"),
    ),
    _Licence(id="LicenseRef-Unsplash", address="https://unsplash.com/license", handed_on="no", words=("unsplash",)),
    _Licence(id="LicenseRef-Pexels", address="https://www.pexels.com/license/", handed_on="no", words=("pexels",)),
)

_SPDX = (
    *("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "Unlicense", "WTFPL", "GPL-2.0-only"),
    *("GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later", "GFDL-1.1-only", "GFDL-1.1-or-later", "GFDL-1.2-only"),
    *("GFDL-1.2-or-later", "GFDL-1.3-only", "GFDL-1.3-or-later", "LAL-1.2", "LAL-1.3", "ODbL-1.0", "ODC-By-1.0"),
    *("PDDL-1.0", "OGL-UK-1.0", "OGL-UK-2.0", "OGL-UK-3.0", "OGL-Canada-2.0", "etalab-2.0", "NLOD-1.0", "NLOD-2.0"),
    *("DL-DE-BY-2.0", "DL-DE-ZERO-2.0", "CDLA-Permissive-1.0", "CDLA-Permissive-2.0", "CDLA-Sharing-1.0", "C-UDA-1.0"),
)
"""Open licences that photos and collections of them come under, as SPDX writes them."""

_UNPORTED = ("1.0", "2.0", "2.5", "3.0", "4.0")
_PORTED = frozenset(
    {
        *("CC-BY-2.5-AU", "CC-BY-3.0-AT", "CC-BY-3.0-AU", "CC-BY-3.0-DE", "CC-BY-3.0-IGO", "CC-BY-3.0-NL"),
        *("CC-BY-3.0-US", "CC-BY-NC-3.0-DE", "CC-BY-NC-ND-3.0-DE", "CC-BY-NC-ND-3.0-IGO", "CC-BY-NC-SA-2.0-DE"),
        *("CC-BY-NC-SA-2.0-FR", "CC-BY-NC-SA-2.0-UK", "CC-BY-NC-SA-3.0-DE", "CC-BY-NC-SA-3.0-IGO", "CC-BY-ND-3.0-DE"),
        *("CC-BY-SA-2.0-UK", "CC-BY-SA-2.1-JP", "CC-BY-SA-3.0-AT", "CC-BY-SA-3.0-DE", "CC-BY-SA-3.0-IGO"),
    }
)
"""The ports to a jurisdiction that SPDX has an id for."""

_JURISDICTIONS = {
    "australia": "au",
    "austria": "at",
    "england and wales": "uk",
    "france": "fr",
    "germany": "de",
    "japan": "jp",
    "netherlands": "nl",
    "united kingdom": "uk",
    "united states": "us",
}
"""Names of the jurisdictions that SPDX knows -> what stands in addresses."""

_CONDITIONS = {
    r"share[\s-]*alike": "sa",
    r"non[\s-]*commercial": "nc",
    r"no[\s-]*deriv[a-z]*(\s+works)?": "nd",
}
_CC = re.compile(r"(?:LicenseRef-)?CC-((?:BY|NC|ND|SA)(?:-(?:NC|ND|SA))*)(?:-([0-9.]+)(?:-([A-Z]+))?)?")
"""Ids of Creative Commons with conditions, as `normalise` writes them: conditions, version, jurisdiction."""

_BY_ID = {one.id: one for one in _OTHERS}


def _squeezed(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", text.lower())


_BY_WORDS = {
    **{_squeezed(id): id for id in (*_SPDX, *_PORTED, *_BY_ID)},
    **{word: one.id for one in _OTHERS for word in one.words},
}


def normalise(text: str, *, url: str = "") -> str:
    """The SPDX-like id of a licence: `CC-BY-SA-4.0`, `PDM-1.0`, `LicenseRef-...`, or `unknown` where nothing is said.

    text: what a source calls it, or its address.    url: the address that the source gives beside it.
    Where both name a licence of Creative Commons, the address is believed: it names one text, with its version and
    jurisdiction, where words are often cut short. A port to a jurisdiction that SPDX does not list is a text of its
    own too and stays apart: LicenseRef-CC-BY-2.0-KR. Without a version it is LicenseRef-CC-BY.
    """
    if re.match(r"(https?:)?//|(www\.)?creativecommons\.org/", text.strip(), re.IGNORECASE):
        return normalise("", url=text)
    said, linked = _of_words(text), _of_address(url)
    if said and not (_is_creative_commons(said) and _is_creative_commons(linked)):
        return said
    return linked or _written(text) or _written(re.sub(r"^(https?:)?//(www\.)?", "", url.strip())) or UNKNOWN


def address_of(id: str) -> str:
    """Where the text of a licence can be read, "" where nobody knows."""
    if id in _BY_ID:
        return _BY_ID[id].address
    if found := _CC.fullmatch(id):
        conditions, version, jurisdiction = found.groups()
        if not version:
            return ""
        path = "BY-ND-NC" if conditions == "BY-NC-ND" and version == "1.0" else conditions
        parts = (path, version, jurisdiction or "")
        return f"https://creativecommons.org/licenses/{'/'.join(part.lower() for part in parts if part)}/"
    return f"https://spdx.org/licenses/{id}.html" if id in _SPDX else ""


def may_be_handed_on(id: str) -> str:
    """Whether photos may be passed on to others, as far as one knows: "yes", "no" or "".

    "yes" comes with the conditions of the licence: to name the creator, for instance, or not to sell.
    """
    if id in _BY_ID:
        return _BY_ID[id].handed_on
    return "yes" if id in _SPDX or _CC.fullmatch(id) else ""


def family_of(id: str) -> str:
    """The one of FAMILIES that a licence belongs to, "" for none."""
    found = _CC.fullmatch(id)
    family = found[1].lower() if found else {"CC0-1.0": "cc0", "PDM-1.0": "pdm"}.get(id, "")
    return family if family in FAMILIES else ""


def parse_wanted(text: str) -> frozenset[str]:
    """Families and ids of `cc0,by,CC-BY-SA-4.0`; nothing for any licence.

    `commercial` and `modification` stand for the families that allow it, both together for those that allow both.

    Raises: GauganpipeError when a word means no licence.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    freedoms = [set(FREEDOMS[word.lower()]) for word in words if word.lower() in FREEDOMS]
    named = {_named(word) for word in words if word.lower() not in FREEDOMS}
    return frozenset(named | (set.intersection(*freedoms) if freedoms else set()))


def is_wanted(id: str, wanted: Collection[str]) -> bool:
    """Whether a licence is one of those that `parse_wanted` gives."""
    return not wanted or id in wanted or family_of(id) in wanted


def families_of(wanted: Collection[str]) -> tuple[str, ...]:
    """The families in which what is wanted may be found, in the order of FAMILIES; none where it is in none of them."""
    return tuple(family for family in FAMILIES if any(family in (word, family_of(word)) for word in wanted))


def _named(word: str) -> str:
    id = normalise(word)
    found = _CC.fullmatch(id)
    if word.lower() in FAMILIES or (found and not found[2] and family_of(id)):
        return family_of(id)
    if found or id in _BY_ID or id in _SPDX or word.lower().startswith("licenseref-") or word.lower() == UNKNOWN:
        return id
    words = ", ".join((*FAMILIES, *FREEDOMS))
    raise GauganpipeError(f"there is no licence '{word}'. Choose from {words}, or name one in full: CC-BY-4.0")


def _is_creative_commons(id: str) -> bool:
    return bool(_CC.fullmatch(id)) or id in ("CC0-1.0", "PDM-1.0", "CC-PDDC")


def _of_words(text: str) -> str:
    """Id of a licence that is known by its words, "" for none."""
    text = re.sub(r"^licenseref-", "", text.strip().lower())
    for words in (text, re.sub(r"\(.*?\)", " ", text)):
        words = re.sub(r"\bcreative commons\b", "cc", re.sub(r"\b(the|licen[cs]es?)\b", "", words))
        if id := _BY_WORDS.get(_squeezed(words)) or _creative_commons(words):
            return id
    return ""


def _creative_commons(words: str) -> str:
    """Id of `cc by-nc 2.0 de`, `attribution-noncommercial 2.0 germany`, ...; "" for what is none of them."""
    for long, short in _CONDITIONS.items():
        words = re.sub(rf"\b{long}\b", short, words)
    spaced = " ".join(re.findall(r"[a-z]+|[0-9]+(?:\.[0-9]+)*", words))
    found = re.fullmatch(
        r"(cc ?)?((?:by|attribution|nc|nd|sa)(?: (?:nc|nd|sa))*)(?: v?(?:ersion )?([0-9. ]+))?([a-z ]*)", spaced
    )
    if not found:
        return ""
    cc, conditions, versions, place = found.groups()
    place = " ".join(word for word in place.split() if word not in ("international", "unported", "generic"))
    # The word alone is a licence of its own at Wikimedia Commons.
    if (conditions == "attribution" and not (cc or versions)) or (place and not versions):
        return ""
    version = max((versions or "").split(), default="")
    return _cc_id(conditions.replace("attribution", "by").split(), version, _JURISDICTIONS.get(place, place))


def _cc_id(conditions: list[str], version: str, jurisdiction: str) -> str:
    is_possible = not {"nd", "sa"} <= set(conditions) and ("by" in conditions or version == "1.0")
    if not is_possible or not re.fullmatch(r"[a-z]{2}|igo|scotland|", jurisdiction):
        return ""
    parts = [part for part in ("by", "nc", "nd", "sa") if part in conditions]
    version = version if "." in version or not version else f"{version}.0"
    id = "-".join(part for part in ("CC", *parts, version, jurisdiction) if part).upper()
    is_listed = id in _PORTED or (family_of(id) and version in _UNPORTED and not jurisdiction)
    return id if is_listed or id == "CC-SA-1.0" else f"LicenseRef-{id}"


def _of_address(url: str) -> str:
    """Id of a licence that is known by its address, "" for none."""
    try:
        parts = urlsplit(url.strip().lower() if "//" in url else f"//{url.strip().lower()}")
    except ValueError:
        return ""
    page = f"{parts.netloc.removeprefix('www.')}{parts.path}"
    if other := next((one for one in _OTHERS if one.is_at(page)), None):
        return other.id
    found = re.match(r"creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)(?:/([a-z]+)(?=/|$))?", page)
    if not found:
        return ""
    place = found[3] if found[3] and re.fullmatch(r"[a-z]{2}|igo|scotland", found[3]) else ""
    return _cc_id(found[1].split("-"), found[2], place)


def _written(words: str) -> str:
    """Words as an id of our own, "" where there is nothing to write."""
    plain = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()
    plain = re.sub(r"^licenseref-", "", plain.strip(), flags=re.IGNORECASE)
    name = re.sub(r"[^A-Za-z0-9.]+", "-", plain)[:60].strip("-.")
    return f"LicenseRef-{name}" if name and name.lower() not in (UNKNOWN, "none", "null", "nan", "n-a", "na") else ""
