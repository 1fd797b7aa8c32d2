"""The client of services: what it waits for, what it gives up, and what it never says."""

import gzip
import json
import logging
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from pipeline.errors import SourceError
from pipeline.fetch import api as api_file
from pipeline.fetch.api import Api, RefusedError, Reply, counted, said
from pipeline.fetch.manners import Manners
from tests.answers import Patience, one_after_another
from tests.misbehaving import Answer, Server, json_answer

GOOD = json_answer({"photos": [{"id": 1}]})


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def patience() -> Patience:
    return Patience()


def trouble_with(server: Server, patience: Patience, answer, **named) -> str:
    server.answers["/search"] = answer
    with pytest.raises(SourceError) as caught:
        patience.api(**named).get(server.address("/search"))
    return str(caught.value)


# A question and its answer


def test_an_answer_is_json_and_headers(server, patience):
    server.answers["/search"] = json_answer({"total": "17"}, x_total="17")

    reply = patience.api().get(server.address("/search"))

    assert (reply.json, reply.headers["x-total"]) == ({"total": "17"}, "17")


def test_a_question_is_added_to_what_stands_in_the_address(server, patience):
    server.answers["/search"] = GOOD

    patience.api().get(server.address("/search", format="json"), {"q": "lake & sky", "page": 2})

    assert server.requests[0].query == (("format", "json"), ("q", "lake & sky"), ("page", "2"))


def test_headers_are_sent(server, patience):
    server.answers["/search"] = GOOD

    patience.api().get(server.address("/search"), headers={"Authorization": "Bearer ü"})

    assert server.requests[0].headers["authorization"].encode("latin-1").decode() == "Bearer ü"


def test_the_service_is_told_who_asks_and_how_to_reach_them(server, patience):
    server.answers["/search"] = GOOD

    patience.api(contact="jörg@example.org").get(server.address("/search"))

    agent = server.requests[0].headers["user-agent"].encode("latin-1").decode()
    assert agent.startswith("gauganpipe/") and "jörg@example.org" in agent


def test_a_form_is_posted(server, patience):
    server.answers["/token"] = json_answer({"access_token": "t"})

    reply = patience.api().post_form(server.address("/token"), {"grant_type": "client_credentials"})

    assert (server.requests[0].method, server.requests[0].body) == ("POST", b"grant_type=client_credentials")
    assert reply.json == {"access_token": "t"}


def test_a_packed_answer_is_read(server, patience):
    server.answers["/search"] = Answer(headers=(("Content-Encoding", "gzip"),), body=gzip.compress(b'{"a": 1}'))

    assert patience.api().get(server.address("/search")).json == {"a": 1}


def test_several_questions_are_not_asked_faster_than_the_manners_allow(server, patience):
    server.answers["/search"] = GOOD
    api = patience.api(Manners(allow_private=True, per_second=0.5))

    for _ in range(3):
        api.get(server.address("/search"))

    assert patience.has_waited(2, 2)


# What passes is tried again


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_passes_is_tried_again(server, patience, status):
    server.answers["/search"] = one_after_another(json_answer({}, status=status), GOOD)

    assert patience.api().get(server.address("/search")).json == {"photos": [{"id": 1}]}


def test_the_waits_grow_and_are_drawn_by_chance(server, patience):
    trouble_with(server, patience, json_answer({}, status=503), chance=0.9)

    assert patience.has_waited(1.8, 3.6, 7.2)


def test_what_does_not_pass_after_all_attempts_is_a_sentence(server, patience):
    assert trouble_with(server, patience, json_answer({"detail": "the index is down"}, status=503)) == (
        "Photo House answers 503 Service Unavailable: the index is down, 4 times. "
        "What has been found so far is kept; give the same command again later"
    )
    assert server.asked["/search"] == 4


@pytest.mark.parametrize("path", ["/close/search", "/reset/search"])
def test_a_broken_connection_is_tried_again(server, patience, path):
    with pytest.raises(SourceError, match=r"^Photo House cannot be reached: .*, 4 times\. What has been found"):
        patience.api().get(server.address(path))

    assert server.asked[path] == 4


@pytest.mark.parametrize("path", ["/silent/search", "/drip/search", "/headers/search"])
def test_a_service_that_is_too_slow_is_a_sentence(server, patience, path):
    manners = Manners(allow_private=True, silent_seconds=0.1, most_seconds=0.2, attempts=1)

    with pytest.raises(SourceError) as caught:
        patience.api(manners).get(server.address(path))

    assert str(caught.value) == (
        "Photo House does not answer in time (0.1 seconds of silence, or 0.2 in all). "
        "What has been found so far is kept; give the same command again later"
    )


