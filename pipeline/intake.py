"""Photos of a source into the workspace: the wanted ones, fetched where they are not here, each a row."""

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice

from pipeline.causes import CAUSES
from pipeline.console import Console, count
from pipeline.engine import Summary, walk
from pipeline.errors import GauganpipeError, SourceError
from pipeline.fetch.exchange import Exchange
from pipeline.fetch.manners import POLITE, Manners
from pipeline.ingest import MIN_SIDE_PX, Ingest
from pipeline.licences import FAMILIES, is_wanted, parse_wanted
from pipeline.manifest import Manifest
from pipeline.sources.candidate import ANYTHING, Candidate, Wanted
from pipeline.sources.catalogue import comes_whole, is_service, left_out, open_source, takes_license
from pipeline.spool import bring, clear, open_fetcher, release
from pipeline.workspace import Workspace, explained_disk_errors

ASKED_FOR_SIZE = 8
"""So many files at most are asked for their size before a source is fetched that does not tell the sizes itself."""
COUNTED = 200_000
"""So many photos of a source on this computer are counted before the walk begins; more are not kept in memory."""


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What is taken in: a source as the catalogue understands it, what is wanted of it, and how servers are treated.

    tries: causes that do not pass by themselves, and yet are tried once more.
    """

    source: str
    wanted: Wanted = ANYTHING
    manners: Manners = POLITE
    tries: frozenset[str] = frozenset()


def decide(
    source: str,
    license: str = "",
    manners: Manners = POLITE,
    *,
    most: int | None = None,
    min_side_px: int | None = None,
    tries_settled: bool = False,
) -> Intake:
    """What is taken in of a source.

    license: those that are wanted, as `licences.parse_wanted` reads them, of a service without it the open ones; of
    photos whose licence only the user knows, the one they have.
    min_side_px: None for what every workspace asks for.
    tries_settled: whatever failed is tried once more; else what passes, and what these manners allow by now.

    Raises: SourceError when there is no such kind of source; GauganpipeError when a licence is not understood.
    """
    wanted = Wanted(
        most=most,
        licenses=frozenset() if takes_license(source) else parse_wanted(license or _usual_licenses(source)),
        license=license if takes_license(source) else "",
        min_side_px=MIN_SIDE_PX if min_side_px is None else min_side_px,
        contact=manners.contact or os.environ.get("GAUGANPIPE_CONTACT", ""),
    )
    if not (wanted.contact.isascii() and wanted.contact.isprintable()):
        raise GauganpipeError(f"the contact {wanted.contact!r} has letters that no request can carry. Use plain ones")
    allowed = {"opted_out": not manners.obeys_opt_out, "private_address": manners.allow_private}
    tries = frozenset(cause for cause in CAUSES if tries_settled or allowed.get(cause))
    return Intake(source=source, wanted=wanted, manners=manners.but(contact=wanted.contact), tries=tries)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a source was found to have.

    candidates: the wanted ones, once.    total: how many, None where nobody can say.
    left_out: why a candidate was not wanted -> how many; it fills while the candidates are walked over.
    """

    intake: Intake
    candidates: Iterable[Candidate]
    total: int | None
    left_out: Counter[str]


def ask(workspace: Workspace, intake: Intake) -> Offer:
    """Asks a source what it has: one on this computer for all, a service for the first page.

    Raises: SourceError when there is no such source, nothing in it, or it cannot be asked.
    """
    wanted = replace(intake.wanted, without=workspace.made_folders)
    left_out: Counter[str] = Counter()
    sifted = islice(_sift(open_source(intake.source, wanted), wanted, left_out), wanted.most)
    counted = 1 if is_service(intake.source) else COUNTED
    first: list[Candidate] = []
    try:
        first.extend(islice(sifted, counted))
    except SourceError as error:  # what stands before the cut of an archive is taken in all the same
        if not first:
            raise
        sifted = _raise_later(error)
    total = wanted.most if is_service(intake.source) else len(first) if len(first) < counted else None
    return Offer(intake=intake, candidates=chain(first, sifted), total=total, left_out=left_out)


