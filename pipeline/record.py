"""What a run writes down while it trains: stats.jsonl, TensorBoard, sheets of samples, log.txt, and the bar."""

import contextlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaugan.diagnosis import Diagnosis
from pipeline import images, sheets
from pipeline.classes import Taxonomy
from pipeline.console import Bar, count
from pipeline.run_folders import write_log
from pipeline.weights_and_biases import Board
from pipeline.workspace import write_atomically

if TYPE_CHECKING:
    from gaugan.diagnosis import Signs
    from gaugan.reports import Samples, Scored, Start, Step
    from gaugan.settings import Settings

STATISTICS_A_RUN = 2000
"""Lines with losses that stats.jsonl has at the end of a run, about."""
SHEET_TITLES = ("labels", "photo", "generated")
SAID_AGAIN_AFTER = 0.1
"""Share of a run that passes before a sentence on how the training goes is said again."""


class Record:
    """The record of a sitting: its methods are what the training loop calls back."""

    def __init__(self, *, folder: Path, taxonomy: Taxonomy, settings: "Settings", bar: Bar) -> None:
        self._folder, self._taxonomy, self._settings, self._bar = folder, taxonomy, settings, bar
        self._diagnosis = Diagnosis.of(settings)
        self._said_at: dict[str, int] = {}
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._every_images = 1
        self._images_in_all = 0
        self._shown_before = 0
        self._events: Any = None
        self._stats: Any = None
        self._board: Board | None = None

    def __enter__(self) -> "Record":
        (self._folder / "samples").mkdir(exist_ok=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        for file in filter(None, (self._events, self._stats)):
            file.close()
        if self._board is not None:
            self._board.close(is_whole=kind is None)
        if error is not None:
            # Where the disk is full, that is what is to be heard of.
            with contextlib.suppress(OSError):
                self.log(self._last_word(error))

    def on_start(self, start: "Start") -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._images_in_all = start.images_in_all
        self._every_images = max(1, start.images_in_all // STATISTICS_A_RUN)
        self._shown_before = start.images_shown
        self._bar.begin_at(start.images_shown)
        stats = self._folder / "stats.jsonl"
        if stats.exists():
            # What was written after the checkpoint that the run goes on from will be written again.
            lines = stats.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if line.endswith(b"\n") and _images_of(line) <= start.images_shown]
            write_atomically(stats, b"".join(kept))
        self._stats = stats.open("ab")
        purge = start.images_shown + 1 if start.images_shown else None
        self._events = SummaryWriter(str(self._folder / "events"), purge_step=purge)
        self.log("; ".join(_facts(start)))
        self._board = Board(folder=self._folder, settings=self._settings.model_dump(mode="json"), note=self._say)

    def on_step(self, step: "Step") -> None:
        self._bar.step(step.images_shown - self._shown_before, **{k: f"{v:.2f}" for k, v in step.losses.items()})
        self._say_what_goes_wrong(step.signs)
        for name, value in step.losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps += bool(step.losses)
        is_due = step.images_shown // self._every_images > self._shown_before // self._every_images
        self._shown_before = step.images_shown
        if is_due or step.images_shown >= step.images_in_all:
            self._write_losses(step)

    def on_score(self, scored: "Scored") -> None:
        score = {f"score/{scored.name}": scored.value, "photos": scored.photos}
        self._write_numbers({"images_shown": scored.images_shown, **score})
        best = "best so far; " if scored.is_best else ""
        floor = f"the classes' mean colours have {scored.floor:.4g}"
        self._say(f"score {scored.name} {scored.value:.4g} ({best}{floor})")

    def on_samples(self, samples: "Samples") -> None:
        rows = [
            (images.colourise(labels, self._taxonomy.palette), photo, generated)
            for labels, photo, generated in zip(
                samples.labels.numpy(), samples.photos.numpy(), samples.generated.numpy(), strict=True
            )
        ]
        path = self._folder / "samples" / f"{samples.images_shown:09d}.png"
        images.write_picture(path, sheets.contact_sheet(rows, titles=SHEET_TITLES))
        self._board.write_sheet(path, images_shown=samples.images_shown)

    def on_end(self, images_shown: int) -> None:
        """The last word of a run that came to its end: how its samples changed, as an animation."""
        written = [path for path in sorted((self._folder / "samples").glob("*.png")) if path.stem.isdigit()]
        captioned = [(path, f"{count(int(path.stem), 'image')} shown") for path in written]
        for path in sheets.write_animation(self._folder / "samples" / "progress.gif", captioned):
            self.log(f"samples/{path.name} cannot be read, so progress.gif is without it")
        if images_shown < self._images_in_all:
            self._say(f"ended at {images_shown:,} images, as its score got no better")
        else:
            self.log(f"finished at {images_shown:,} images")

    def log(self, line: str) -> None:
        write_log(self._folder, line)

    def _say_what_goes_wrong(self, signs: "Signs") -> None:
        for sentence in self._diagnosis.look(signs):
            said_at = self._said_at.get(sentence)
            if said_at is None or signs.images_shown - said_at >= SAID_AGAIN_AFTER * self._images_in_all:
                self._said_at[sentence] = signs.images_shown
                self._say(f"at {count(signs.images_shown, 'image')}: {sentence}")

    def _last_word(self, error: BaseException) -> str:
        """Why the sitting did not come to its end."""
        from gaugan import checkpoint

        if not isinstance(error, KeyboardInterrupt):
            sentence, *_ = str(error).splitlines() or [type(error).__name__]
            return f"stopped: {sentence}"
        # The last step may have been saved and not told of.
        saved = checkpoint.latest(self._folder)
        images_shown = max(self._shown_before, checkpoint.images_shown(saved) if saved else 0)
        return f"interrupted at {images_shown:,} images"

    def _say(self, line: str) -> None:
        self._bar.note(line)
        self.log(line)

    def _write_losses(self, step: "Step") -> None:
        losses = {name: total / self._steps for name, total in self._sums.items()}
        self._write_numbers(
            {
                "images_shown": step.images_shown,
                **{f"loss/{name}": round(value, 6) for name, value in losses.items()},
                "learning_rate": step.learning_rate,
                "images_per_second": round(step.images_per_second, 3),
                "peak_memory_bytes": step.peak_memory_bytes,
                "skipped_steps": step.skipped_steps,
            }
        )
        self._sums, self._steps = {}, 0

    def _write_numbers(self, line: dict[str, float]) -> None:
        """A line of stats.jsonl, and the same elsewhere; what is no finite number is null there, and left out here."""
        finite = {name: value for name, value in line.items() if math.isfinite(value)}
        self._stats.write(json.dumps(dict.fromkeys(line) | finite).encode() + b"\n")
        self._stats.flush()
        for name, value in finite.items():
            self._events.add_scalar(name, value, line["images_shown"])
        self._board.write_numbers(finite)


def _facts(start: "Start") -> list[str]:
    """What is about to be trained, as the log says it."""
    begun = f"goes on at {start.images_shown:,}" if start.images_shown else "begins"
    device = f"{start.processes} x {start.device}" if start.processes > 1 else start.device
    sizes = ", ".join(f"{name} {number / 1e6:.1f} M" for name, number in start.parameters.items())
    facts = [
        f"{begun}: {start.images_in_all:,} images in all, on {device}, {'with' if start.edges else 'without'} edges",
        f"weights: {sizes}",
        f"{start.photos_kept:,} of {count(start.photos, 'photo')} kept decoded",
        f"perceptual loss by {start.perceptual}" if start.perceptual else "no perceptual loss",
        f"scored on {count(start.scored_on, 'photo')}" if start.scored_on else "not scored",
    ]
    return facts + ([f"begins with {start.begun_from}"] if start.begun_from else [])


def _images_of(line: bytes) -> int:
    return json.loads(line)["images_shown"]
