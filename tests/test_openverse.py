"""The source `openverse:`: what it asks for, which works are photos, and where the listing ends."""

import json
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from pipeline.errors import SourceError
from pipeline.sources import openverse
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.openverse import candidates
from tests.answers import Patience
from tests.misbehaving import Answer, Request, Server, json_answer

LAKE = {
    "id": "4bc43a04-ef46-4544-a0c1-63c63f56e276",
    "title": "Mountain Lake",
    "indexed_on": "2022-08-27T17:39:48Z",
    "foreign_landing_url": "https://www.flickr.com/photos/18090920@N07/4459771899",
    "url": "https://live.staticflickr.com/4065/4459771899_07595dc42e_b.jpg",
    "creator": "Tim Sullivan",
    "creator_url": "https://www.flickr.com/photos/18090920@N07",
    "license": "by",
    "license_version": "2.0",
    "license_url": "https://creativecommons.org/licenses/by/2.0/",
    "provider": "flickr",
    "source": "flickr",
    "category": "photograph",
    "filesize": 896128,
    "filetype": "jpg",
    "tags": [{"accuracy": None, "name": "lake", "unstable__provider": "flickr"}],
    "attribution": '"Mountain Lake" by Tim Sullivan is licensed under CC BY 2.0.',
    "fields_matched": ["title"],
    "mature": False,
    "height": 683,
    "width": 1024,
    "thumbnail": "https://api.openverse.org/v1/images/4bc43a04-ef46-4544-a0c1-63c63f56e276/thumb/",
    "detail_url": "https://api.openverse.org/v1/images/4bc43a04-ef46-4544-a0c1-63c63f56e276/",
    "related_url": "https://api.openverse.org/v1/images/4bc43a04-ef46-4544-a0c1-63c63f56e276/related/",
    "unstable__sensitivity": [],
}
"""As the documentation of the API has it."""

NOT_SHOWN = json_answer({"detail": "page * page_size is more than 240 for anonymous requests"}, status=401)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture(autouse=True)
def service(server, patience, monkeypatch) -> None:
    monkeypatch.setattr(openverse, "API", server.address("/v1"))
    monkeypatch.setattr(openverse, "_api", lambda wanted: patience.api(name="Openverse", contact=wanted.contact))
    monkeypatch.delenv("OPENVERSE_CLIENT_ID", raising=False)
    monkeypatch.delenv("OPENVERSE_CLIENT_SECRET", raising=False)


