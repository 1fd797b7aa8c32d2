"""`gauganpipe manifest report`: facts, charts and pictures in one HTML file that loads nothing from elsewhere."""

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.console import Console, count
from pipeline.errors import GauganpipeError, WorkspaceError
from pipeline.manifest import Manifest, read
from pipeline.report_page.facts import IS_SEEN, Facts, collect
from pipeline.rows import Row
from pipeline.workspace import Workspace, explained_disk_errors, write_atomically

FILE_NAME = "report.html"
TEMPLATE = "report.html.j2"
OURS = b'<meta name="generator" content="gauganpipe"'
"""What tells a page of ours from another file of that name."""
HEAD_BYTES = 2000


@dataclass(frozen=True, kw_only=True)
class Written:
    """The page. unchanged: it was there already.    unreadable: sentences of pictures that are not shown."""

    file: Path
    megabytes: float
    photos: int
    unchanged: bool
    unreadable: list[str]

    def lines(self) -> list[str]:
        """One fact a line."""
        verb = "unchanged" if self.unchanged else "written"
        lines = [f"{verb} {self.file}: {count(self.photos, 'photo')}, {self.megabytes:.1f} MB"]
        return lines + [f"not shown: {sentence}" for sentence in self.unreadable]


def write_report(workspace: Workspace, out: Path | None = None, *, console: Console) -> Written:
    """Writes the page, or leaves it where it would come out the same.    out: None for the workspace's own.

    Raises: ManifestError when there is no manifest; GauganpipeError when another file is there, or a library missing.
    """
    demand_libraries()
    file = _place(workspace, out)
    manifest = read(workspace)
    unreadable: list[str] = []
    data = render(manifest, console=console, unreadable=unreadable).encode()
    is_there = file.is_file() and file.read_bytes() == data
    if not is_there:
        with explained_disk_errors():
            write_atomically(file, data)
    return Written(
        file=file,
        megabytes=len(data) / 1e6,
        photos=len(manifest.rows),
        unchanged=is_there,
        unreadable=sorted(set(unreadable)),
    )


def plan(workspace: Workspace, out: Path | None = None) -> list[str]:
    """What `write_report` would do, one fact a line; writes nothing."""
    demand_libraries()
    file = _place(workspace, out)
    return [f"would write {file} of {count(len(read(workspace).rows), 'photo')}"]


def demand_libraries() -> None:
    """Raises: GauganpipeError when what draws the page is not installed."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError:
        raise GauganpipeError(
            "the report needs jinja2 and matplotlib, which are not installed. Run pip install 'gauganpipe[report]'"
        ) from None


def render(manifest: Manifest, *, console: Console, unreadable: list[str]) -> str:
    """The page. The same manifest and files always give the same text.

    unreadable: gets a sentence of each picture that cannot be shown.
    """
    import jinja2
    from markupsafe import Markup

    from pipeline.report_page import charts
    from pipeline.report_page.pictures import Pictures

    facts = collect(manifest)
    pictures = Pictures(manifest.workspace, manifest.taxonomy.palette, on_unreadable=unreadable.append)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline.report_page", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=lambda value: f"{value:,}", percent=_percent, main_classes=_main_classes)
    drawn = {
        "classes": charts.class_shares(facts.classes) if facts.classes else "",
        "together": charts.together(facts.together) if len(facts.together.names) > 1 else "",
        "confidences": charts.confidences(facts.confidences) if facts.confidences else "",
        "sizes": charts.sizes(facts.sizes) if facts.sizes else "",
    }
    shown = {one.name: one.colour for one in facts.classes}
    with console.bar("pictures", unit="photo", total=_count_pictures(facts)) as bar:

        def stepping(draw: Any) -> Any:
            def address(row: Row) -> str:
                bar.step()
                return draw(row)

            return address

        return environment.get_template(TEMPLATE).render(
            facts=facts,
            charts={name: Markup(svg) for name, svg in drawn.items()},
            photo=stepping(pictures.photo),
            overlay=stepping(pictures.overlay),
            colours=shown,
            title=manifest.workspace.root.resolve().name,
            taxonomy=manifest.about.taxonomy,
            as_of=_as_of(manifest.workspace),
        )


def _place(workspace: Workspace, out: Path | None) -> Path:
    file = out or workspace.root / FILE_NAME
    if file.is_dir():
        raise GauganpipeError(f"{file} is a folder. Name a file with --out")
    if file.exists():
        with file.open("rb") as found:
            if OURS not in found.read(HEAD_BYTES):
                raise WorkspaceError(f"{file} is there and is no report of ours. Name another file with --out")
    return file


def _count_pictures(facts: Facts) -> int:
    return sum(
        [
            *(len(facts.samples), len(facts.worst)),
            *(len(members) for members in facts.groups),
            *(len(one.shown) for one in facts.turned),
        ]
    )


def _as_of(workspace: Workspace) -> str:
    """When the table was last written, to the minute; a report that is written again says the same."""
    paths = [path for path in (workspace.dataset_csv, workspace.journal) if path.exists()]
    seconds = max((path.stat().st_mtime for path in paths), default=0.0)
    return datetime.datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")


def _percent(share: float | None) -> str:
    if share is None:
        return "–"
    return "< 0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"


def _main_classes(row: Row) -> list[tuple[str, float]]:
    """The three classes that show most of a photo, the largest first."""
    shares = [(name, share) for name, share in row.shares.items() if share >= IS_SEEN]
    return sorted(shares, key=lambda pair: -pair[1])[:3]
