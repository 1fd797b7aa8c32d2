"""The source `flickr:`: licences by their numbers, the best size, and searches larger than Flickr shows."""

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from pipeline.errors import SourceError
from pipeline.sources import flickr
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.flickr import candidates
from tests.answers import Patience
from tests.misbehaving import Answer, Request, Server, json_answer

LICENCES = [
    {"id": "0", "name": "All Rights Reserved", "url": "https://www.flickrhelp.com/hc/en-us/articles/10710266545556"},
    {"id": "4", "name": "Attribution License", "url": "https://creativecommons.org/licenses/by/2.0/"},
    {"id": "5", "name": "Attribution-ShareAlike License", "url": "https://creativecommons.org/licenses/by-sa/2.0/"},
    {"id": "7", "name": "No known copyright restrictions", "url": "https://www.flickr.com/commons/usage/"},
    {"id": "8", "name": "United States Government Work", "url": "http://www.usa.gov/copyright.shtml"},
    {"id": "9", "name": "Public Domain Dedication (CC0)", "url": "https://creativecommons.org/publicdomain/zero/1.0/"},
    {"id": "10", "name": "Public Domain Mark", "url": "https://creativecommons.org/publicdomain/mark/1.0/"},
    {"id": "11", "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"},
]
"""As flickr.photos.licenses.getInfo lists them."""

LAKE = {
    "id": "53281234567",
    "owner": "12403504@N02",
    "secret": "a1b2c3d4e5",
    "server": "65535",
    "farm": 66,
    "title": "Mountain lake",
    "ispublic": 1,
    "isfriend": 0,
    "isfamily": 0,
    "license": "4",
    "ownername": "Tim Sullivan",
    "url_k": "https://live.staticflickr.com/65535/53281234567_a1b2c3d4e5_k.jpg",
    "height_k": 1365,
    "width_k": 2048,
    "url_o": "https://live.staticflickr.com/65535/53281234567_0f0f0f0f0f_o.jpg",
    "height_o": "4000",
    "width_o": "6000",
    "url_l": "https://live.staticflickr.com/65535/53281234567_a1b2c3d4e5_b.jpg",
    "height_l": 683,
    "width_l": 1024,
}


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture(autouse=True)
def service(server, patience, monkeypatch) -> None:
    monkeypatch.setattr(flickr, "API", server.address("/services/rest/"))
    monkeypatch.setattr(flickr, "_api", lambda wanted: patience.api(name="Flickr", contact=wanted.contact))
    monkeypatch.setenv("FLICKR_API_KEY", "s3cr3t\n")


def service_of(search: Callable[[Request], Answer], listed: list = LICENCES) -> Callable[[Request], Answer]:
    def answer(request: Request) -> Answer:
        if request.get("method") == "flickr.photos.licenses.getInfo":
            return json_answer({"licenses": {"license": listed}, "stat": "ok"})
        return search(request)

    return answer