def take_in(
    offer: Offer, ingest: Ingest, manifest: Manifest, *, workers: int, console: Console
) -> tuple[Summary, SourceError | None]:
    """Makes every candidate a row, and records it.

    Returns what was done, and why the source ended before its end, None where it did not.

    Raises: WorkspaceError.
    """
    intake, spool = offer.intake, manifest.workspace.incoming
    broken: list[SourceError] = []
    handed: deque[Candidate] = deque()
    _say_what_is_left_out(manifest.workspace, intake, console)
    fetch = partial(open_fetcher, intake.manners)
    items = bring(offer.candidates, needs=ingest.needs, spool=spool, fetch=fetch, on_broken=broken.append)
    with explained_disk_errors(), closing(items), console.bar(ingest.name, unit="photo", total=offer.total) as bar:

        def recorded() -> None:
            """A file leaves the spool when its row is written down, so that a killed command fetches nothing twice."""
            release(spool, handed.popleft())
            bar.step()

        try:
            summary = walk(ingest, _remember(items, handed), manifest, workers=workers, on_item=recorded)
        finally:
            for reason, number in offer.left_out.most_common():
                bar.note(f"left out {count(number, 'photo')} {reason}")
        clear(spool)
    summary.duplicates = ingest.duplicates
    return summary, next(iter(broken), None)


def plan(workspace: Workspace, intake: Intake, ingest: Ingest) -> tuple[list[str], list[Candidate]]:
    """What `take_in` would do, one fact a line, and the candidates that would be new; fetches and writes nothing.

    Raises: SourceError as `ask`.
    """
    if comes_whole(intake.source):
        return [f"would download {intake.source} as a whole; how many photos it has is known then"], []
    offer = ask(workspace, intake)
    listed = list(offer.candidates)
    fresh = [one for one in listed if ingest.is_new(one)]
    lines = [f"would ingest {count(len(fresh), 'photo')} of {len(listed):,} in {intake.source}"]
    lines += [f"would leave out {count(number, 'photo')} {reason}" for reason, number in offer.left_out.most_common()]
    if any(one.read is None for one in fresh):
        licences = Counter(one.license for one in fresh)
        lines += [f"{number:,} of licence {name}" for name, number in licences.most_common()]
        lines += _sizes(fresh, intake.manners)
    return lines, fresh


def _remember(candidates: Iterable[Candidate], handed: "deque[Candidate]") -> Iterator[Candidate]:
    for candidate in candidates:
        handed.append(candidate)
        yield candidate


def _raise_later(error: SourceError) -> Iterator[Candidate]:
    raise error
    yield


def _sift(candidates: Iterable[Candidate], wanted: Wanted, left_out: Counter[str]) -> Iterator[Candidate]:
    """The wanted candidates; the others are counted by what is wrong with them."""
    for candidate in candidates:
        sides = (candidate.width, candidate.height)
        if not is_wanted(candidate.license, wanted.licenses):
            left_out[f"of another licence ({candidate.license})"] += 1
        elif None not in sides and min(sides) < wanted.min_side_px:
            left_out["too small"] += 1
        else:
            # Nobody fetches everything again to see whether a file has changed.
            yield replace(candidate, fixed=candidate.fixed or candidate.read is None)


def _usual_licenses(source: str) -> str:
    """Services also show photos whose makers reserve all rights: those are taken by name only."""
    return ",".join(FAMILIES) if is_service(source) else ""


def _several(number: int, unit: str) -> str:
    """3 lines, 3 files not named like a photo."""
    noun, blank, rest = unit.partition(" ")
    return count(number, noun) + blank + rest


def _sizes(candidates: list[Candidate], manners: Manners) -> list[str]:
    """How many bytes would come; where the source does not say, as a few of the files let expect."""
    said = [one.size_bytes for one in candidates if one.size_bytes is not None]
    silent = [one.source_url for one in candidates if one.size_bytes is None and one.read is None]
    lines = [f"{sum(said) / 1e6:,.1f} MB in {count(len(said), 'file')}"] if said else []
    if silent:
        asked = silent[:: -(-len(silent) // ASKED_FOR_SIZE)]
        with Exchange(manners) as exchange:  # one after another, which no host is troubled by
            told = [size for size in map(exchange.size_of, asked) if size is not None]
        if told:
            expected = sum(told) / len(told) * len(silent)
            lines.append(
                f"about {expected / 1e6:,.1f} MB in {count(len(silent), 'file')}, judged by {len(told)} of them"
            )
        else:
            lines.append(f"the size of {count(len(silent), 'file')} is not told before it is fetched")
    return lines


def _say_what_is_left_out(workspace: Workspace, intake: Intake, console: Console) -> None:
    unit, counts = left_out(intake.source, without=workspace.made_folders)
    if counts:
        what = ", ".join(f"{number:,} {reason or 'without an ending'}" for reason, number in counts.most_common())
        console.note(f"left out {_several(counts.total(), unit)}: {what}")
