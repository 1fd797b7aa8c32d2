"""The errors that gaugan explains: each message is a sentence for the person who can mend it."""


class GauganError(Exception):
    """Something the caller can mend."""


class SettingsError(GauganError):
    """A setting has an unknown name or a value that cannot be."""


class DataError(GauganError):
    """A file of a sample is missing, unreadable or does not fit the others."""


class CheckpointError(GauganError):
    """A checkpoint is missing, damaged or does not fit the settings."""


class OutOfMemoryError(GauganError):
    """A step needs more memory than there is."""


class TrainingError(GauganError):
    """Training cannot go on: nothing is learned any more, or a process that took part has ended."""
