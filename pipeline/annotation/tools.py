"""The tools by name: what goes out to each, and what comes back, recognised by its file."""

from contextlib import nullcontext
from pathlib import Path

from pipeline.annotation import cvat, label_studio
from pipeline.annotation.exchange import Sending, Sent, TakenBack, plan_taking_back, take_back
from pipeline.console import Console
from pipeline.errors import GauganpipeError
from pipeline.workspace import Workspace

TOOLS = {"cvat": cvat, "label-studio": label_studio}


def send(workspace: Workspace, tool: str, sending: Sending, *, console: Console) -> Sent:
    """Writes photos and label maps as a tool reads them.

    Raises: GauganpipeError when there is no such tool, or the place is taken.
    """
    return _tool(tool).send(workspace, sending, console=console)


def plan_sending(workspace: Workspace, tool: str, sending: Sending) -> list[str]:
    """What `send` would write, one fact a line; writes nothing."""
    return _tool(tool).plan(workspace, sending)


def bring_back(workspace: Workspace, file: Path, *, console: Console, dry_run: bool = False) -> TakenBack:
    """Takes the label maps that were changed in a tool: a zip of CVAT's, or a JSON of Label Studio's.

    dry_run: says what would be taken, and writes nothing.

    Raises: GauganpipeError when the file is neither, or holds what cannot be taken; then nothing has changed.
    """
    if not file.is_file():
        raise GauganpipeError(f"there is no file {file}. Name the zip of CVAT or the JSON of Label Studio")
    with file.open("rb") as opened:
        is_zip = opened.read(4).startswith(b"PK")
    act = plan_taking_back if dry_run else take_back
    with cvat.opened(file) if is_zip else nullcontext(label_studio.finder(file)) as find:
        return act(workspace, find, console=console)


def _tool(name: str):
    if name not in TOOLS:
        raise GauganpipeError(f"there is no annotation tool '{name}'. Take one of {', '.join(TOOLS)}")
    return TOOLS[name]