def search_of(photos: list[dict]) -> Callable[[Request], Answer]:
    """Finds those that were uploaded in the span of time, the last first; repeats itself after 4000, as Flickr does."""

    def answer(request: Request) -> Answer:
        earliest = int(request.get("min_upload_date", "0"))
        latest = int(request.get("max_upload_date", str(10**12)))
        found = [photo for photo in photos if earliest <= photo.get("dateupload", 0) <= latest]
        size = int(request.get("per_page"))
        page = int(request.get("page"))
        shown = found[:4000][(page - 1) * size : page * size] or found[:size]
        counts = {"page": page, "pages": -(-len(found) // size), "perpage": size, "total": str(len(found))}
        return json_answer({"photos": {**counts, "photo": shown}, "stat": "ok"})

    return answer


def photos(count: int, *, seconds_apart: int = 1) -> list[dict]:
    start = 1_700_000_000
    return [{**LAKE, "id": str(1000 + number), "dateupload": start - number * seconds_apart} for number in range(count)]


def found(server: Server, *given: dict, wanted: Wanted = ANYTHING) -> list[Candidate]:
    server.answers["/services/rest/"] = service_of(search_of(list(given)))
    return list(candidates("mountain lake", wanted))


def searches(server: Server) -> list[Request]:
    return [request for request in server.requests if request.get("method") == "flickr.photos.search"]


# What a photo is


def test_a_photo_becomes_a_candidate(server):
    assert found(server, LAKE) == [
        Candidate(
            name="flickr/53281234567",
            source="flickr",
            source_url="https://live.staticflickr.com/65535/53281234567_a1b2c3d4e5_k.jpg",
            source_page="https://www.flickr.com/photos/12403504@N02/53281234567",
            title="Mountain lake",
            creator="Tim Sullivan",
            creator_url="https://www.flickr.com/photos/12403504@N02",
            license="CC-BY-2.0",
            license_url="https://creativecommons.org/licenses/by/2.0/",
            redistributable="yes",
            width=2048,
            height=1365,
        )
    ]


@pytest.mark.parametrize(
    ("number", "license", "redistributable"),
    [
        ("0", "LicenseRef-All-Rights-Reserved", "no"),
        (5, "CC-BY-SA-2.0", "yes"),
        ("7", "LicenseRef-No-Known-Copyright", ""),
        ("8", "LicenseRef-US-Government-Work", "yes"),
        ("9", "CC0-1.0", "yes"),
        ("10", "PDM-1.0", "yes"),
        ("11", "CC-BY-4.0", "yes"),
        ("99", "unknown", ""),
        (None, "unknown", ""),
    ],
)
def test_numbers_of_licences_mean_what_flickr_says_today(server, number, license, redistributable):
    [photo] = found(server, {**LAKE, "license": number})

    assert (photo.license, photo.redistributable) == (license, redistributable)


@pytest.mark.parametrize(
    ("missing", "min_side_px", "width"),
    [
        ((), 0, 2048),
        ((), 1365, 2048),
        ((), 1366, 6000),
        (("k",), 0, 6000),
        (("k", "o"), 0, 1024),
        (("k", "o"), 683, 1024),
    ],
)
def test_the_best_size_that_flickr_shows_is_taken(server, missing, min_side_px, width):
    photo = {name: value for name, value in LAKE.items() if not name.endswith(tuple(f"_{size}" for size in missing))}

    [one] = found(server, photo, wanted=Wanted(min_side_px=min_side_px))

    assert one.width == width


@pytest.mark.parametrize(
    "change",
    [
        *[{"id": id} for id in (None, "", "../7", {})],
        *[{"owner": owner} for owner in (None, "", "a/b")],
        *[{f"url_{size}": url for size in "kol"} for url in (None, "", "//a/b.jpg", "javascript:1", 7)],
    ],
)
def test_a_photo_that_lies_nowhere_is_left_out(server, change):
    assert [one.name for one in found(server, {**LAKE, **change}, {**LAKE, "id": "2"})] == ["flickr/2"]


@pytest.mark.parametrize("field", sorted(set(LAKE) - {"id", "owner"}))
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True])
def test_a_field_that_has_changed_costs_no_photo(server, field, value):
    assert [one.name for one in found(server, {**LAKE, field: value})] == ["flickr/53281234567"]


def test_small_photos_are_left_out(server):
    small = {**LAKE, "id": "2", "width_o": 900, "width_k": 900, "width_l": 900}

    assert [one.name for one in found(server, small, LAKE, wanted=Wanted(min_side_px=1000))] == ["flickr/53281234567"]


# What is asked for


