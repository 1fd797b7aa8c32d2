"""Where files are kept: the one place that builds a path."""

import contextlib
import errno
import json
import os
import re
import shlex
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import WorkspaceError

HEAD_BYTES = 65_536
"""So much of a file tells whose it is."""
LETTERS_SHOWN = 80
"""Of a path that no disk takes."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The folder that the user stands in, or named; nothing outside it is written.

    Raises: WorkspaceError when it is a file.
    """

    root: Path

    def __post_init__(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise WorkspaceError(f"{self.root} is a file. Name a folder with -C")

    @property
    def dataset_csv(self) -> Path:
        return self.manifests / "dataset.csv"

    @property
    def classes_csv(self) -> Path:
        return self.manifests / "classes.csv"

    @property
    def provenance_csv(self) -> Path:
        return self.manifests / "provenance.csv"

    @property
    def csv_files(self) -> dict[str, Path]:
        """The files of the manifest by what they are called among ourselves."""
        return {"dataset": self.dataset_csv, "provenance": self.provenance_csv, "classes": self.classes_csv}

    @property
    def dataset_json(self) -> Path:
        return self.manifests / "dataset.json"

    @property
    def journal(self) -> Path:
        """Rows that were finished since the CSV files were last written."""
        return self.manifests / "journal.jsonl"

    @property
    def weights(self) -> Path:
        """Folder of the downloaded weights of segmenters."""
        return self.root / "data" / "weights"

    @property
    def incoming(self) -> Path:
        """Folder of the files that were fetched and are not photos of the workspace yet."""
        return self.root / "data" / "incoming"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def made(self, kind: str, id: str) -> Path:
        """Where the file of a photo is kept; kind is images, labels, instances or edges.

        Raises: WorkspaceError when the id has anything but letters, digits, '-' and '_'.
        """
        if not re.fullmatch(r"[0-9A-Za-z_-]+", id):
            raise WorkspaceError(f"'{id}' is no id of a photo, so no file is named after it. Look for it in manifests")
        suffix = ".jpg" if kind == "images" else ".png"
        return self.root / "data" / kind / id[1:3] / f"{id}{suffix}"

    def holds(self, kind: str, id: str) -> bool:
        """Whether a file that a stage made is there, and not empty; a link out of the workspace is none."""
        path = self.made(kind, id)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, WorkspaceError):
            found = path.lstat()
            if stat.S_ISLNK(found.st_mode):
                found = self.resolve(self.relative(path)).stat()
            return stat.S_ISREG(found.st_mode) and found.st_size > 0
        return False

    def relative(self, path: Path) -> str:
        """A path as the manifest says it: relative to the workspace, with forward slashes."""
        return path.relative_to(self.root).as_posix()

    def resolve(self, relative: str) -> Path:
        """The file that a cell of the manifest names. The folders that we make may be links to a larger disk.

        Raises: WorkspaceError when the path, links followed, leads out of the workspace, or nowhere.
        """
        path = self.root / relative
        file = _followed(path, said=relative)
        if not any(file.is_relative_to(folder.resolve()) for folder in (self.root, *self.made_folders)):
            raise WorkspaceError(f"{relative} leads out of the workspace. Put the file itself there, not a link")
        return path

    def writable_out(self, out: Path, *, is_ours: Callable[[bytes], bool]) -> Path:
        """The file that a person wants the output of a command in, once it is known that nothing is lost by that.

        is_ours: told the first bytes of a file that stands there, whether the same command wrote it, so that it may be
        replaced.

        Raises: WorkspaceError when the file lies among those of the workspace, or is not ours.
        """
        file = _followed(out, said=str(out))
        for folder in (self.manifests, self.root / "data"):
            if file.is_relative_to(folder.resolve()):
                where = f"{out} lies in {folder}, where the workspace keeps its own files"
                raise WorkspaceError(f"{where}. Name a file elsewhere")
        if out.is_dir():
            raise WorkspaceError(f"{out} is a folder. Name a file in it")
        if out.exists():
            with explained_disk_errors(), out.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if head and not is_ours(head):
                raise WorkspaceError(f"{out} is there and was not written by this command. Name another file")
        return out

    @property
    def manifests(self) -> Path:
        return self.root / "manifests"

    @property
    def made_folders(self) -> tuple[Path, ...]:
        """The folders whose files we made ourselves: nothing in them is a photo of the user's."""
        return self.manifests, self.root / "data", self.runs

    def from_here(self, command: str) -> str:
        """A command of ours as it must be typed where the user stands now."""
        return command if self.root == Path() else shlex.join([*shlex.split(command), "-C", str(self.root)])

    def run_folders(self) -> list[Path]:
        """The training runs, oldest first."""
        if not self.runs.is_dir():
            return []
        found = [path for path in self.runs.iterdir() if re.fullmatch(r"[0-9]{4,}-.+", path.name)]
        runs = [path for path in found if (path / "config.toml").is_file()]
        return sorted(runs, key=lambda path: (int(path.name.partition("-")[0]), path.name))


def _followed(path: Path, *, said: str) -> Path:
    """Where a path leads, links followed.    said: the path as the person knows it.    Raises: WorkspaceError."""
    try:
        path.exists()  # asks the disk, which takes names of some length only
        return path.resolve()
    except (OSError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is a link that leads to itself"
        raise WorkspaceError(f"{said[:LETTERS_SHOWN]} cannot be followed: {why}. Look at it in its folder") from None


@contextlib.contextmanager
def explained_disk_errors() -> Iterator[None]:
    """Turns a full or read-only disk, or a file where a folder should be, into a sentence; other errors pass.

    Raises: WorkspaceError.
    """
    try:
        yield
    except OSError as error:
        where = f" at {error.filename}" if error.filename else ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise WorkspaceError(
                f"the disk is full{where}. Free some space and run the same command again: it goes on where it stopped"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR):
            raise WorkspaceError(f"cannot write{where}: {error.strerror}. Choose another folder with -C") from error
        raise


def write_atomically(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Writes a file beside its place, in full, and renames it there; durable: it is on the disk before that.

    What cannot be written in full leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def hold(folder: Path, what: str) -> Iterator[None]:
    """The right to write in a folder, for as long as the block runs; the system gives it back on a crash.

    what: what the folder is, for the message.

    Raises: WorkspaceError that says who holds it.
    """
    import filelock

    with explained_disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".lock")
    holder = folder / ".holder.json"
    try:
        with explained_disk_errors():
            lock.acquire(timeout=0)
    except filelock.Timeout:
        raise WorkspaceError(f"{what} is being written by {_holder(holder)}. Wait for it, or stop it") from None
    try:
        command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
        with explained_disk_errors():
            write_atomically(holder, json.dumps({"pid": os.getpid(), "command": command}).encode())
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']} ({holder['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
