"""Photos of a source into the workspace: what is asked for, and what is left out."""

import pytest

from pipeline import intake
from pipeline.errors import GauganpipeError
from pipeline.fetch.manners import Manners
from pipeline.intake import Intake, ask, decide
from pipeline.sources.candidate import Candidate, Wanted


def far(name: str, **cells: object) -> Candidate:
    """A photo that must be fetched."""
    return Candidate(name=name, source="urls", source_url=f"http://photos.example/{name}", fixed=True, **cells)


# What is asked for


def test_a_licence_chooses_among_photos_of_others_and_names_that_of_ones_own(tmp_path):
    theirs, ours = decide("addresses.csv", "cc0,by"), decide(str(tmp_path), "CC0-1.0")

    assert (theirs.wanted.licenses, theirs.wanted.license) == (frozenset({"cc0", "by"}), "")
    assert (ours.wanted.licenses, ours.wanted.license) == (frozenset(), "CC0-1.0")


def test_an_unknown_licence_is_a_sentence():
    with pytest.raises(GauganpipeError, match="bye"):
        decide("openverse:lake", "bye")


def test_the_contact_may_stand_in_the_environment(monkeypatch):
    monkeypatch.setenv("GAUGANPIPE_CONTACT", "ann@photos.example")

    assert "ann@photos.example" in decide("commons:lake").manners.user_agent
    assert decide("commons:lake").wanted.contact == "ann@photos.example"


def test_what_one_allows_by_now_is_tried_again(tmp_path):
    assert decide("a.csv").tries == frozenset()
    assert decide("a.csv", "", Manners(allow_private=True)).tries == {"private_address"}
    assert decide("a.csv", "", Manners(obeys_opt_out=False)).tries == {"opted_out"}
    assert "not_found" in decide("a.csv", tries_settled=True).tries


def offered(monkeypatch, workspace, candidates, **wanted: object) -> intake.Offer:
    monkeypatch.setattr(intake, "open_source", lambda source, wanted: iter(candidates))
    return ask(workspace, Intake(source="addresses.csv", wanted=Wanted(**wanted)))


def test_photos_of_another_licence_or_too_small_are_left_out_and_counted(monkeypatch, workspace):
    candidates = [
        far("a", license="CC-BY-4.0", width=600, height=400),
        far("b", license="CC-BY-NC-4.0"),
        far("c", license="CC-BY-2.0", width=600, height=20),
        far("d", license="CC-BY-2.0"),
    ]

    offer = offered(monkeypatch, workspace, candidates, licenses=frozenset({"by"}), min_side_px=64)

    assert [one.name for one in offer.candidates] == ["a", "d"]
    assert offer.left_out == {"of another licence (CC-BY-NC-4.0)": 1, "too small": 1}


def test_so_many_at_most_counts_only_what_is_wanted(monkeypatch, workspace):
    candidates = [far("a", license="CC-BY-NC-4.0"), far("b"), far("c"), far("d")]

    offer = offered(monkeypatch, workspace, candidates, licenses=frozenset({"unknown"}), most=2)

    assert ([one.name for one in offer.candidates], offer.total) == (["b", "c"], 2)