def test_safe_photos_are_asked_for_by_relevance(server):
    found(server, LAKE)

    asked = dict(searches(server)[0].query)
    assert asked.pop("extras") == "license,owner_name,url_k,url_o,url_h,url_l,url_c,url_z"
    assert asked == {
        "method": "flickr.photos.search",
        "api_key": "s3cr3t",
        "format": "json",
        "nojsoncallback": "1",
        "text": "mountain lake",
        "media": "photos",
        "content_types": "0",
        "safe_search": "1",
        "per_page": "500",
        "page": "1",
        "sort": "relevance",
    }


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [({"by"}, "4,11"), ({"CC-BY-4.0"}, "11"), ({"cc0", "by-sa"}, "5,9"), ({"LicenseRef-US-Government-Work"}, "8")],
)
def test_licences_are_asked_for_by_their_numbers(server, wanted, numbers):
    found(server, {**LAKE, "license": numbers.split(",")[0]}, wanted=Wanted(licenses=frozenset(wanted)))

    assert searches(server)[0].get("license") == numbers


def test_a_photo_under_another_licence_is_left_out(server):
    other = {**LAKE, "id": "2", "license": "0"}

    assert [one.license for one in found(server, LAKE, other, wanted=Wanted(licenses=frozenset({"by"})))] == [
        "CC-BY-2.0"
    ]


def test_a_licence_that_flickr_does_not_have_is_a_sentence(server):
    with pytest.raises(SourceError) as caught:
        found(server, LAKE, wanted=Wanted(licenses=frozenset({"MIT", "by-nc"})))

    assert str(caught.value) == (
        "Flickr has no photo under MIT, by-nc. It has CC-BY-2.0, CC-BY-4.0, CC-BY-SA-2.0, CC0-1.0, "
        "LicenseRef-All-Rights-Reserved, LicenseRef-No-Known-Copyright, LicenseRef-US-Government-Work, PDM-1.0"
    )
    assert searches(server) == []


def test_without_a_key_one_is_told_where_to_get_it(monkeypatch):
    monkeypatch.delenv("FLICKR_API_KEY")

    with pytest.raises(SourceError) as caught:
        candidates("lake")

    assert str(caught.value) == (
        "flickr: needs a key, and FLICKR_API_KEY is not set. Get one at "
        "https://www.flickr.com/services/apps/create and set it, or try openverse:..., which needs none"
    )


@pytest.mark.parametrize("spec", ["", "  "])
def test_without_words_there_is_nothing_to_look_for(spec):
    with pytest.raises(
        SourceError, match=r"^flickr: is not understood\. Write what to look for: flickr:mountain lake$"
    ):
        candidates(spec)


# Page by page


def test_every_page_is_read(server):
    given = photos(1100)

    assert [one.name for one in found(server, *given)] == [f"flickr/{photo['id']}" for photo in given]
    assert [request.get("page") for request in searches(server)] == ["1", "2", "3"]


@pytest.mark.parametrize(("most", "pages"), [(1, 1), (500, 1), (501, 2)])
def test_no_more_is_looked_for_than_is_needed(server, most, pages):
    assert len(found(server, *photos(1100), wanted=Wanted(most=most))) == most
    assert len(searches(server)) == pages


def test_a_search_larger_than_flickr_shows_is_cut_into_spans_of_time(server):
    given = photos(9000, seconds_apart=1000)

    names = [one.name for one in found(server, *given)]

    assert len(names) == len(set(names)) == 9000
    assert set(names) == {f"flickr/{photo['id']}" for photo in given}


def test_the_first_4000_come_in_the_order_of_their_relevance_and_need_no_spans(server):
    given = photos(9000, seconds_apart=1000)
    server.answers["/services/rest/"] = service_of(search_of(given))

    names = [one.name for one in islice(candidates("lake"), 4000)]

    assert names == [f"flickr/{photo['id']}" for photo in given[:4000]]
    assert {request.get("min_upload_date") for request in searches(server)} == {""}


def test_more_photos_than_flickr_shows_in_one_second_are_not_looked_for_without_end(server):
    names = [one.name for one in found(server, *photos(4200, seconds_apart=0))]

    assert len(names) == len(set(names)) == 4000


