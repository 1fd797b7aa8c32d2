"""Why photos could not be had, and what is said of it."""

from pipeline.causes import CAUSES, passes, summarise


def test_a_cause_of_another_version_is_worth_another_try():
    assert passes("sunspots")


def test_what_is_gone_is_settled_and_what_is_slow_passes():
    assert (passes("not_found"), passes("timeout")) == (False, True)


def test_nothing_is_said_of_nothing():
    assert summarise({}) == []


def test_the_summary_names_the_most_frequent_first_and_says_what_happens_next():
    lines = summarise({"timeout": 2, "not_found": 1200, "opted_out": 3, "server": 4})

    assert lines == [
        "not to be had: 1,200 not there any more (404, 410), 3 closed to programs or to training by their site; "
        "the same command leaves them alone, --retry-all does not",
        "not to be had: 4 lost to an error of the server (5xx), 2 too slow; the same command tries them again",
    ]


def test_every_cause_reads_on_after_a_number():
    assert all(cause.text[0].islower() and not cause.text.endswith(".") for cause in CAUSES.values())
