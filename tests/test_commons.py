"""The source `commons:`: searches and categories, which file of a photo is taken, and who made it."""

import re
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from pipeline.errors import SourceError
from pipeline.sources import commons
from pipeline.sources.candidate import Candidate, Wanted
from pipeline.sources.commons import candidates
from tests.answers import Patience, one_after_another
from tests.misbehaving import Answer, Request, Server, json_answer

ME = Wanted(contact="me@example.org")
ROOT = "https://upload.wikimedia.org/wikipedia/commons"


def page_of(name: str = "Lovatnet lake.jpg", **file) -> dict:
    """As the API tells of a file; `file` are changes to what it tells, None leaves a field out."""
    about = {
        "size": 9_874_563,
        "width": 6000,
        "height": 4000,
        "thumburl": f"{ROOT}/thumb/b/bc/{name}/1280px-{name}",
        "thumbwidth": 1280,
        "thumbheight": 853,
        "url": f"{ROOT}/b/bc/{name}",
        "descriptionurl": f"https://commons.wikimedia.org/wiki/File:{name.replace(' ', '_')}",
        "descriptionshorturl": "https://commons.wikimedia.org/w/index.php?curid=17540984",
        "sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "mime": "image/jpeg",
        "extmetadata": {
            "Artist": told('<a href="//commons.wikimedia.org/wiki/User:Rama" title="User:Rama">Rama</a> &amp; Musée'),
            "LicenseShortName": told("CC BY-SA 3.0 de"),
            "LicenseUrl": told("https://creativecommons.org/licenses/by-sa/3.0/de/deed.en"),
        },
        **file,
    }
    return {
        "pageid": 17540984,
        "ns": 6,
        "title": f"File:{name}",
        "imagerepository": "local",
        "imageinfo": [{field: value for field, value in about.items() if value is not None}],
    }


def told(value: str) -> dict:
    return {"value": value, "source": "commons-desc-page"}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture(autouse=True)
def service(server, patience, monkeypatch) -> None:
    def api(wanted: Wanted):
        return patience.api(name="Wikimedia Commons", contact=wanted.contact)

    monkeypatch.setattr(commons, "API", server.address("/w/api.php"))
    monkeypatch.setattr(commons, "_api", api)


def answer_of(*pages: dict, **more) -> Answer:
    return json_answer({"batchcomplete": True, "query": {"pages": list(pages)}, **more})


def category_of(*pages: dict, size: int = 2) -> Callable[[Request], Answer]:
    """A category that is told of in several answers, as `continue` leads on."""

    def answer(request: Request) -> Answer:
        start = int(request.get("gcmcontinue", "page|0").removeprefix("page|"))
        more = {"continue": {"gcmcontinue": f"page|{start + size}", "continue": "gcmcontinue||"}}
        return answer_of(*pages[start : start + size], **(more if start + size < len(pages) else {}))

    return answer


def found(server: Server, *pages: dict, spec: str = "Category:Lakes of Norway", wanted: Wanted = ME) -> list[Candidate]:
    server.answers["/w/api.php"] = answer_of(*pages)
    return list(candidates(spec, wanted))


# What a photo is


def test_a_file_becomes_a_candidate_1280_pixels_wide(server):
    assert found(server, page_of()) == [
        Candidate(
            name="commons/Lovatnet lake.jpg",
            source="commons",
            source_url=f"{ROOT}/thumb/b/bc/Lovatnet lake.jpg/1280px-Lovatnet lake.jpg",
            source_page="https://commons.wikimedia.org/wiki/File:Lovatnet_lake.jpg",
            title="Lovatnet lake",
            creator="Rama & Musée",
            creator_url="https://commons.wikimedia.org/wiki/User:Rama",
            license="CC-BY-SA-3.0-DE",
            license_url="https://creativecommons.org/licenses/by-sa/3.0/de/deed.en",
            redistributable="yes",
            width=1280,
            height=853,
        )
    ]


def test_a_photo_that_is_not_wider_is_taken_as_it_was_uploaded_with_its_digest(server):
    url = f"{ROOT}/b/bc/Lovatnet lake.jpg"

    [one] = found(server, page_of(width=1280, height=853, size=900, thumburl=url))

    assert (one.source_url, one.width, one.height, one.size_bytes) == (url, 1280, 853, 900)
    assert one.sha1 == "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def test_a_panorama_that_would_be_too_low_is_taken_as_it_was_uploaded(server):
    panorama = page_of(width=12000, height=2000, thumbheight=213)

    [one] = found(server, panorama, wanted=Wanted(contact="me@example.org", min_side_px=512))

    assert (one.source_url, one.width, one.height) == (f"{ROOT}/b/bc/Lovatnet lake.jpg", 12000, 2000)


