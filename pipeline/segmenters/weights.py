"""Pinned downloads of weights: each resumes, and its bytes are checked every time it is used."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SegmenterError
from pipeline.workspace import explained_disk_errors, write_atomically

if TYPE_CHECKING:
    import httpx

OnBytes = Callable[[str, int, int | None], None]
"""Called while a file comes in: its name, the bytes that are here, and how many there will be (None: nobody says)."""

SIZE_TOLERANCE = 0.1
"""How far, as a share, the size of a file may be from what its pin says."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One weights file, wherever it is downloaded."""

    url: str
    file_name: str
    sha256: str | None
    """64 hex digits; None where nobody could tell. Then the digest of the first download is kept beside the file."""
    license: str
    """SPDX-like id."""
    about_bytes: int
    """The size, within a tenth: it tells the weights from a page that says where to log in."""


DEEPLABV2_COCOSTUFF164K = Pin(
    url="https://github.com/kazuto1011/deeplab-pytorch/releases/download/v1.0/deeplabv2_resnet101_msc-cocostuff164k-100000.pth",
    file_name="deeplabv2_resnet101_msc-cocostuff164k-100000.pth",
    sha256=None,
    license="MIT",
    about_bytes=224_100_000,
)


def fetch(pin: Pin, folder: Path, on_bytes: OnBytes | None = None) -> Path:
    """The weights file in the folder, downloaded first when it is not there.

    A download that breaks off is kept as NAME.part and goes on where it stopped, if the server still has the same file.

    Raises: SegmenterError when the file cannot be had or is not the right one; WorkspaceError when the disk is full.
    """
    place = folder / pin.file_name
    with explained_disk_errors():
        folder.mkdir(parents=True, exist_ok=True)
        if not place.is_file():
            part = _download(pin, place, on_bytes or (lambda name, here, total: None))
            _check_part(pin, place, part)
            part.replace(place)
            _validator_path(part).unlink(missing_ok=True)
        _check_place(pin, place)
    return place


def sha256_of(path: Path) -> str:
    """64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(pin: Pin, place: Path, on_bytes: OnBytes) -> Path:
    """Brings the file in, as NAME.part beside its place."""
    import httpx

    part = place.with_name(place.name + ".part")
    try:
        with httpx.Client(follow_redirects=True, timeout=30) as client:
            while not _receive(client, pin, part, on_bytes):
                part.unlink(missing_ok=True)
    except httpx.HTTPError as error:
        host = httpx.URL(pin.url).host
        here = part.stat().st_size if part.exists() else 0
        if here:
            raise SegmenterError(
                f"the download of {pin.file_name} from {host} broke off after {_megabytes(here)}: {_reason(error)}. "
                "Run the same command again: it goes on from there"
            ) from error
        raise SegmenterError(
            f"cannot download {pin.file_name} from {host}: {_reason(error)}. "
            f"Look to the network and run the same command again, or put the file at {place} yourself"
        ) from error
    return part


def _receive(client: "httpx.Client", pin: Pin, part: Path, on_bytes: OnBytes) -> bool:
    """Appends to the part what is missing of it; False when the server cannot make use of it, so that it must go."""
    here = part.stat().st_size if part.exists() else 0
    validator = _read_validator(part)
    headers = {"Accept-Encoding": "identity"}
    if here and validator:
        headers |= {"Range": f"bytes={here}-", "If-Range": validator}
    with client.stream("GET", pin.url, headers=headers) as response:
        span, _, whole = response.headers.get("Content-Range", "").partition("/")
        if here and response.status_code in (206, 416) and not span.startswith(f"bytes {here}-"):
            return False
        if here and response.status_code == 206:
            total = int(whole) if whole.isdecimal() else None
        elif response.status_code == 200:
            here = 0
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdecimal() else None
        else:
            raise SegmenterError(
                f"{pin.url} answers {response.status_code} {response.reason_phrase}. "
                f"Put the file at {part.with_name(pin.file_name)} yourself, or choose another: gauganpipe segmenters"
            )
        _check_size(pin, total)
        with part.open("ab" if here else "wb") as file:
            if not here:
                _validator_path(part).write_text(_validator(response), encoding="utf-8")
            on_bytes(pin.file_name, here, total)
            for chunk in response.iter_raw():
                file.write(chunk)
                here += len(chunk)
                on_bytes(pin.file_name, here, total)
    return True


def _check_part(pin: Pin, place: Path, part: Path) -> None:
    _check_size(pin, part.stat().st_size)
    expected = pin.sha256 or _recorded(place)
    found = sha256_of(part)
    if expected and found != expected:
        part.unlink()
        _validator_path(part).unlink(missing_ok=True)
        raise SegmenterError(
            f"{pin.file_name} came from {pin.url} with the SHA-256 {found[:16]}..., expected {expected[:16]}..., "
            "and was thrown away. Run the same command again; if it stays so, the file was changed at its source"
        )


def _check_place(pin: Pin, place: Path) -> None:
    found = sha256_of(place)
    expected = pin.sha256 or _recorded(place)
    if expected is None:
        write_atomically(_record_path(place), f"{found}  {place.name}\n".encode())
    elif found != expected:
        raise SegmenterError(
            f"{place} has the SHA-256 {found[:16]}..., expected {expected[:16]}.... "
            "Delete it and run the same command again: it is downloaded anew"
        )


def _check_size(pin: Pin, total: int | None) -> None:
    if total is not None and abs(total - pin.about_bytes) > SIZE_TOLERANCE * pin.about_bytes:
        raise SegmenterError(
            f"{pin.url} offers {_megabytes(total)} instead of about {_megabytes(pin.about_bytes)}. "
            "Open the address in a browser: there may be a login page in between"
        )


def _recorded(place: Path) -> str | None:
    """The SHA-256 that the file had when it was first used."""
    record = _record_path(place)
    return record.read_text(encoding="utf-8").split(" ")[0].strip() if record.is_file() else None


def _record_path(place: Path) -> Path:
    return place.with_name(place.name + ".sha256")


def _validator(response: "httpx.Response") -> str:
    """What If-Range may ask for later; a weak ETag does not promise the same bytes."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else ""


def _validator_path(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _read_validator(part: Path) -> str:
    path = _validator_path(part)
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB"
