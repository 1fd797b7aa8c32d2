"""Words of others in Markdown: shown as they stand, whatever they mean there."""

import re
from collections.abc import Collection, Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, code: Collection[int] = ()) -> list[str]:
    """The lines of a table, whose cells are shown as they stand.    code: places of the columns in letters of code."""
    lines = [_line(head), f"|{'---|' * len(head)}"]
    for cells in rows:
        lines.append(_line([(as_code if place in code else escape)(str(cell)) for place, cell in enumerate(cells)]))
    return lines


def escape(text: str) -> str:
    """Text in which nothing is a link, a picture, a tag, code or the end of a cell."""
    return re.sub(r"([\\`<>|\[\]])", r"\\\1", " ".join(text.split()))


def as_code(text: str) -> str:
    """Text in the letters of code; backticks, which would end it, are apostrophes."""
    shown = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`" if shown else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