def test_a_photo_of_which_no_smaller_file_is_told_is_taken_as_it_was_uploaded(server):
    [one] = found(server, page_of(thumburl=None, thumbwidth=None, thumbheight=None))

    assert one.source_url == f"{ROOT}/b/bc/Lovatnet lake.jpg"


@pytest.mark.parametrize("sha1", [None, "", "da39", "g" * 40, 7])
def test_a_digest_that_is_none_is_left_out(server, sha1):
    [one] = found(server, page_of(width=1280, height=853, sha1=sha1))

    assert one.sha1 == ""


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/webp", "image/tiff"])
def test_photos_are_files_of_these_kinds(server, mime):
    assert len(found(server, page_of(mime=mime))) == 1


@pytest.mark.parametrize(
    "change",
    [
        *[{"mime": mime} for mime in (None, "image/svg+xml", "image/gif", "application/pdf", "video/webm", 7)],
        *[{"width": width} for width in (None, 0, "wide")],
        *[{"height": height} for height in (None, [])],
        *[{"thumburl": url} for url in ("", "ftp://a/b.jpg", 7)],
    ],
)
def test_what_is_no_photo_or_lies_nowhere_is_left_out(server, change):
    pages = (page_of("No.jpg", **change), page_of("Yes.jpg"))

    assert [one.name for one in found(server, *pages)] == ["commons/Yes.jpg"]


@pytest.mark.parametrize("files", [None, [], {}, [None], "imageinfo"])
def test_a_page_without_its_file_is_left_out(server, files):
    pages = ({**page_of("No.jpg"), "imageinfo": files}, page_of("Yes.jpg"))

    assert [one.name for one in found(server, *pages)] == ["commons/Yes.jpg"]


def test_a_page_without_a_title_is_left_out(server):
    assert [one.name for one in found(server, {**page_of(), "title": None}, page_of("Yes.jpg"))] == ["commons/Yes.jpg"]


@pytest.mark.parametrize("field", ["descriptionurl", "sha1", "size", "extmetadata", "descriptionshorturl"])
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True])
def test_a_field_that_has_changed_costs_no_photo(server, field, value):
    assert len(found(server, page_of(**{field: value}))) == 1


def test_a_file_under_no_licence_that_is_told_is_unknown(server):
    [one] = found(server, page_of(extmetadata=None))

    assert (one.license, one.license_url, one.redistributable, one.creator) == ("unknown", "", "", "")


@pytest.mark.parametrize(
    ("short", "url", "license", "address"),
    [
        ("CC0", "http://creativecommons.org/publicdomain/zero/1.0/deed.en", "CC0-1.0", None),
        ("Public domain", "", "PDM-1.0", "https://creativecommons.org/publicdomain/mark/1.0/"),
        ("CC BY 2.0 kr", "", "LicenseRef-CC-BY-2.0-KR", "https://creativecommons.org/licenses/by/2.0/kr/"),
        ("Attribution", "", "LicenseRef-Attribution", ""),
    ],
)
def test_licences_are_told_by_name_and_address(server, short, url, license, address):
    [one] = found(server, page_of(extmetadata={"LicenseShortName": told(short), "LicenseUrl": told(url)}))

    assert (one.license, one.license_url) == (license, url if address is None else address)


@pytest.mark.parametrize(
    ("html", "creator", "url"),
    [
        ("Rama", "Rama", ""),
        ("<p>Rama</p><p>Musée <b>Bolo</b></p>", "Rama Musée Bolo", ""),
        ('<a href="/wiki/User:Rama">Rama</a>', "Rama", "https://commons.wikimedia.org/wiki/User:Rama"),
        ('<a href="javascript:alert(1)">Rama</a>', "Rama", ""),
        ('<a href="https://a.example">A</a> <a href="https://b.example">B</a>', "A B", "https://a.example"),
        ("<script>alert(1)</script>Rama<style>b {}</style>", "Rama", ""),
        ("<b>Rama <i>& <unclosed", "Rama & <unclosed", ""),
        ('<a href="http://[">Rama</a>', "Rama", ""),
        ("<a>Rama</a>", "Rama", ""),
        ("Rama <![what[is this]]>", "Rama", ""),
        ("", "", ""),
    ],
)
def test_the_creator_is_told_in_html_and_read_as_text(server, html, creator, url):
    [one] = found(server, page_of(extmetadata={"Artist": told(html)}))

    assert (one.creator, one.creator_url) == (creator, url)


# What is asked for


def test_a_category_is_asked_for_its_files(server):
    found(server, page_of(), spec="category:Lakes of Norway")

    assert dict(server.requests[0].query) == {
        "action": "query",
        "format": "json",
        "formatversion": "2",
        "maxlag": "5",
        "generator": "categorymembers",
        "gcmtitle": "Category:Lakes of Norway",
        "gcmtype": "file",
        "gcmlimit": "50",
        "prop": "imageinfo",
        "iiprop": "url|size|mime|sha1|extmetadata",
        "iiurlwidth": "1280",
        "iiextmetadatafilter": "Artist|LicenseShortName|LicenseUrl",
        "iiextmetadatalanguage": "en",
    }


