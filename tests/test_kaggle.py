"""The source `kaggle:OWNER/NAME`: a dataset that a stand-in for Kaggle's library brings."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import SourceError
from pipeline.sources.candidate import Candidate, Wanted
from pipeline.sources.kaggle import candidates

kagglehub = pytest.importorskip("kagglehub")
requests = pytest.importorskip("requests")

HANDLE = "arnaud58/landscape-pictures"


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> Path:
    """A folder as it comes from Kaggle, with one photo in it."""
    monkeypatch.setattr(kagglehub, "dataset_download", lambda handle: str(tmp_path))
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "lake.jpg").write_bytes(b"bytes")
    return tmp_path


@pytest.fixture
def failing(monkeypatch) -> Callable[[Exception], str]:
    """What is said when a download ends with this error."""

    def failing(error: Exception) -> str:
        def download(handle: str) -> str:
            raise error

        monkeypatch.setattr(kagglehub, "dataset_download", download)
        with pytest.raises(SourceError) as caught:
            list(candidates(HANDLE))
        return str(caught.value)

    return failing


def only(wanted: Wanted | None = None) -> Candidate:
    [one] = candidates(HANDLE, wanted or Wanted())
    return one


def test_photos_are_those_of_the_folder_that_comes(dataset):
    one = only()

    assert (one.name, one.source, one.read()) == ("2024/lake.jpg", "kaggle", b"bytes")
    assert one.source_page == "https://www.kaggle.com/datasets/arnaud58/landscape-pictures"


@pytest.mark.parametrize("handle", [HANDLE, f"{HANDLE}/versions/2"])
def test_the_dataset_that_is_named_is_asked_for(dataset, monkeypatch, handle):
    asked = []
    monkeypatch.setattr(kagglehub, "dataset_download", lambda handle: asked.append(handle) or str(dataset))

    assert len(list(candidates(handle))) == 1
    assert asked == [handle]


def test_nothing_is_known_of_the_licence_where_nobody_says(dataset):
    assert (only().license, only().redistributable) == ("unknown", "")


@pytest.mark.parametrize(
    "text",
    [
        '{"licenses": [{"name": "CC0-1.0"}]}',
        '{"info": {"licenses": [{"name": "CC0-1.0"}]}}',
        '{"info": {"licenses": [{"nameNullable": "CC0-1.0", "hasName": true}]}}',
    ],
)
def test_the_licence_is_that_of_the_metadata(dataset, text):
    (dataset / "dataset-metadata.json").write_text(text, encoding="utf-8")

    assert (only(Wanted(license="CC-BY-4.0")).license, only().redistributable) == ("CC0-1.0", "yes")


@pytest.mark.parametrize(
    "text",
    [
        *("{}", "[]", "null", '{"licenses": null}', '{"licenses": ["CC0"]}', '{"licenses": [{"name": "unknown"}]}'),
        '{"licenses": [{"name": "CC0-1.0"}, {"name": "MIT"}]}',
    ],
)
def test_the_licence_is_what_the_user_says_where_the_metadata_names_none(dataset, text):
    (dataset / "dataset-metadata.json").write_text(text, encoding="utf-8")

    assert only(Wanted(license="CC-BY-4.0")).license == "CC-BY-4.0"


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_metadata_that_cannot_be_read_is_a_sentence(dataset, data):
    (dataset / "dataset-metadata.json").write_bytes(data)

    with pytest.raises(SourceError, match=r"dataset-metadata\.json cannot be read\. Remove it, and say with --license"):
        only()


def test_a_csv_file_of_the_dataset_says_more_of_its_photos(dataset):
    (dataset / "credits.csv").write_text("file,author\n2024/lake.jpg,Anna\n", encoding="utf-8")

    assert only().creator == "Anna"


def test_a_dataset_without_photos_is_a_sentence(dataset):
    (dataset / "2024" / "lake.jpg").unlink()

    with pytest.raises(SourceError, match=r"there is no photo in https://www\.kaggle\.com/datasets/arnaud58/"):
        only()


@pytest.mark.parametrize(
    "spec",
    ["", "landscape-pictures", "a/b/c", "a/b/versions/x", "../b", "a/..", "a/b\n", "https://www.kaggle.com/a/b", "a/ö"],
)
def test_what_is_no_handle_is_a_sentence(dataset, spec):
    with pytest.raises(SourceError, match=r"is not understood\. Write OWNER/NAME: kaggle:arnaud58/landscape-pictures"):
        list(candidates(spec))


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.ConnectionError("no route to host\nand a long tale"),
        requests.exceptions.ReadTimeout("no route to host"),
        kagglehub.exceptions.KaggleApiHTTPError("no route to host"),
        kagglehub.exceptions.BackendError("no route to host"),
        kagglehub.exceptions.DataCorruptionError("no route to host"),
        kagglehub.exceptions.UnauthenticatedError("no route to host."),
        zipfile.BadZipFile("no route to host"),
        OSError("no route to host"),
    ],
)
def test_a_download_that_fails_is_a_sentence(failing, error):
    assert failing(error) == (
        "https://www.kaggle.com/datasets/arnaud58/landscape-pictures cannot be downloaded: no route to host. "
        "Look at the page, and whether you are online, and try again"
    )


def test_an_error_without_words_is_named(failing):
    assert "cannot be downloaded: TimeoutError. Look" in failing(TimeoutError())


def test_what_the_library_says_does_not_stand_among_the_results(dataset, monkeypatch, capsys):
    def download(handle: str) -> str:
        sys.stdout.write("Downloading ...")
        return str(dataset)

    monkeypatch.setattr(kagglehub, "dataset_download", download)

    only()

    assert capsys.readouterr() == ("", "Downloading ...")


def test_a_dataset_without_kagglehub_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)

    with pytest.raises(SourceError, match=r"needs kagglehub, .* Run pip install 'gauganpipe\[sources\]'"):
        list(candidates(HANDLE))