def test_a_total_without_photos_ends_the_search(server):
    told = {"photos": {"page": 1, "pages": 100, "perpage": 500, "total": "50000", "photo": []}, "stat": "ok"}
    server.answers["/services/rest/"] = service_of(lambda request: json_answer(told))

    with pytest.raises(SourceError, match=r"^Flickr has nothing for 'lake'\. "):
        list(candidates("lake"))

    assert len(searches(server)) <= 8


@pytest.mark.parametrize("field", ["page", "pages", "perpage"])
def test_a_count_that_is_missing_costs_no_photo(server, field):
    whole = search_of(photos(1100))

    def search(request: Request) -> Answer:
        told = json.loads(whole(request).body)
        del told["photos"][field]
        return json_answer(told)

    server.answers["/services/rest/"] = service_of(search)

    assert len(list(candidates("lake"))) == 1100


@pytest.mark.parametrize("total", [None, "many", -1, {}])
def test_a_total_that_is_missing_costs_no_photo(server, total):
    told = {"photos": {"page": 1, "pages": 1, "total": total, "photo": [LAKE]}, "stat": "ok"}
    server.answers["/services/rest/"] = service_of(lambda request: json_answer(told))

    assert len(list(candidates("lake"))) == 1


def test_a_rate_limit_in_the_middle_is_waited_for(server, patience):
    whole, turned_away = search_of(photos(1100)), []

    def search(request: Request) -> Answer:
        if request.get("page") == "2" and not turned_away:
            turned_away.append(True)
            return Answer(status=429, headers=(("Retry-After", "20"),), body=b"Too many requests")
        return whole(request)

    server.answers["/services/rest/"] = service_of(search)

    assert len(list(candidates("lake"))) == 1100
    assert patience.has_waited(20)


# What goes wrong


def test_nothing_found_is_a_sentence(server):
    with pytest.raises(SourceError, match=r"^Flickr has nothing for 'mountain lake'\. Look for something else$"):
        found(server)


def test_nothing_wanted_is_a_sentence_with_how_many_there_were(server):
    with pytest.raises(SourceError, match=r"^Flickr has nothing for 'mountain lake' under .* \(3 looked at\)\. Allow"):
        found(server, *photos(3), wanted=Wanted(min_side_px=9000))


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (
            {"stat": "fail", "code": 100, "message": "Invalid API Key (Key s3cr3t has invalid format)"},
            "Flickr refuses the question (error 100): Invalid API Key (Key *** has invalid format). "
            "Is FLICKR_API_KEY right?",
        ),
        (
            {"stat": "fail", "code": "105", "message": "Service currently unavailable"},
            "Flickr refuses the question (error 105): Service currently unavailable. Try again later",
        ),
        ({}, "Flickr refuses the question (error unknown): no reason. Ask for something else"),
        ([], "Flickr refuses the question (error unknown): no reason. Ask for something else"),
    ],
)
def test_a_failure_that_flickr_calls_ok_is_a_sentence_without_the_key(server, told, sentence):
    server.answers["/services/rest/"] = json_answer(told)

    with pytest.raises(SourceError, match=f"^{re.escape(sentence)}$"):
        list(candidates("lake"))


@pytest.mark.parametrize("told", [{"stat": "ok"}, {"stat": "ok", "photos": []}, {"stat": "ok", "photos": {"photo": 7}}])
def test_an_answer_without_photos_is_a_sentence(server, told):
    server.answers["/services/rest/"] = service_of(lambda request: json_answer(told))

    with pytest.raises(SourceError, match=r"^Flickr answers in a way .* there is no list photos\.photo\."):
        list(candidates("lake"))


def test_an_error_page_is_a_sentence(server):
    server.answers["/services/rest/"] = Answer(body=b"<html><h1>Flickr is having a massage</h1></html>")

    with pytest.raises(SourceError, match=r"^Flickr answers with something else than data .*is having a massage"):
        list(candidates("lake"))
