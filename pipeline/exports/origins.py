"""Where photos come from and under which licences, in words and tables for cards."""

from collections import Counter
from collections.abc import Sequence

from pipeline.exports.markdown import table
from pipeline.rows import Row


def sources_table(rows: Sequence[Row]) -> list[str]:
    """Markdown lines: each source and its photos, most first."""
    sources = Counter(row.source or "unknown" for row in rows)
    return table(("source", "photos"), ((name, f"{number:,}") for name, number in most_first(sources)))


def licenses_table(rows: Sequence[Row]) -> list[str]:
    """Markdown lines: each licence, its photos, and the address of its text, most first."""
    licenses = Counter((row.license or "unknown", row.license_url) for row in rows)
    cells = ((name, f"{number:,}", url) for (name, url), number in most_first(licenses))
    return table(("licence", "photos", "its text"), cells)


def most_first(counts: "Counter[str] | Counter[tuple[str, str]]") -> Sequence[tuple]:
    """What was counted with its number; equals in the order of their names."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
