"""`gauganpipe manifest query`: SQL over the tables of a manifest, which can read nothing else and change nothing."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pipeline.csv_files import FILES
from pipeline.errors import GauganpipeError
from pipeline.manifest import Manifest
from pipeline.tables import table_lines

if TYPE_CHECKING:
    import duckdb

TABLES = ("dataset", "classes", "provenance")
SQL_KINDS = {"integer": "BIGINT", "number": "DOUBLE", "share": "DOUBLE"}
"""Kind of a column -> its type in SQL; others are text."""
LOCKS = (
    "SET enable_external_access = false",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET lock_configuration = true",
)
"""After these no query reaches a file, the net or a variable of ours."""
EXTRA = "pip install 'gauganpipe[tables]'"
NUMBERS = (int, float, Decimal)
PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a query found: the columns, and a line a row."""

    columns: list[str]
    rows: list[list[Any]]

    def lines(self) -> list[str]:
        """As a person reads it: columns side by side, numbers to the right."""
        cells = [[_as_text(value) for value in row] for row in self.rows]
        widths = [max(map(len, column)) for column in zip(self.columns, *cells, strict=True)]
        is_number = [
            any(isinstance(row[place], (int, float, Decimal)) for row in self.rows)
            for place in range(len(self.columns))
        ]
        table = [self.columns, *cells]
        return ["  ".join(_aligned(line, widths, is_number)).rstrip() for line in table]

    def csv_lines(self) -> list[str]:
        """As CSV; what is not known is an empty cell."""
        lines = [self.columns, *([_as_text(value) for value in row] for row in self.rows)]
        return [line.removesuffix("\n") for line in table_lines(lines)]

    def as_json(self) -> dict[str, Any]:
        """The columns, and an object a row."""
        rows = [dict(zip(self.columns, map(_as_json, row), strict=True)) for row in self.rows]
        return {"columns": self.columns, "rows": rows}


def query(manifest: Manifest, sql: str) -> Answer:
    """Answers one SELECT over the tables dataset, classes and provenance.

    Numbers are numbers, and NULL where the cell is empty; all else is text as it stands in the file.

    Raises: GauganpipeError when it is no SELECT, or cannot be answered, or DuckDB is not installed.
    """
    try:
        import duckdb
    except ModuleNotFoundError:
        raise GauganpipeError(f"queries need DuckDB, which is not installed here. Install it: {EXTRA}") from None
    with duckdb.connect() as connection:
        for name in TABLES:
            _put_in(connection, name, manifest)
        for lock in LOCKS:
            connection.execute(lock)
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise GauganpipeError("query takes one SELECT, and changes nothing. Write: SELECT ... FROM dataset")
            found = connection.execute(statements[0])
            return Answer(columns=_names(found.description or []), rows=[list(row) for row in found.fetchall()])
        except duckdb.Error as error:
            raise GauganpipeError(_explained(str(error))) from None


def _explained(message: str) -> str:
    """What DuckDB says, without the query and its arrows, and what would help."""
    first, *more = message.split("\n")
    what = first.partition("Error: ")[2] or first
    candidates = next((line for line in more if line.startswith("Candidate bindings: ")), "")
    names = ", ".join(re.findall(r'"([^"]+)"', candidates))
    meant = f" It may be one of {names}." if names else ""
    tables = f"The tables are {', '.join(TABLES)}; DESCRIBE dataset lists columns"
    return f"the query cannot be answered: {what.rstrip('.!')}.{meant} {tables}"


def _put_in(connection: "duckdb.DuckDBPyConnection", name: str, manifest: Manifest) -> None:
    """A view of the cells as Arrow keeps them: only the columns that a query looks at are read."""
    cells = manifest.arrow(name)
    kinds = {column.name: SQL_KINDS[column.kind] for column in FILES[name] if column.kind in SQL_KINDS}
    quoted = {column: '"' + column.replace('"', '""') + '"' for column in cells.column_names}
    columns = [
        f"CAST(NULLIF({name}, '') AS {kinds[column]}) AS {name}" if column in kinds else name
        for column, name in quoted.items()
    ]
    connection.register(f"cells_of_{name}", cells)
    connection.execute(f"CREATE VIEW {name} AS SELECT {', '.join(columns)} FROM cells_of_{name}")


def _names(description: Sequence[Sequence[Any]]) -> list[str]:
    """The names of the columns, each different from those before."""
    names: list[str] = []
    for name, *_ in description:
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    return names


def _aligned(cells: Iterable[str], widths: Iterable[int], is_number: Iterable[bool]) -> Iterable[str]:
    for cell, width, to_the_right in zip(cells, widths, is_number, strict=True):
        yield cell.rjust(width) if to_the_right else cell.ljust(width)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _as_json(value: Any) -> Any:
    """What JSON can say of a value; of a number that is none or endless, nothing."""
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == value.to_integral_value() else float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _as_json(one) for name, one in value.items()}
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if isinstance(value, PLAIN) else str(value)
