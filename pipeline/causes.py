"""Why a photo could not be had: one table of causes, and which of them pass by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A line of the table. text: as it stands after a number, in `12 not there any more`.

    passes: another try later may bring the photo, so the same command tries again; the others are settled.
    """

    name: str
    text: str
    passes: bool


_TABLE = (
    Cause(name="not_found", text="not there any more (404, 410)", passes=False),
    Cause(name="forbidden", text="refused by the server (401, 403, other 4xx)", passes=False),
    Cause(name="opted_out", text="closed to programs or to training by their site", passes=False),
    Cause(name="bad_address", text="with an address that is none of a web server", passes=False),
    Cause(name="private_address", text="at an address that is not public", passes=False),
    Cause(name="redirects", text="sent on too often, or in a circle", passes=False),
    Cause(name="certificate", text="behind a certificate that is not valid", passes=False),
    Cause(name="too_large", text="larger than is taken in", passes=False),
    Cause(name="not_a_photo", text="not a photo but a web page, or another file", passes=False),
    Cause(name="placeholder", text="replaced by a picture that says so", passes=False),
    Cause(name="changed", text="not the file that the source describes", passes=False),
    Cause(name="unreadable", text="in an archive, but not to be read from it", passes=False),
    Cause(name="timeout", text="too slow", passes=True),
    Cause(name="busy", text="put off by a server that has too much to do (429, 503)", passes=True),
    Cause(name="server", text="lost to an error of the server (5xx)", passes=True),
    Cause(name="connection", text="lost to a broken connection", passes=True),
    Cause(name="unreachable", text="on a server that cannot be reached", passes=True),
)

CAUSES: dict[str, Cause] = {cause.name: cause for cause in _TABLE}
"""Name of a cause -> the cause, those that are settled first."""


def passes(name: str) -> bool:
    """Whether what failed for this cause is worth another try; a cause of another version's is."""
    return name not in CAUSES or CAUSES[name].passes


def summarise(counts: Mapping[str, int]) -> list[str]:
    """What could not be had, in plain words, a line for what is settled and one for what the same command tries again.

    counts: name of a cause -> how many photos.
    """
    lines = []
    for is_passing, then in ((False, "leaves them alone, --retry-all does not"), (True, "tries them again")):
        named = {name: number for name, number in counts.items() if passes(name) == is_passing}
        if named:
            largest_first = sorted(named.items(), key=lambda pair: (-pair[1], pair[0]))
            words = [f"{number:,} {CAUSES[name].text if name in CAUSES else name}" for name, number in largest_first]
            lines.append(f"not to be had: {', '.join(words)}; the same command {then}")
    return lines
