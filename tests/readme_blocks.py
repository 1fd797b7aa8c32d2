"""The parts of the README that are read off the code: `make readme` writes them, test_readme.py holds them true."""

import ast
import re
from pathlib import Path

from pipeline.classes import load_taxonomy
from pipeline.exports.catalogue import described
from pipeline.rows import DATASET_COLUMNS
from pipeline.rules import RULES

ROOT = Path(__file__).parents[1]
FOLDERS = ("pipeline", "gaugan", "benchmarks")
WIDTH = 36


def tree() -> str:
    """One line a file: its place, and the first sentence of its docstring."""
    lines = []
    for folder in FOLDERS:
        lines += _folder(ROOT / folder, depth=0)
    lines.append(_line("manifests/", 0, "the columns of dataset.csv as a table and as a JSON schema, and an example"))
    lines.append(_line("tests/", 0, "one file a module, test_<module>.py"))
    return "```\n" + "\n".join(lines) + "\n```"


def columns() -> str:
    lines = ["| column | what stands there |", "|---|---|"]
    for column in DATASET_COLUMNS:
        choices = f" ({', '.join(column.choices)})" if column.choices else ""
        lines.append(f"| `{column.name}` | {column.text}{choices} |")
    return "\n".join(lines)


def palette() -> str:
    lines = ["| id | class | colour | |", "|---:|---|---|---|"]
    for one in load_taxonomy().categories:
        lines.append(f"| {one.id} | {one.name} | `#{bytes(one.colour).hex()}` | {'thing' if one.thing else 'stuff'} |")
    return "\n".join([*lines, "| 255 | unknown | `#000000` | |"])


def rules() -> str:
    lines = ["| rule | looks at | must be |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{rule.name}` | {rule.text} | {rule.threshold} |" for rule in RULES)])


def layouts() -> str:
    lines = ["| layout | what it is |", "|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {text} |" for name, text in described().items())])


BLOCKS = {"tree": tree, "columns": columns, "palette": palette, "rules": rules, "layouts": layouts}


def rewritten(text: str) -> str:
    """The README with every block as the code has it now."""
    for name, block in BLOCKS.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        text = re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{block()}\n{end}", text, flags=re.DOTALL)  # noqa: B023
    return text


def _folder(folder: Path, *, depth: int) -> list[str]:
    init = folder / "__init__.py"
    lines = [_line(f"{folder.name}/", depth, _first_sentence(init) if init.exists() else "one file a claim of speed")]
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    lines += [_line(path.name, depth + 1, _first_sentence(path)) for path in files]
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"):
        if any(inner.glob("*.py")):
            lines += _folder(inner, depth=depth + 1)
        else:
            names = ", ".join(sorted(path.stem for path in inner.iterdir()))
            lines.append(_line(f"{inner.name}/", depth + 1, names))
    return lines


def _line(name: str, depth: int, text: str) -> str:
    return f"{'  ' * depth + name:<{WIDTH}}{text}"


def _first_sentence(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").rstrip(".")


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(rewritten(readme.read_text(encoding="utf-8")), encoding="utf-8")
