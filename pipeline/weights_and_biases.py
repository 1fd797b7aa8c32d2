"""Weights & Biases, where WANDB_PROJECT asks for it: the numbers and sheets of a run go there too.

It was never tried on the live service.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.rows import digest


class Board:
    """A run as Weights & Biases shows it; a run that goes on is the same there.

    No error of theirs passes: the first one is noted, and from then on nothing is sent.
    """

    def __init__(self, *, folder: Path, settings: dict[str, Any], note: Callable[[str], None]) -> None:
        self._folder, self._note = folder, note
        self._wandb: Any = None
        self._run: Any = None
        project = os.environ.get("WANDB_PROJECT")
        if not project:
            return
        with self._errors_noted():
            try:
                import wandb
            except ModuleNotFoundError as error:
                if error.name != "wandb":
                    raise
                note("WANDB_PROJECT is set, but there is no wandb to send to it. Install it: pip install wandb")
                return
            place = folder.resolve()
            self._wandb = wandb
            self._run = wandb.init(
                project=project,
                dir=str(place),
                name=folder.name,
                id=digest(str(place).encode()),
                resume="allow",
                config=settings,
            )
            # Their own count of steps cannot go back, and a run that goes on may repeat what came after its checkpoint.
            self._run.define_metric("images_shown")
            self._run.define_metric("*", step_metric="images_shown")

    def write_numbers(self, numbers: dict[str, float]) -> None:
        """numbers: by name, images_shown among them."""
        with self._errors_noted():
            if self._run is not None:
                self._run.log(numbers)

    def write_sheet(self, path: Path, *, images_shown: int) -> None:
        with self._errors_noted():
            if self._run is not None:
                self._run.log({"images_shown": images_shown, "samples": self._wandb.Image(str(path))})

    def close(self, *, is_whole: bool) -> None:
        """is_whole: whether the sitting came to its end."""
        run, self._run = self._run, None
        with self._errors_noted():
            if run is not None:
                run.finish(exit_code=0 if is_whole else 1)

    @contextlib.contextmanager
    def _errors_noted(self) -> Iterator[None]:
        try:
            yield
        # Theirs are of many kinds, the network's among them, and none is worth a training.
        except Exception as error:
            self._run = None
            self._note(
                f"nothing more goes to Weights & Biases ({type(error).__name__}: {error}). "
                f"The run goes on; its numbers are in {self._folder / 'stats.jsonl'}"
            )
