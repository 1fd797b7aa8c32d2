"""Licences: what sources call them, what their ids are, and which are wanted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import GauganpipeError
from pipeline.licences import (
    FAMILIES,
    address_of,
    families_of,
    family_of,
    is_wanted,
    may_be_handed_on,
    normalise,
    parse_wanted,
)

SAID = {
    # Openverse
    "cc0 1.0": "CC0-1.0",
    "pdm 1.0": "PDM-1.0",
    "by 2.0": "CC-BY-2.0",
    "by-nc-sa 3.0": "CC-BY-NC-SA-3.0",
    "by-nc-sa": "LicenseRef-CC-BY-NC-SA",
    # Wikimedia Commons
    "CC0": "CC0-1.0",
    "Public domain": "PDM-1.0",
    "CC BY-SA 4.0": "CC-BY-SA-4.0",
    "CC BY-SA 3.0 de": "CC-BY-SA-3.0-DE",
    "CC BY 2.0 de": "LicenseRef-CC-BY-2.0-DE",
    "CC BY 2.5 scotland": "LicenseRef-CC-BY-2.5-SCOTLAND",
    "CC BY-SA 3.0,2.5,2.0,1.0": "CC-BY-SA-3.0",
    "CC SA 1.0": "CC-SA-1.0",
    "Attribution": "LicenseRef-Attribution",
    "No restrictions": "LicenseRef-No-Known-Copyright",
    "GFDL": "LicenseRef-GFDL",
    "KOGL Type 1": "LicenseRef-KOGL-Type-1",
    # Flickr
    "Attribution-NonCommercial-ShareAlike License": "LicenseRef-CC-BY-NC-SA",
    "Public Domain Dedication (CC0)": "CC0-1.0",
    "Public Domain Mark": "PDM-1.0",
    "No known copyright restrictions": "LicenseRef-No-Known-Copyright",
    "United States Government Work": "LicenseRef-US-Government-Work",
    "All Rights Reserved": "LicenseRef-All-Rights-Reserved",
    # Kaggle
    "CC0: Public Domain": "CC0-1.0",
    "Attribution 4.0 International (CC BY 4.0)": "CC-BY-4.0",
    # people
    "Attribution-ShareAlike 3.0": "CC-BY-SA-3.0",
    "Creative Commons Attribution-NonCommercial-NoDerivs 3.0 Unported": "CC-BY-NC-ND-3.0",
    "Creative Commons Attribution 3.0 United States License": "CC-BY-3.0-US",
    "CC BY 4": "CC-BY-4.0",
    "cc-by-sa-v4.0": "CC-BY-SA-4.0",
    "by-nd-nc 1.0": "CC-BY-NC-ND-1.0",
    "CC BY-SA 3.0 or GFDL": "LicenseRef-CC-BY-SA-3.0-or-GFDL",
    "Photo by John": "LicenseRef-Photo-by-John",
    "Unsplash License": "LicenseRef-Unsplash",
    "Pixabay License": "LicenseRef-Pixabay",
    # SPDX
    "mit": "MIT",
    "APACHE-2.0": "Apache-2.0",
    "odbl 1.0": "ODbL-1.0",
    "cc-by-nc-nd-3.0-igo": "CC-BY-NC-ND-3.0-IGO",
    "CC-PDM-1.0": "PDM-1.0",
    "CC-PDDC": "CC-PDDC",
    # nothing
    "": "unknown",
    " ": "unknown",
    "unknown": "unknown",
    "N/A": "unknown",
    "日本": "unknown",
}

ADDRESSES = {
    "https://creativecommons.org/licenses/by/4.0/": "CC-BY-4.0",
    "http://www.creativecommons.org/licenses/by-sa/3.0/de/deed.en": "CC-BY-SA-3.0-DE",
    "https://creativecommons.org/licenses/by/2.0/deed.de": "CC-BY-2.0",
    "https://creativecommons.org/licenses/by/2.0/kr/": "LicenseRef-CC-BY-2.0-KR",
    "//creativecommons.org/licenses/by-nd-nc/1.0/legalcode": "CC-BY-NC-ND-1.0",
    "creativecommons.org/publicdomain/zero/1.0": "CC0-1.0",
    "https://creativecommons.org/publicdomain/mark/1.0/deed.en": "PDM-1.0",
    "https://creativecommons.org/licenses/publicdomain/": "CC-PDDC",
    "https://www.flickr.com/commons/usage/": "LicenseRef-No-Known-Copyright",
    "http://www.usa.gov/copyright.shtml": "LicenseRef-US-Government-Work",
    "https://unsplash.com/license": "LicenseRef-Unsplash",
    "https://rightsstatements.org/vocab/InC/1.0/": "LicenseRef-rightsstatements.org-vocab-InC-1.0",
    "https://creativecommons.org.evil.example/licenses/by/4.0/": (
        "LicenseRef-creativecommons.org.evil.example-licenses-by-4.0"
    ),
    "https://[": "unknown",
}


@pytest.mark.parametrize(("text", "id"), SAID.items())
def test_words_become_an_id(text, id):
    assert normalise(text) == id


@pytest.mark.parametrize(("url", "id"), ADDRESSES.items())
def test_an_address_alone_becomes_an_id(url, id):
    assert (normalise("", url=url), normalise(url)) == (id, id)


def test_an_address_says_which_version_the_words_mean():
    url = "https://creativecommons.org/licenses/by/2.0/"

    assert normalise("Attribution License", url=url) == "CC-BY-2.0"


def test_an_address_is_believed_where_the_words_name_another_licence_of_creative_commons():
    assert normalise("CC BY 3.0", url="https://creativecommons.org/licenses/by/3.0/us/") == "CC-BY-3.0-US"


def test_words_are_believed_where_they_are_about_something_else_than_creative_commons():
    url = "https://creativecommons.org/licenses/by/2.0/"

    assert normalise("All rights reserved", url=url) == "LicenseRef-All-Rights-Reserved"


def test_an_address_that_nobody_knows_says_nothing_beside_words():
    assert normalise("CC BY 4.0", url="https://www.flickrhelp.com/hc/articles/1") == "CC-BY-4.0"


@given(st.text(max_size=80))
def test_an_id_stays_what_it_is(text):
    id = normalise(text)

    assert normalise(id) == id


@given(st.text(max_size=200))
def test_an_id_can_stand_in_any_file(text):
    assert set(normalise(text)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_and_address_have_an_id(text, url):
    assert normalise(text, url=f"https://{url}")


# What an id means


@pytest.mark.parametrize(
    ("id", "address"),
    [
        ("CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
        ("CC-BY-NC-ND-1.0", "https://creativecommons.org/licenses/by-nd-nc/1.0/"),
        ("CC-BY-3.0-DE", "https://creativecommons.org/licenses/by/3.0/de/"),
        ("LicenseRef-CC-BY-2.0-KR", "https://creativecommons.org/licenses/by/2.0/kr/"),
        ("LicenseRef-CC-BY", ""),
        ("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("PDM-1.0", "https://creativecommons.org/publicdomain/mark/1.0/"),
        ("MIT", "https://spdx.org/licenses/MIT.html"),
        ("LicenseRef-Unsplash", "https://unsplash.com/license"),
        ("LicenseRef-All-Rights-Reserved", ""),
        ("LicenseRef-mine", ""),
        ("unknown", ""),
    ],
)
def test_the_text_of_a_licence_has_an_address(id, address):
    assert address_of(id) == address


@pytest.mark.parametrize("id", [id for id in SAID.values() if id.startswith(("CC", "PDM", "LicenseRef-CC-BY-2"))])
def test_the_address_of_an_id_names_that_id(id):
    url = address_of(id)

    assert normalise("", url=url) == id


@pytest.mark.parametrize(
    ("id", "answer"),
    [
        *[(id, "yes") for id in ("CC0-1.0", "PDM-1.0", "CC-BY-NC-ND-4.0", "LicenseRef-CC-BY-2.0-KR", "MIT")],
        ("LicenseRef-US-Government-Work", "yes"),
        *[(f"LicenseRef-{name}", "no") for name in ("Unsplash", "Pixabay", "Pexels", "All-Rights-Reserved")],
        *[(id, "") for id in ("LicenseRef-No-Known-Copyright", "LicenseRef-mine", "unknown")],
    ],
)
def test_it_is_known_what_may_be_handed_on(id, answer):
    assert may_be_handed_on(id) == answer


@pytest.mark.parametrize(
    ("id", "family"),
    [
        ("CC0-1.0", "cc0"),
        ("PDM-1.0", "pdm"),
        ("CC-BY-NC-SA-2.0-FR", "by-nc-sa"),
        ("LicenseRef-CC-BY-2.0-KR", "by"),
        ("LicenseRef-CC-BY-ND", "by-nd"),
        ("CC-SA-1.0", ""),
        ("LicenseRef-CC-BY-SA-3.0-or-GFDL", ""),
        ("MIT", ""),
        ("unknown", ""),
    ],
)
def test_every_version_of_a_licence_is_one_family(id, family):
    assert family_of(id) == family


# What is wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", set()),
        ("cc0,by,by-sa", {"cc0", "by", "by-sa"}),
        (" CC0 , , BY", {"cc0", "by"}),
        ("cc-by", {"by"}),
        ("cc-by-4.0", {"CC-BY-4.0"}),
        ("CC BY 2.0 kr", {"LicenseRef-CC-BY-2.0-KR"}),
        ("mit,LicenseRef-mine,unknown", {"MIT", "LicenseRef-mine", "unknown"}),
        ("unsplash", {"LicenseRef-Unsplash"}),
        ("commercial", {"cc0", "pdm", "by", "by-sa", "by-nd"}),
        ("modification", {"cc0", "pdm", "by", "by-sa", "by-nc", "by-nc-sa"}),
        ("commercial,modification", {"cc0", "pdm", "by", "by-sa"}),
        ("commercial,modification,by-nc", {"cc0", "pdm", "by", "by-sa", "by-nc"}),
    ],
)
def test_words_of_the_command_line_name_licences(text, wanted):
    assert parse_wanted(text) == wanted


@pytest.mark.parametrize("word", ["free", "by-xy", "sa", "nc", "by-nd-sa"])
def test_a_word_that_means_no_licence_is_a_sentence_with_those_that_do(word):
    with pytest.raises(GauganpipeError) as caught:
        parse_wanted(f"cc0,{word}")

    assert str(caught.value) == (
        f"there is no licence '{word}'. Choose from cc0, pdm, by, by-sa, by-nc, by-nd, by-nc-sa, by-nc-nd, "
        "commercial, modification, or name one in full: CC-BY-4.0"
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_can_be_asked_for(family):
    assert parse_wanted(family) == {family}


@pytest.mark.parametrize(
    ("id", "text", "answer"),
    [
        ("CC-BY-4.0", "", True),
        ("unknown", "", True),
        ("CC-BY-4.0", "by", True),
        ("CC-BY-2.0", "by", True),
        ("CC-BY-SA-4.0", "by", False),
        ("CC-BY-NC-4.0", "by", False),
        ("CC-BY-2.0", "CC-BY-4.0", False),
        ("CC-BY-4.0", "CC-BY-4.0", True),
        ("unknown", "by,cc0", False),
        ("unknown", "unknown", True),
    ],
)
def test_a_family_allows_every_version_and_an_id_only_itself(id, text, answer):
    assert is_wanted(id, parse_wanted(text)) is answer


def test_a_service_is_asked_for_the_families_of_what_is_wanted():
    assert families_of({"CC-BY-SA-4.0", "by", "cc0", "MIT"}) == ("cc0", "by", "by-sa")
