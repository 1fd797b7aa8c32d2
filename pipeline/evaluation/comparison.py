"""Several runs side by side: a sheet of the same maps in each of them, and a table of their numbers."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import images, sheets
from pipeline.evaluation import words
from pipeline.evaluation.job import COMPARED, Job
from pipeline.evaluation.photos import Pictures
from pipeline.evaluation.results import Measured
from pipeline.workspace import write_atomically

SHEET, TABLE = "sheet.png", "table.csv"
ROWS, TILE_PX = 10, 192
LONGEST_TITLE = 22


def write(job: Job, numbers: Sequence[Measured]) -> tuple[list[Path], bool]:
    """Writes sheet and table; their paths, and whether one of them is new."""
    folder = job.results[COMPARED].folder
    table = _table(job, numbers)
    is_new = not (folder / TABLE).is_file() or (folder / TABLE).read_bytes() != table
    # The numbers of the same pictures are the same, so the sheet is, too.
    if is_new or not (folder / SHEET).is_file():
        images.write_picture(folder / SHEET, _sheet(job, columns_of_sheet(job)))
        write_atomically(folder / TABLE, table)
        is_new = True
    return [folder / SHEET, folder / TABLE], is_new


def columns_of_sheet(job: Job) -> list[tuple[str, Pictures]]:
    """What stands in each row after the label map: its title and its pictures."""
    bench, references = job.bench, job.bench.references
    beside = [references.class_means(), references.nearest_map()] if len(references.trained) else []
    return [
        ("photo", bench.real),
        *((words.column(one.subject.name, one.style), one.pictures()) for one in job.painted),
        *((pictures.name, pictures) for pictures in beside),
    ]


def _sheet(job: Job, shown: Sequence[tuple[str, Pictures]]) -> np.ndarray:
    photos = job.bench.photos
    number = len(photos)
    places = range(number) if number <= ROWS else [k * number // ROWS for k in range(ROWS)]
    rows = []
    for place in places:
        labels = images.colourise(photos.read(place).labels.numpy(), job.palette)
        pictures = [one.read(place).permute(1, 2, 0).contiguous().numpy() for _, one in shown]
        rows.append([labels, *pictures])
    titles = [
        "labels",
        *(title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…" for title, _ in shown),
    ]
    return sheets.contact_sheet(rows, titles=titles, tile_px=TILE_PX)


def _table(job: Job, numbers: Sequence[Measured]) -> bytes:
    """A line a metric, and of each column the number with the ends of its interval."""
    columns = job.columns
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    parts = ("", " low", " high")
    writer.writerow(["metric", "better", *(f"{column}{part}" for column in columns for part in parts)])
    for line in words.lines_of(numbers):
        cells = []
        for column in columns:
            one = line.cells.get(column)
            cells += ["", "", ""] if one is None else [one.value, one.low, one.high]
        writer.writerow([line.metric, line.better, *("" if cell is None else cell for cell in cells)])
    return file.getvalue().encode()