def pages_of(*works: dict, page_size: int = 20, shown: int = 10_000) -> Callable[[Request], Answer]:
    """shown: pages that are answered."""

    def answer(request: Request) -> Answer:
        page = int(request.get("page"))
        if page > shown:
            return NOT_SHOWN
        found = works[(page - 1) * page_size : page * page_size]
        counts = {"result_count": len(works), "page_count": -(-len(works) // page_size), "page_size": page_size}
        return json_answer({**counts, "page": page, "results": found})

    return answer


def works(count: int) -> list[dict]:
    return [{**LAKE, "id": f"id-{number}"} for number in range(count)]


def found(server: Server, *given: dict, spec: str = "mountain lake", wanted: Wanted = ANYTHING) -> list[Candidate]:
    server.answers["/v1/images/"] = pages_of(*given)
    return list(candidates(spec, wanted))


# What a photo is


def test_a_work_becomes_a_candidate(server):
    assert found(server, LAKE) == [
        Candidate(
            name="openverse/4bc43a04-ef46-4544-a0c1-63c63f56e276",
            source="openverse",
            source_url="https://live.staticflickr.com/4065/4459771899_07595dc42e_b.jpg",
            source_page="https://www.flickr.com/photos/18090920@N07/4459771899",
            title="Mountain Lake",
            creator="Tim Sullivan",
            creator_url="https://www.flickr.com/photos/18090920@N07",
            license="CC-BY-2.0",
            license_url="https://creativecommons.org/licenses/by/2.0/",
            redistributable="yes",
            width=1024,
            height=683,
            size_bytes=896128,
        )
    ]


def test_a_work_of_which_little_is_known_is_a_candidate_still(server):
    little = {"id": "a", "url": "https://photos.example/a", "license": "pdm", "license_version": "1.0", "creator": None}

    assert found(server, little) == [
        Candidate(
            name="openverse/a",
            source="openverse",
            source_url="https://photos.example/a",
            license="PDM-1.0",
            license_url="https://creativecommons.org/publicdomain/mark/1.0/",
            redistributable="yes",
        )
    ]


@pytest.mark.parametrize(
    "change",
    [
        *[{"url": url} for url in (None, "", "ftp://photos.example/a.jpg", 17, ["https://photos.example/a.jpg"])],
        *[{"id": id} for id in (None, "", {})],
        *[{"filetype": kind} for kind in ("svg", "gif", "PDF")],
        *[{"category": category} for category in ("illustration", "digitized_artwork")],
        {"mature": True},
    ],
)
def test_what_is_no_photo_or_lies_nowhere_is_left_out(server, change):
    assert [one.name for one in found(server, {**LAKE, **change}, {**LAKE, "id": "b"})] == ["openverse/b"]


@pytest.mark.parametrize("field", sorted(set(LAKE) - {"id", "url", "mature"}))
@pytest.mark.parametrize("value", [None, [], {"a": 1}, True])
def test_a_field_that_has_changed_costs_no_photo(server, field, value):
    assert [one.name for one in found(server, {**LAKE, field: value})] == [f"openverse/{LAKE['id']}"]


# What is asked for


def test_words_and_nothing_else_are_asked_for(server):
    found(server, LAKE)

    assert server.requests[0].query == (("q", "mountain lake"), ("page_size", "20"), ("page", "1"))


def test_collections_may_be_named(server):
    other = {**LAKE, "id": "b", "source": "wikimedia"}

    names = [one.name for one in found(server, LAKE, other, spec="mountain lake?source=Wikimedia,nasa")]

    assert (server.requests[0].get("source"), names) == ("wikimedia,nasa", ["openverse/b"])


def test_the_families_of_the_licences_are_asked_for(server):
    wanted = Wanted(licenses=frozenset({"CC-BY-2.0", "cc0"}))

    found(server, LAKE, wanted=wanted)

    assert server.requests[0].get("license") == "cc0,by"


def test_another_version_of_a_licence_is_left_out(server):
    newer = {**LAKE, "id": "b", "license_version": "4.0", "license_url": "https://creativecommons.org/licenses/by/4.0/"}

    names = [one.name for one in found(server, LAKE, newer, wanted=Wanted(licenses=frozenset({"CC-BY-4.0"})))]

    assert names == ["openverse/b"]


def test_small_photos_are_left_out_where_their_size_is_told(server):
    given = [LAKE, {**LAKE, "id": "b", "width": 500}, {**LAKE, "id": "c", "width": None, "height": None}]

    assert [one.name for one in found(server, *given, wanted=Wanted(min_side_px=600))] == [
        f"openverse/{LAKE['id']}",
        "openverse/c",
    ]


@pytest.mark.parametrize(
    "spec", ["", " ", "?source=nasa", "lake?", "lake?source=", "lake?size=large", "lake?source=a b"]
)
def test_a_spec_that_is_not_understood_is_a_sentence(server, spec):
    with pytest.raises(SourceError) as caught:
        candidates(spec)

    assert str(caught.value) == (
        f"openverse:{spec} is not understood. "
        "Write openverse:mountain lake, or openverse:mountain lake?source=flickr,wikimedia"
    )


def test_a_licence_that_openverse_never_has_is_a_sentence(server):
    with pytest.raises(SourceError) as caught:
        candidates("lake", Wanted(licenses=frozenset({"MIT", "unknown"})))

    assert str(caught.value) == (
        "Openverse has no photo under MIT, unknown, only under licences of Creative Commons. "
        "Choose from cc0, pdm, by, by-sa, by-nc, by-nd, by-nc-sa, by-nc-nd"
    )


def test_who_asks_can_be_reached(server):
    found(server, LAKE, wanted=Wanted(contact="me@example.org"))

    assert "me@example.org" in server.requests[0].headers["user-agent"]


# Page by page


def test_every_page_is_read(server):
    assert [one.name for one in found(server, *works(45))] == [f"openverse/id-{number}" for number in range(45)]
    assert [request.get("page") for request in server.requests] == ["1", "2", "3"]


def test_no_page_is_asked_for_before_it_is_needed(server):
    server.answers["/v1/images/"] = pages_of(*works(45))

    assert len(list(islice(candidates("lake"), 20))) == 20
    assert len(server.requests) == 1


@pytest.mark.parametrize(("most", "pages"), [(0, 0), (1, 1), (20, 1), (21, 2), (100, 3)])
def test_no_more_is_looked_for_than_is_needed(server, most, pages):
    assert len(found(server, *works(45), wanted=Wanted(most=most))) == min(most, 45)
    assert len(server.requests) == pages


def test_the_listing_ends_where_openverse_shows_no_more(server):
    server.answers["/v1/images/"] = pages_of(*works(300), shown=12)

    assert len(list(candidates("lake"))) == 240
    assert len(server.requests) == 13


@pytest.mark.parametrize("field", ["page_count", "result_count", "page_size", "page"])
def test_a_count_that_is_missing_costs_no_photo(server, field):
    whole = pages_of(*works(45))

    def answer(request: Request) -> Answer:
        told = json.loads(whole(request).body)
        del told[field]
        return json_answer(told)

    server.answers["/v1/images/"] = answer

    assert len(list(candidates("lake"))) == 45


def test_a_service_that_repeats_itself_is_left(server):
    server.answers["/v1/images/"] = json_answer({"results": works(3), "page_count": 5000})

    assert len(list(candidates("lake"))) == 3
    assert len(server.requests) == 2


def test_a_rate_limit_in_the_middle_is_waited_for(server, patience):
    whole, turned_away = pages_of(*works(45)), []

    def answer(request: Request) -> Answer:
        if request.get("page") == "2" and not turned_away:
            turned_away.append(True)
            detail = "Request was throttled. Expected available in 52 seconds."
            return json_answer({"detail": detail}, status=429, retry_after="52", x_ratelimit_available_anon_burst="0")
        return whole(request)

    server.answers["/v1/images/"] = answer

    assert len(list(candidates("lake"))) == 45
    assert patience.has_waited(52)


def test_a_rate_limit_of_a_day_keeps_what_was_found(server):
    whole = pages_of(*works(45))
    late = json_answer({"detail": "Request was throttled."}, status=429, retry_after="40000")
    server.answers["/v1/images/"] = lambda request: late if request.get("page") == "2" else whole(request)
    names = []

    with pytest.raises(SourceError, match=r"^Openverse answers no more questions of ours for 12 hours\. What has been"):
        names.extend(one.name for one in candidates("lake"))

    assert server.asked["/v1/images/"] == 2


# What goes wrong


def test_nothing_found_is_a_sentence(server):
    with pytest.raises(SourceError, match=r"^Openverse has nothing for 'moutain lake'\. Look for something else$"):
        found(server, spec="moutain lake")


def test_nothing_wanted_is_a_sentence_with_how_many_there_were(server):
    with pytest.raises(SourceError, match=r"^Openverse has nothing for 'mountain lake' under the .* \(3 looked at\)"):
        found(server, *works(3), wanted=Wanted(min_side_px=5000))


def test_an_error_page_is_a_sentence(server):
    server.answers["/v1/images/"] = Answer(body=b"<html><title>Just a moment...</title></html>")

    with pytest.raises(SourceError, match=r"^Openverse answers with something else than data \(200 OK\): Just a mom"):
        list(candidates("lake"))


@pytest.mark.parametrize("told", [{}, [], {"results": None}, {"results": {}}, 7, "results"])
def test_an_answer_without_a_list_is_a_sentence(server, told):
    server.answers["/v1/images/"] = json_answer(told)

    with pytest.raises(SourceError, match=r"^Openverse answers in a way .* there is no list results\."):
        list(candidates("lake"))


def test_a_question_that_is_refused_is_a_sentence(server):
    detail = {"license": ["License 'x' does not exist."]}
    server.answers["/v1/images/"] = json_answer({"detail": detail}, status=400)

    with pytest.raises(SourceError, match=r"^Openverse refuses the question \(400 Bad Request\): .*does not exist"):
        list(candidates("lake"))


# Signed in


@pytest.fixture
def keys(monkeypatch) -> None:
    monkeypatch.setenv("OPENVERSE_CLIENT_ID", "the-id")
    monkeypatch.setenv("OPENVERSE_CLIENT_SECRET", "s3cr3t\n")


def test_keys_bring_a_token_and_larger_pages(server, keys):
    server.answers["/v1/auth_tokens/token/"] = json_answer(
        {"access_token": "t0k3n", "expires_in": 43200, "token_type": "Bearer", "scope": "read write"}
    )

    found(server, LAKE)

    [token, question] = server.requests
    assert token.body == b"grant_type=client_credentials&client_id=the-id&client_secret=s3cr3t"
    assert (question.headers["authorization"], question.get("page_size")) == ("Bearer t0k3n", "240")


def test_smaller_pages_are_asked_for_where_large_ones_are_refused(server, keys):
    whole = pages_of(*works(30))
    refused = json_answer({"detail": {"page_size": ["Ensure this value is less than or equal to 50."]}}, status=400)
    server.answers["/v1/auth_tokens/token/"] = json_answer({"access_token": "t0k3n"})
    server.answers["/v1/images/"] = lambda request: refused if request.get("page_size") == "240" else whole(request)

    assert len(list(candidates("lake"))) == 30


@pytest.mark.parametrize("missing", ["OPENVERSE_CLIENT_ID", "OPENVERSE_CLIENT_SECRET"])
def test_half_of_the_keys_is_a_sentence(keys, monkeypatch, missing):
    monkeypatch.delenv(missing)

    with pytest.raises(SourceError, match=f"^{missing} is missing. Set both OPENVERSE_CLIENT_ID and OPENV"):
        candidates("lake")


def test_keys_that_are_wrong_are_a_sentence_without_them(server, keys):
    wrong = {"error": "invalid_client", "error_description": "the-id and s3cr3t are wrong"}
    server.answers["/v1/auth_tokens/token/"] = json_answer(wrong, status=401)

    with pytest.raises(SourceError) as caught:
        list(candidates("lake"))

    assert str(caught.value) == (
        "Openverse refuses the question (401 Unauthorized): *** and *** are wrong. "
        "Are OPENVERSE_CLIENT_ID and OPENVERSE_CLIENT_SECRET right?"
    )


@pytest.mark.parametrize("told", [{}, [], {"access_token": None}])
def test_a_token_that_does_not_come_is_a_sentence(server, keys, told):
    server.answers["/v1/auth_tokens/token/"] = json_answer(told)

    with pytest.raises(SourceError, match=r"^Openverse gives no token for OPENVERSE_CLIENT_ID\. Try without"):
        list(candidates("lake"))


def test_a_token_appears_in_no_message(server, keys):
    server.answers["/v1/auth_tokens/token/"] = json_answer({"access_token": "t0k3n"})
    server.answers["/v1/images/"] = json_answer({"detail": "t0k3n has expired"}, status=403)

    with pytest.raises(SourceError, match=r": \*\*\* has expired$"):
        list(candidates("lake"))
