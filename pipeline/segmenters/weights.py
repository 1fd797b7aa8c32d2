"""Pinned downloads of weights: each resumes, and its bytes are checked every time it is used."""

import hashlib
import json
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
MOST_HEADER_BYTES = 100_000_000
"""The part of a safetensors file that names its entries is never longer."""


@dataclass(frozen=True, kw_only=True)
class Pin:
    """One weights file, wherever it is downloaded."""

    url: str
    file_name: str
    sha256: str | None
    """64 hex digits, or the first of them where no more are published; None where nobody could tell. Unless all 64 are
    known, the digest of the first download is kept beside the file."""
    license: str
    """SPDX-like id."""
    about_bytes: int | None = None
    """The size, within a tenth: it tells the weights from a page that says where to log in. None where nobody knows."""
    most_bytes: int = 8_000_000_000
    """No more is taken in, whatever the server says."""


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


def read_safetensors_header(path: Path) -> dict:
    """What a safetensors file says about its entries, read without torch.

    Raises: ValueError when it is none.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(MOST_HEADER_BYTES, path.stat().st_size):
            raise ValueError("the header is longer than the file")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("the header is no object")
    return header


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
                _check_size(pin, max(here, pin.about_bytes or 0))
                on_bytes(pin.file_name, here, total)
    return True


def _check_part(pin: Pin, place: Path, part: Path) -> None:
    _check_size(pin, part.stat().st_size)
    found = sha256_of(part)
    for expected in filter(None, (pin.sha256, recorded_sha256(place))):
        if not found.startswith(expected):
            _throw_away(part)
            raise SegmenterError(
                f"{pin.file_name} came from {pin.url} with the SHA-256 {found[:16]}..., expected {expected[:16]}..., "
                "and was thrown away. Run the same command again; if it stays so, the file was changed at its source"
            )
    if not _is_what_its_name_says(part, place.suffix):
        _throw_away(part)
        raise SegmenterError(
            f"{pin.url} sent something else than a {place.suffix} file, and it was thrown away. "
            "Open the address in a browser: there may be a login page in between"
        )


def _check_place(pin: Pin, place: Path) -> None:
    found, recorded = sha256_of(place), recorded_sha256(place)
    for expected in filter(None, (pin.sha256, recorded)):
        if not found.startswith(expected):
            raise SegmenterError(
                f"{place} has the SHA-256 {found[:16]}..., expected {expected[:16]}.... "
                "Delete it and run the same command again: it is downloaded anew"
            )
    if recorded is None and len(pin.sha256 or "") < 64:
        write_atomically(_record_path(place), f"{found}  {place.name}\n".encode())


def _check_size(pin: Pin, total: int | None) -> None:
    if total is None:
        return
    if total > pin.most_bytes:
        raise SegmenterError(
            f"{pin.url} sends more than {_megabytes(pin.most_bytes)}, too much for {pin.file_name}. Look at the address"
        )
    if pin.about_bytes is not None and abs(total - pin.about_bytes) > SIZE_TOLERANCE * pin.about_bytes:
        raise SegmenterError(
            f"{pin.url} offers {_megabytes(total)} instead of about {_megabytes(pin.about_bytes)}. "
            "Open the address in a browser: there may be a login page in between"
        )


def _throw_away(part: Path) -> None:
    part.unlink()
    _validator_path(part).unlink(missing_ok=True)


def _is_what_its_name_says(path: Path, suffix: str) -> bool:
    """Whether a file begins like one of its kind; kinds that are not known here are believed."""
    try:
        if suffix == ".safetensors":
            read_safetensors_header(path)
        if suffix == ".json":
            json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return True


def recorded_sha256(place: Path) -> str | None:
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