def test_a_service_that_nobody_can_find_is_a_sentence(patience):
    with pytest.raises(SourceError, match=r"^Photo House cannot be reached: "):
        patience.api(Manners(attempts=1)).get("http://photos.invalid/search")


def test_a_service_inside_our_own_net_is_not_spoken_to(server, patience):
    with pytest.raises(SourceError, match=r"^Photo House is .*127\.0\.0\.1.*not .*public address"):
        patience.api(Manners()).get(server.address("/search"))

    assert (server.connections, patience.slept) == (0, [])


def test_a_certificate_that_is_not_valid_is_not_tried_again(patience):
    with Server(tls=True) as server, pytest.raises(SourceError, match=r"^Photo House is .*certificate"):
        patience.api().get(server.address("/search"))

    assert patience.slept == []


# The service says when


def test_retry_after_in_seconds_is_obeyed(server, patience):
    server.answers["/search"] = one_after_another(json_answer({}, status=429, retry_after="7"), GOOD)

    patience.api().get(server.address("/search"))

    assert patience.has_waited(7.0)


def test_retry_after_as_a_date_is_compared_with_the_clock_of_the_server(server, patience):
    wrong = time.time() + 86_400
    later = json_answer({}, status=503, retry_after=formatdate(wrong + 9), date=formatdate(wrong))
    server.answers["/search"] = one_after_another(later, GOOD)

    patience.api().get(server.address("/search"))

    assert patience.has_waited(9.0)


@pytest.mark.parametrize("said", ["soon", "-5", "", "9" * 40])
def test_a_retry_after_that_cannot_be_read_is_as_none(server, patience, said):
    server.answers["/search"] = one_after_another(json_answer({}, status=429, retry_after=said), GOOD)

    patience.api().get(server.address("/search"))

    assert patience.has_waited(1.0)


def test_who_is_put_off_for_too_long_is_told_when_to_come_again(server, patience):
    assert trouble_with(server, patience, json_answer({}, status=429, retry_after="3000")) == (
        "Photo House answers no more questions of ours for 50 minutes. "
        "What has been found so far is kept; give the same command again then"
    )
    assert (server.asked["/search"], patience.slept) == (1, [])


def test_an_error_that_says_when_to_come_again_is_put_off_though_it_is_called_ok(server, patience):
    lagging = json_answer({"error": {"code": "maxlag", "info": "Waiting for db1: 6 seconds lagged"}}, retry_after="5")
    server.answers["/search"] = one_after_another(lagging, GOOD)

    assert patience.api().get(server.address("/search")).json == {"photos": [{"id": 1}]}
    assert patience.has_waited(5.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "30"},
        {"ratelimit_remaining": "0", "ratelimit_reset": "30"},
        {"ratelimit": '"default";r=0;t=30'},
        {"ratelimit": "limit=100, remaining=0, reset=30"},
        {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1800000030", "date": formatdate(1_800_000_000)},
    ],
)
def test_who_has_no_question_left_waits_before_the_next(server, patience, headers):
    server.answers["/search"] = json_answer({}, **headers)
    api = patience.api()

    api.get(server.address("/search"))
    assert patience.slept == []
    api.get(server.address("/search"))

    assert patience.has_waited(30.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_ratelimit_remaining": "3", "x_ratelimit_reset": "30"},
        {"x_ratelimit_remaining": "0"},
        {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "soon"},
        {"x_ratelimit_limit_anon_burst": "20/min", "x_ratelimit_available_anon_burst": "7"},
        {"x_ratelimit_limit_anon_burst": "20 a minute", "x_ratelimit_available_anon_burst": "0"},
        {"x_ratelimit_limit_anon_burst": "20/min", "x_ratelimit_available_anon_sustained": "0"},
    ],
)
def test_nobody_waits_without_knowing_until_when(server, patience, headers):
    server.answers["/search"] = json_answer({}, **headers)
    api = patience.api()

    for _ in range(2):
        api.get(server.address("/search"))

    assert patience.slept == []


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({"anon_burst": ("20/min", "0"), "anon_sustained": ("200/day", "140")}, 60.0),
        ({"oauth_burst": ("5/s", "0"), "oauth_sustained": ("100/minute", "0")}, 60.0),
        ({"anon_burst": ("1/second", "0")}, 1.0),
    ],
)
def test_who_has_used_up_a_window_waits_for_as_long_as_it_is(server, patience, limits, seconds):
    headers = [
        (f"X-RateLimit-{word}-{window}", value)
        for window, values in limits.items()
        for word, value in zip(("Limit", "Available"), values, strict=True)
    ]
    server.answers["/search"] = Answer(headers=tuple(headers), body=b"{}")
    api = patience.api()

    for _ in range(2):
        api.get(server.address("/search"))

    assert patience.has_waited(seconds)


