"""Member: a file in an archive; and how much of an archive is taken in."""

from dataclasses import dataclass

MOST_MEMBERS = 1_000_000
MOST_BYTES = 200_000_000
"""Of one member, unpacked."""
MOST_BYTES_IN_ALL = 1_000_000_000_000
"""Of all members together, unpacked."""
MOST_RATIO = 200
"""Unpacked bytes a packed one: photos are packed already, and what grows beyond this is made to fill a disk."""
HARMLESS_BYTES = 20_000_000
"""A member that unpacks to no more may have any ratio."""
HARMLESS_BYTES_IN_ALL = 1_000_000_000
"""The same of all members together."""


MOST_KEPT_BYTES = 200_000_000
"""Of the members together that are read as soon as they are seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file in an archive.

    name: as it stands there, which may be anything.    place: by what the archive finds it.
    size_bytes: unpacked, as the archive says.
    fault: why it cannot be read, a sentence that begins with the verb; "" where nothing is known against it.
    cause: of the fault, a name of `pipeline.causes`.
    """

    name: str
    place: int
    size_bytes: int
    fault: str = ""
    cause: str = "unreadable"


def fault_of_size(size_bytes: int) -> str:
    """What is to be said against a member of so many bytes, "" for nothing."""
    return f"is too large: {size_bytes:,} bytes, at most {MOST_BYTES:,} are taken in" if size_bytes > MOST_BYTES else ""


def reason(error: BaseException) -> str:
    """What an error of the system or of an unpacker says, in words."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
