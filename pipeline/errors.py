"""The errors that we explain: each message is a sentence that says what happened, where, and what next."""


class GauganpipeError(Exception):
    """Something a user can cause and mend. The command line prints the message and exits 1."""


class PhotoError(GauganpipeError):
    """One photo, or one map, cannot be used. It becomes the `error` cell of its row and the run goes on.

    cause: name of one of `pipeline.causes` where a photo could not be had, "" where it is there and cannot be used.
    """

    def __init__(self, message: str, *, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause


class ManifestError(GauganpipeError):
    """A manifest file does not say what it should. The message names the file and, where it can, the line."""


class WorkspaceError(GauganpipeError):
    """The workspace cannot be used: held by another process, a path that leads out of it, a full disk."""


class SourceError(GauganpipeError):
    """A source of photos is missing, empty, or named in a way nobody understands."""


class RunError(GauganpipeError):
    """A training run, or what it is asked to paint, is missing or does not fit."""


class SegmenterError(GauganpipeError):
    """A segmenter is unknown, its weights are missing, or do not fit its network."""