def test_who_has_used_up_the_window_of_a_day_is_told_so(server, patience):
    server.answers["/search"] = Answer(
        headers=(("X-RateLimit-Limit-anon_sustained", "200/day"), ("X-RateLimit-Available-anon_sustained", "0")),
        body=b"{}",
    )
    api = patience.api()
    api.get(server.address("/search"))

    with pytest.raises(SourceError, match=r"^Photo House answers no more questions of ours for 24 hours\. "):
        api.get(server.address("/search"))


def test_who_has_no_question_left_for_hours_is_told_so(server, patience):
    server.answers["/search"] = json_answer({}, x_ratelimit_remaining="0", x_ratelimit_reset="80000")
    api = patience.api()
    api.get(server.address("/search"))

    with pytest.raises(SourceError, match=r"^Photo House answers no more questions of ours for 23 hours\. "):
        api.get(server.address("/search"))

    assert server.asked["/search"] == 1


# What is no answer


@pytest.mark.parametrize("status", [400, 401, 403, 404, 451])
def test_a_no_is_not_asked_again(server, patience, status):
    server.answers["/search"] = json_answer({"detail": "no"}, status=status)

    with pytest.raises(RefusedError) as caught:
        patience.api().get(server.address("/search"))

    assert (caught.value.status, server.asked["/search"]) == (status, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"detail": "page_size is too large"}', "page_size is too large"),
        (b'{"error": {"code": "bad", "info": "No such\\n category"}}', "No such category"),
        (b'{"errors": [{"code": "bad", "text": "No such category"}]}', "No such category"),
        (b'{"error": "invalid_client", "error_description": "Unknown"}', "Unknown"),
        (b'{"detail": {"q": ["too long"]}}', '{"q": ["too long"]}'),
        (b"<html><head><style>b {}</style></head><body><b>Access</b> &amp; so on</body></html>", "Access & so on"),
        (b"\x1b[31mred", "\\x1b[31mred"),
        (b"z" * 300, "z" * 160 + "..."),
    ],
)
def test_the_words_of_a_no_are_handed_on(server, patience, body, words):
    message = trouble_with(server, patience, Answer(status=400, body=body))

    assert message == f"Photo House refuses the question (400 Bad Request): {words}"


def test_a_no_without_words_is_a_sentence(server, patience):
    assert trouble_with(server, patience, Answer(status=403)) == "Photo House refuses the question (403 Forbidden)"


