"""`gauganpipe serve --review`: the page on which label maps are looked through, as a server."""

from typing import TYPE_CHECKING

from pipeline.console import Console, count
from pipeline.errors import GauganpipeError, WorkspaceError
from pipeline.serve import app as server
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from fastapi import FastAPI

    from pipeline.serve.review import Review


def review_app(review: "Review") -> "FastAPI":
    """The app of the review page, which is its first page too."""
    from fastapi.responses import RedirectResponse

    from pipeline.serve.review import ChangedMeanwhileError, NoSuchPhotoError
    from pipeline.serve.review_api import routes

    statuses = {NoSuchPhotoError: 404, ChangedMeanwhileError: 409, WorkspaceError: 409}
    app = server.bare_app("gauganpipe review", statuses=statuses, on_end=review.close)
    app.include_router(routes(review))

    @app.get("/", include_in_schema=False)
    def first_page() -> RedirectResponse:
        return RedirectResponse("/review")

    return app


def serve_review(workspace: Workspace, *, port: int, opens: bool, console: Console) -> None:
    """Serves the review page until Ctrl-C.    port: 0 for any.    opens: shows it in a browser.

    Raises: ManifestError when there is no manifest; GauganpipeError when nothing is labelled, or the port is taken.
    """
    server.demand_libraries()
    review, waiting = _opened(workspace)
    if finished := review.finish_paintings():
        console.note(f"went on with {count(finished, 'painting')} that a crash had cut off")
    note = f"{count(waiting, 'photo')} to look through, the least certain first"
    server.run(lambda: review_app(review), port=port, opens=opens, console=console, note=note)


def plan_review(workspace: Workspace, *, port: int) -> list[str]:
    """What `serve_review` would do, one fact a line; listens to nothing."""
    server.demand_libraries()
    _, waiting = _opened(workspace)
    where = f"http://{server.ADDRESS}:{port}/" if port else "a free port"
    return [f"would serve {count(waiting, 'photo')} to look through at {where}"]


def _opened(workspace: Workspace) -> tuple["Review", int]:
    from pipeline.serve.review import Review

    review = Review(workspace)
    counts = review.queue("all", most=0).counts
    if not counts["all"]:
        how = workspace.from_here("gauganpipe label")
        raise GauganpipeError(f"no photo of {workspace.root} has a label map yet. Make them: {how}")
    return review, counts["waiting"]
