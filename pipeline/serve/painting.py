"""`gauganpipe serve`: the page on which a run paints what a person draws, as a server."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.console import Console, count
from pipeline.run_folders import newest_run, run_folder
from pipeline.serve import app as server
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.serve.easel import Easel
    from pipeline.serve.model import Model


def paint_app(model: "Model", easel: "Easel") -> "FastAPI":
    """The app of the paint page. The easel is closed when it ends."""
    from pipeline.serve.easel import BusyError, LateError, ReplacedError
    from pipeline.serve.paint_api import routes
    from pipeline.serve.paint_schema import MOST_BYTES

    statuses = {ReplacedError: 409, BusyError: 503, LateError: 504}
    app = server.bare_app("gauganpipe paint", statuses=statuses, on_end=easel.close, most_bytes=MOST_BYTES)
    app.include_router(routes(model, easel))
    return app


def serve_paint(workspace: Workspace, run: Path | None, *, port: int, opens: bool, console: Console) -> None:
    """Serves the paint page until Ctrl-C.    run: None for the newest.    port: 0 for any.    opens: in a browser.

    Raises: RunError when there is no run, or one that cannot be painted with; GauganpipeError when the port is taken.
    """
    server.demand_libraries()
    folder = _chosen(workspace, run)
    from pipeline.serve.easel import Easel
    from pipeline.serve.model import open_model

    console.note(f"loading {folder.name}")
    model, easel = open_model(folder, workspace), Easel()
    easel.begin(lambda: model.begin(easel.demand_wanted))
    shown = count(model.painter.images_shown, "image")
    note = f"painting with {folder.name}, {len(model.taxonomy)} classes, trained on {shown}"
    try:
        server.run(
            lambda: paint_app(model, easel),
            port=port,
            opens=opens,
            console=console,
            note=note,
            on_interrupt=easel.close,
        )
    finally:
        easel.close()


def plan_paint(workspace: Workspace, run: Path | None, *, port: int) -> list[str]:
    """What `serve_paint` would do, one fact a line; listens to nothing."""
    server.demand_libraries()
    where = f"http://{server.ADDRESS}:{port}/" if port else "a free port"
    return [f"would serve a page to paint on with {_chosen(workspace, run)} at {where}"]


def _chosen(workspace: Workspace, run: Path | None) -> Path:
    return run_folder(workspace, run) if run else newest_run(workspace)