@pytest.mark.parametrize(
    "body", [b"<html><h1>Just a moment...</h1></html>", b"Just a moment...", b"Just a moment...\xff"[:-1]]
)
def test_a_page_in_the_place_of_an_answer_is_a_sentence_with_its_first_words(server, patience, body):
    assert trouble_with(server, patience, Answer(body=body)) == (
        "Photo House answers with something else than data (200 OK): Just a moment.... "
        "What has been found so far is kept; give the same command again later"
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\xfe{}"])
def test_json_that_cannot_be_read_is_a_sentence(server, patience, body):
    assert trouble_with(server, patience, Answer(body=body)).startswith(
        "Photo House answers with something else than data (200 OK)"
    )


def test_an_answer_without_end_is_given_up(server, patience, monkeypatch):
    monkeypatch.setattr(api_file, "MOST_BYTES", 2_000_000)

    with pytest.raises(SourceError, match=r"^Photo House answers with more than 2 MB, which is no list of photos$"):
        patience.api().get(server.address("/endless/search"))


def test_an_answer_that_swells_when_unpacked_is_given_up(server, patience, monkeypatch):
    monkeypatch.setattr(api_file, "MOST_BYTES", 2_000_000)
    bomb = Answer(headers=(("Content-Encoding", "gzip"),), body=gzip.compress(bytes(20_000_000)))

    assert "more than 2 MB" in trouble_with(server, patience, bomb)


# Sent on


def test_who_is_sent_on_by_the_same_host_goes_there_and_shows_the_key_again(server, patience):
    server.answers["/search"] = Answer(status=301, headers=(("Location", "/v2/search?q=lake"),))
    server.answers["/v2/search"] = GOOD

    patience.api().get(server.address("/search"), headers={"Authorization": "Bearer t"})

    assert [request.headers["authorization"] for request in server.requests] == ["Bearer t"] * 2


@pytest.mark.parametrize(
    "place", ["http://evil.example/", "https://evil.example/", "ftp://127.0.0.1/", "//evil.example"]
)
def test_who_is_sent_on_to_another_host_stays(server, patience, place):
    message = trouble_with(server, patience, Answer(status=302, headers=(("Location", place),)))

    assert message.startswith("Photo House sends us on to ") and "which we do not follow" in message


def test_who_is_sent_on_to_another_port_of_the_host_stays_and_shows_it_no_key(server, patience):
    with Server() as other:
        place = other.address("/search")
        server.answers["/search"] = Answer(status=302, headers=(("Location", place),))

        with pytest.raises(SourceError, match=rf"sends us on to http://127\.0\.0\.1:{other.port}, which we do not"):
            patience.api().get(server.address("/search"), headers={"Authorization": "Bearer t"})

        assert other.connections == 0


def test_who_is_sent_in_a_circle_gives_up(server, patience):
    with pytest.raises(SourceError, match=r"^Photo House sends us on more than 5 times\. "):
        patience.api().get(server.address("/circle/one"))

    assert len(server.requests) == 6


def test_a_form_is_not_sent_on(server, patience):
    server.answers["/token"] = Answer(status=302, headers=(("Location", "/elsewhere"),))

    with pytest.raises(SourceError, match=r"something else than data \(302 Found\)"):
        patience.api().post_form(server.address("/token"), {"client_secret": "s3"})

    assert len(server.requests) == 1


# Secrets


@pytest.mark.parametrize("status", [200, 401, 500])
def test_a_key_appears_in_no_message(server, patience, status):
    secret = "k/e+y=17"
    server.answers["/search"] = lambda request: Answer(
        status=status, body=f"no key {secret}, k%2Fe%2By%3D17 or k/e%2By%3D17".encode()
    )
    api = patience.api(secrets=[secret])

    with pytest.raises(SourceError) as caught:
        api.get(server.address("/search"), {"api_key": secret})

    assert "no key ***, *** or ***" in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_that_is_learned_later_is_hidden_too(server, patience):
    server.answers["/search"] = json_answer({"detail": "token t0k3n has expired"}, status=401)
    api = patience.api()
    api.hide("t0k3n")

    with pytest.raises(SourceError, match=r"token \*\*\* has expired"):
        api.get(server.address("/search"))


def test_a_key_appears_in_no_log(server, patience, caplog):
    server.answers["/search"] = GOOD
    caplog.set_level(logging.INFO)

    patience.api(secrets=["s3cr3t"]).get(server.address("/search"), {"api_key": "s3cr3t"})

    assert "s3cr3t" not in caplog.text


def test_nothing_that_is_shown_by_python_has_a_key(server, patience):
    server.answers["/token"] = json_answer({"access_token": "t0k3n"})
    api = patience.api(secrets=["s3cr3t"])

    reply = api.post_form(server.address("/token"), {})

    assert repr(api) == "Api(name='Photo House')"
    assert repr(reply) == "Reply(service='Photo House')"


# What stands in an answer


def test_the_objects_of_a_list_are_its_records():
    reply = Reply(service="Photo House", json={"a": {"b": [{"id": 1}, None, 7, {"id": 2}]}}, headers={})

    assert reply.records("a", "b") == [{"id": 1}, {"id": 2}]


@pytest.mark.parametrize("value", [{}, {"a": None}, {"a": {"c": []}}, {"a": {"b": {}}}, [], 7, "a", None])
def test_a_list_that_is_not_there_is_a_sentence(value):
    reply = Reply(service="Photo House", json=value, headers={})

    with pytest.raises(SourceError, match=r"^Photo House answers in a way that this gauganpipe does not understand"):
        reply.records("a", "b")


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        ({"a": {"b": " lake "}}, "lake", None),
        ({"a": {"b": "17"}}, "17", 17),
        ({"a": {"b": 17}}, "17", 17),
        ({"a": {"b": 1.5}}, "1.5", None),
        ({"a": {"b": -1}}, "-1", None),
        ({"a": {"b": "9" * 5000}}, "9" * 5000, None),
        *[({"a": {"b": value}}, "", None) for value in (None, True, [], {})],
        *[(value, "", None) for value in ({}, {"a": None}, {"a": "b"}, None, [], 7)],
    ],
)
def test_a_field_that_is_missing_or_of_another_kind_is_nothing(value, text, number):
    assert (said(value, "a", "b"), counted(value, "a", "b")) == (text, number)


@pytest.mark.parametrize(
    ("looked_at", "sentence"),
    [
        (0, "Photo House has nothing for 'lake'. Look for something else"),
        (
            3,
            "Photo House has nothing for 'lake' under the licences and in the sizes that are wanted (3 looked at). "
            "Allow more licences, smaller photos, or look for something else",
        ),
    ],
)
def test_that_nothing_is_found_is_a_sentence(looked_at, sentence):
    assert str(Api(name="Photo House").nothing_found("lake", looked_at=looked_at)) == sentence


def test_a_number_that_is_not_one_is_a_sentence(server, patience):
    server.answers["/search"] = Answer(body=json.dumps({"a": float("nan")}).encode())

    assert said(patience.api().get(server.address("/search")).json, "a") == "nan"