@pytest.mark.parametrize(("min_side_px", "width"), [(0, 1280), (853, 1280), (854, 1920), (2000, 3840), (3000, 3840)])
def test_larger_photos_are_asked_for_where_they_are_wanted(server, min_side_px, width):
    found(server, page_of(), wanted=Wanted(contact="me@example.org", min_side_px=min_side_px))

    assert server.requests[0].get("iiurlwidth") == str(width)


def test_words_are_searched_for_among_files(server):
    found(server, page_of(), spec="mountain lake")

    asked = {name: value for name, value in server.requests[0].query if name.startswith("g")}
    assert asked == {
        "generator": "search",
        "gsrsearch": "mountain lake filetype:bitmap",
        "gsrnamespace": "6",
        "gsrlimit": "50",
    }


def test_what_a_search_finds_comes_in_the_order_of_its_relevance(server):
    pages = [{**page_of(f"{name}.jpg"), "index": index} for name, index in (("b", 2), ("c", 3), ("a", 1))]

    names = [one.name for one in found(server, *pages, spec="mountain lake")]

    assert names == ["commons/a.jpg", "commons/b.jpg", "commons/c.jpg"]


def test_wikimedia_is_told_how_to_reach_who_asks(server):
    found(server, page_of())

    assert "me@example.org" in server.requests[0].headers["user-agent"]


def test_without_a_contact_nobody_is_asked(server):
    with pytest.raises(SourceError) as caught:
        candidates("mountain lake")

    assert str(caught.value) == (
        "Wikimedia Commons refuses programs that do not say how to reach whoever runs them. "
        "Say it: download --contact you@example.org, or set GAUGANPIPE_CONTACT"
    )
    assert server.requests == []


@pytest.mark.parametrize("spec", ["", "  ", "Category:", "category:"])
def test_without_words_there_is_nothing_to_look_for(spec):
    with pytest.raises(SourceError) as caught:
        candidates(spec, ME)

    assert str(caught.value) == (
        f"commons:{spec} is not understood. Write commons:mountain lake, or commons:Category:Mountains of Norway"
    )


def test_other_licences_are_left_out(server):
    other = page_of("Yes.jpg", extmetadata={"LicenseShortName": told("CC BY 4.0")})
    wanted = Wanted(contact="me@example.org", licenses=frozenset({"by"}))

    assert [one.name for one in found(server, page_of(), other, wanted=wanted)] == ["commons/Yes.jpg"]


def test_small_photos_are_left_out(server):
    small = page_of("No.jpg", width=800, height=500)
    wanted = Wanted(contact="me@example.org", min_side_px=600)

    assert [one.name for one in found(server, small, page_of("Yes.jpg"), wanted=wanted)] == ["commons/Yes.jpg"]


# Answer by answer


def test_every_answer_is_read(server):
    server.answers["/w/api.php"] = category_of(*(page_of(f"{number}.jpg") for number in range(5)))

    names = [one.name for one in candidates("Category:Lakes", ME)]

    assert names == [f"commons/{number}.jpg" for number in range(5)]
    assert [request.get("gcmcontinue") for request in server.requests] == ["", "page|2", "page|4"]
    assert [request.get("continue") for request in server.requests] == ["", "gcmcontinue||", "gcmcontinue||"]


def test_no_answer_is_asked_for_before_it_is_needed(server):
    server.answers["/w/api.php"] = category_of(*(page_of(f"{number}.jpg") for number in range(5)))

    assert len(list(islice(candidates("Category:Lakes", ME), 2))) == 2
    assert len(server.requests) == 1


def test_no_more_is_looked_for_than_is_needed(server):
    server.answers["/w/api.php"] = category_of(*(page_of(f"{number}.jpg") for number in range(5)))

    assert len(list(candidates("Category:Lakes", Wanted(contact="me@example.org", most=3)))) == 3
    assert len(server.requests) == 2


def test_a_page_that_is_told_of_twice_is_one_photo(server):
    bare = {name: value for name, value in page_of("a.jpg").items() if name != "imageinfo"}
    onward = {"continue": {"iistart": "2020-01-01T00:00:00Z", "continue": "||"}}
    server.answers["/w/api.php"] = one_after_another(
        answer_of(bare, page_of("b.jpg"), **onward), answer_of(page_of("a.jpg"), page_of("b.jpg"))
    )

    assert [one.name for one in candidates("Category:Lakes", ME)] == ["commons/b.jpg", "commons/a.jpg"]


