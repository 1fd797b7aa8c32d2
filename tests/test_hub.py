"""Repositories of the hub, against one on this machine."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import SegmenterError
from pipeline.segmenters import hub
from tests.hub_server import Hub, serve

CONFIG, WEIGHTS = b'{"classes": 3}', (8).to_bytes(8, "little") + b'{"a": 1}' + bytes(range(256)) * 4000
NET = hub.Repository(id="owner/net", files=("config.json", "model.safetensors"))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        server.files = {
            "/owner/net/resolve/main/config.json": CONFIG,
            "/owner/net/resolve/main/model.safetensors": WEIGHTS,
            "/owner/net/resolve/v2/config.json": CONFIG,
            "/owner/net/resolve/v2/model.safetensors": WEIGHTS[::1],
        }
        yield server


def test_a_repository_comes_into_a_folder_of_its_own(server: Hub, tmp_path: Path):
    folder = hub.fetch(NET, tmp_path)

    assert folder == tmp_path / "owner--net"
    assert (folder / "config.json").read_bytes() == CONFIG
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_the_revision_is_in_the_address_and_in_the_folder(server: Hub, tmp_path: Path):
    folder = hub.fetch(replace(NET, revision="v2"), tmp_path)

    assert folder == tmp_path / "owner--net@v2"
    assert server.asked[0] == "/owner/net/resolve/v2/config.json"


def test_what_is_there_is_not_asked_for_again(server: Hub, tmp_path: Path):
    hub.fetch(NET, tmp_path)
    server.asked.clear()

    hub.fetch(NET, tmp_path)

    assert server.asked == []


def test_a_cut_download_goes_on_where_it_stopped(server: Hub, tmp_path: Path):
    hub.weights.fetch(hub.pins(NET)[0], tmp_path / NET.folder_name)
    server.cut_at = 300_000
    with pytest.raises(SegmenterError, match=r"broke off after 0\.3 MB"):
        hub.fetch(NET, tmp_path)

    folder = hub.fetch(NET, tmp_path)

    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_the_small_file_comes_first_so_that_a_wrong_name_costs_nothing(server: Hub, tmp_path: Path):
    with pytest.raises(SegmenterError, match=r"/owner/none/resolve/main/config\.json answers 404"):
        hub.fetch(replace(NET, id="owner/none"), tmp_path)

    assert server.asked == ["/owner/none/resolve/main/config.json"]


def test_the_digest_of_the_first_download_is_kept(server: Hub, tmp_path: Path):
    hub.fetch(NET, tmp_path)

    said = (tmp_path / "owner--net" / "model.safetensors.sha256").read_text(encoding="utf-8")

    assert said.split()[0] == hashlib.sha256(WEIGHTS).hexdigest()


def test_other_bytes_than_the_pinned_ones_are_refused(server: Hub, tmp_path: Path):
    with pytest.raises(SegmenterError, match=r"expected 00000000\.\.\., and was thrown away"):
        hub.fetch(replace(NET, sha256=(None, "00000000")), tmp_path)


@pytest.mark.parametrize("page", [b"<html>log in</html>", b"", b"version https://git-lfs.github.com/spec/v1"])
def test_a_page_instead_of_weights_is_refused(server: Hub, tmp_path: Path, page: bytes):
    server.files["/owner/net/resolve/main/model.safetensors"] = page

    with pytest.raises(SegmenterError, match=r"something else than a \.safetensors file"):
        hub.fetch(NET, tmp_path)

    assert not (tmp_path / "owner--net" / "model.safetensors").exists()


def test_a_page_instead_of_a_config_is_refused(server: Hub, tmp_path: Path):
    server.files["/owner/net/resolve/main/config.json"] = b"<html>log in</html>"

    with pytest.raises(SegmenterError, match=r"something else than a \.json file"):
        hub.fetch(NET, tmp_path)


def test_a_config_of_a_gigabyte_is_not_taken_in(server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hub, "MOST_JSON_BYTES", 10)

    with pytest.raises(SegmenterError, match=r"sends more than .* too much for config\.json"):
        hub.fetch(NET, tmp_path)


def test_a_repository_is_here_when_every_file_is(server: Hub, tmp_path: Path):
    folder = hub.fetch(NET, tmp_path)
    (folder / "config.json").unlink()

    assert not hub.is_here(NET, tmp_path)
    hub.fetch(NET, tmp_path)
    assert hub.is_here(NET, tmp_path)


def test_a_name_may_say_its_revision():
    found = hub.parse("owner/net@0a1b2c", NET.files)

    assert (found.id, found.revision) == ("owner/net", "0a1b2c")


@pytest.mark.parametrize(
    "name", ["net", "../net", "owner/..", "owner/net/more", "/owner/net", "owner/net@../x", "owner\\net", "a/b?c", ""]
)
def test_a_name_that_leads_elsewhere_is_none(name: str):
    with pytest.raises(SegmenterError, match="Write OWNER/NAME"):
        hub.parse(name, NET.files)


def test_the_digest_of_a_folder_follows_its_files(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"1")
    before = hub.digest(tmp_path, ("a", "b"))

    (tmp_path / "b").write_bytes(b"2")

    assert len(before) == 16
    assert hub.digest(tmp_path, ("a", "b")) != before