def test_who_is_led_on_to_the_same_place_stops(server):
    server.answers["/w/api.php"] = answer_of(page_of(), **{"continue": {"gcmcontinue": "page|1", "continue": "-||"}})

    assert len(list(candidates("Category:Lakes", ME))) == 1
    assert len(server.requests) == 2


@pytest.mark.parametrize("onward", [None, [], "page", 7, {}])
def test_a_continue_that_cannot_be_read_ends_the_listing(server, onward):
    server.answers["/w/api.php"] = answer_of(page_of(), **{"continue": onward})

    assert len(list(candidates("Category:Lakes", ME))) == 1


def test_databases_that_lag_are_waited_for(server, patience):
    lag = {"code": "maxlag", "info": "Waiting for 10.64.16.7: 6.2 seconds lagged", "host": "10.64.16.7", "lag": 6.2}
    lagging = json_answer({"error": lag}, retry_after="5", x_database_lag="6")
    server.answers["/w/api.php"] = one_after_another(lagging, answer_of(page_of()))

    assert len(list(candidates("Category:Lakes", ME))) == 1
    assert patience.has_waited(5)


def test_databases_that_lag_for_long_are_a_sentence(server):
    lagging = json_answer({"error": {"code": "maxlag", "info": "Waiting for db1: 60 seconds lagged"}}, retry_after="5")
    server.answers["/w/api.php"] = lagging

    with pytest.raises(SourceError, match=r"^Wikimedia Commons answers 200 OK: Waiting for db1: .* 4 times\. What has"):
        list(candidates("Category:Lakes", ME))


def test_a_rate_limit_in_the_middle_is_waited_for(server, patience):
    whole, turned_away = category_of(*(page_of(f"{number}.jpg") for number in range(5))), []

    def answer(request: Request) -> Answer:
        if request.get("gcmcontinue") == "page|2" and not turned_away:
            turned_away.append(True)
            return Answer(status=429, headers=(("Retry-After", "11"),), body=b"<h1>Too many requests</h1>")
        return whole(request)

    server.answers["/w/api.php"] = answer

    assert len(list(candidates("Category:Lakes", ME))) == 5
    assert patience.has_waited(11)


# What goes wrong


@pytest.mark.parametrize("told", [{"batchcomplete": True}, {"query": {"pages": []}}])
def test_nothing_found_is_a_sentence(server, told):
    server.answers["/w/api.php"] = json_answer(told)

    with pytest.raises(SourceError, match=r"^Wikimedia Commons has nothing for 'Category:Laks'\. Look for something"):
        list(candidates("Category:Laks", ME))


def test_nothing_wanted_is_a_sentence_with_how_many_there_were(server):
    wanted = Wanted(contact="me@example.org", licenses=frozenset({"cc0"}))

    with pytest.raises(SourceError, match=r"^Wikimedia Commons has nothing for .* \(2 looked at\)\. Allow more"):
        found(server, page_of("a.jpg"), page_of("b.jpg"), wanted=wanted)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (
            {"error": {"code": "invalidcategory", "info": "No such category"}},
            "(error invalidcategory): No such category",
        ),
        ({"errors": [{"code": "bad", "text": "No such words"}]}, "(error bad): No such words"),
        ({"error": "down"}, "(error unknown): no reason"),
        ({"errors": [7]}, "(error unknown): no reason"),
    ],
)
def test_an_error_that_is_called_ok_is_a_sentence(server, told, reason):
    server.answers["/w/api.php"] = json_answer(told)

    with pytest.raises(SourceError, match=f"^{re.escape(f'Wikimedia Commons refuses the question {reason}')}$"):
        list(candidates("Category:Lakes", ME))


@pytest.mark.parametrize("told", [[], 7, "pages", [{"query": {"pages": []}}]])
def test_an_answer_that_is_no_object_is_a_sentence(server, told):
    server.answers["/w/api.php"] = json_answer(told)

    with pytest.raises(SourceError, match=r"^Wikimedia Commons answers in a way that this gauganpipe does not"):
        list(candidates("Category:Lakes", ME))


@pytest.mark.parametrize("query", [None, [], {}, {"pages": {"17": {}}}])
def test_an_answer_without_pages_is_a_sentence(server, query):
    server.answers["/w/api.php"] = json_answer({"query": query})

    with pytest.raises(SourceError, match=r"^Wikimedia Commons answers in a way .* there is no list query\.pages\."):
        list(candidates("Category:Lakes", ME))


def test_an_error_page_is_a_sentence(server):
    server.answers["/w/api.php"] = Answer(
        status=403, body=b"<!DOCTYPE html><h1>Error</h1><p>Please set a user-agent and respect our robot policy</p>"
    )

    with pytest.raises(SourceError) as caught:
        list(candidates("Category:Lakes", ME))

    assert str(caught.value) == (
        "Wikimedia Commons refuses the question (403 Forbidden): "
        "Error Please set a user-agent and respect our robot policy"
    )
