"""The list of segmenters, and how each is opened: files come from a hub on this machine."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

from pipeline.classes import load_taxonomy, vocabulary_names
from pipeline.errors import SegmenterError
from pipeline.segmenters import choices, hub, registry, torchvision_models
from pipeline.segmenters.embedded import network as embedded
from tests.hub_server import Hub, serve

LANDSCAPE = load_taxonomy()
BY_SPEC = {choice.spec: choice for choice in registry.describe()}
needs_embedded = pytest.mark.skipif(not embedded.WEIGHTS.is_file(), reason="the embedded weights are not here")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture(scope="module")
def ade_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small UPerNet of 150 outputs, as the library saves it."""
    folder = tmp_path_factory.mktemp("upernet")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = smp.UPerNet("tu-convnext_atto", encoder_weights=None, decoder_channels=16, classes=150)
    network.save_pretrained(folder)
    return folder


def put(server: Hub, repository: str, folder: Path) -> None:
    """Lays a folder's files out as a repository of the hub."""
    for path in folder.iterdir():
        server.files[f"/{repository}/resolve/main/{path.name}"] = path.read_bytes()


def open_it(spec: str, folder: Path, **said: object):
    return registry.open_segmenter(spec, taxonomy=LANDSCAPE, weights_folder=folder, **said)


def label(segmenter, height: int = 40, width: int = 60):
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return segmenter.finish(segmenter.run(segmenter.prepare(photo, "lake.jpg", (height, width))))


def test_the_default_is_the_first():
    assert registry.CHOICES[0].spec == registry.DEFAULT == "embedded"


def test_no_name_is_there_twice():
    specs = [choice.spec for choice in registry.CHOICES]

    assert len(set(specs)) == len(specs)


def test_every_one_that_the_design_names_is_there():
    sizes = ("tiny", "small", "base", "large")
    named = {"embedded", "deeplabv2-cocostuff164k", "dpt-large", "eomt-large-ade"}
    named |= {f"upernet-convnext-{size}" for size in sizes} | {f"segformer-b{number}" for number in range(6)}
    named |= {f"eomt-{size}-coco" for size in sizes[1:]} | {"deeplabv3-resnet101", "deeplabv3-mobilenet"}

    assert named <= set(BY_SPEC)


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ("deeplabv2-cocostuff164k", ()),
        ("upernet-convnext-tiny", ("clouds", "fog", "gravel", "snow")),
        ("eomt-large-coco", ("clouds", "fog", "hill", "bush")),
        ("deeplabv3-resnet101", LANDSCAPE.names),
        ("maps:FOLDER", ()),
    ],
)
def test_the_classes_that_one_cannot_find_are_known_without_its_weights(spec: str, missing: tuple[str, ...]):
    assert BY_SPEC[spec].missing == missing
    assert set(BY_SPEC[spec].reached) == set(LANDSCAPE.names) - set(missing)


def test_classes_that_were_never_trained_are_not_found():
    found = {one.spec: one for one in registry.describe(taxonomy=load_taxonomy("cocostuff"))}

    assert len(found["deeplabv2-cocostuff164k"].reached) == 171


@needs_embedded
def test_what_the_embedded_one_finds_stands_in_its_weights():
    assert choices.embedded_names() == embedded.names()
    assert set(BY_SPEC["embedded"].reached) == set(embedded.names()) & set(LANDSCAPE.names)


def test_every_download_says_licence_source_size_and_how_photos_are_shown():
    for choice in registry.describe():
        if choice.pin or choice.repository:
            assert choice.license != "unknown"
            assert choice.source.startswith("https://")
            assert choice.size_mb > 0
            assert choice.size_rule or choice.is_open


def test_only_nvidias_weights_are_not_for_commerce():
    assert {one.spec for one in registry.CHOICES if one.non_commercial} == {f"segformer-b{n}" for n in range(6)}


def test_nothing_is_called_proven_that_could_not_be_downloaded():
    assert not any(one.proven for one in registry.CHOICES if one.pin or one.repository)


def test_the_lines_fit_a_hundred_columns():
    lines = registry.as_lines(registry.describe())

    assert max(map(len, lines)) <= 100
    assert re.search(r"^upernet-convnext-tiny +16 of 20 +components +MIT +237 MB  no$", "\n".join(lines), re.MULTILINE)
    assert "never run on its real weights; finds no clouds, fog, gravel, snow" in " ".join(" ".join(lines).split())


def test_a_long_list_of_missing_classes_is_cut():
    lines = " ".join(" ".join(registry.as_lines(registry.describe(taxonomy=load_taxonomy("cocostuff")))).split())

    assert re.search(r"finds no [\w ,]+ and \d+ more", lines)


def test_the_list_says_what_label_maps_may_look_like():
    lines = " ".join(" ".join(registry.as_lines(registry.describe())).split())

    assert "maps:FOLDER" in lines
    assert "or painted in the colours of the classes" in lines
    assert lines.endswith("with ?taxonomy=NAME behind the folder")


def test_the_list_is_json():
    from dataclasses import asdict

    read = json.loads(json.dumps([asdict(one) for one in registry.describe()]))

    assert read[0]["spec"] == "embedded"


def test_looking_at_a_name_needs_no_network_library():
    script = (
        "import sys, pipeline.segmenters.registry as r; r.describe(); r.demand_known('upernet-convnext-tiny'); "
        "print({'torch', 'httpx', 'cv2', 'pandas', 'transformers'} & {*sys.modules})"
    )

    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "set()"


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("upernet", r"Did you mean upernet-convnext-tiny or upernet-convnext-small or upernet-convnext-base\?"),
        ("segfromer-b0", r"Did you mean segformer-b0"),
        ("xyzzy", r"there is no segmenter 'xyzzy'\. For what there is see gauganpipe segmenters"),
        ("ANY+maskrcnn", r"there is no segmenter 'ANY\+maskrcnn'"),
        ("+maskrcnn", r"there is no segmenter '\+maskrcnn'"),
        ("smp:ID|FOLDER", r"there is nothing at ID\|FOLDER"),
        ("smp:", r"names nothing after its colon. Write it as smp:ID\|FOLDER"),
        ("hf:../../etc", r"there is nothing at ../../etc"),
        ("smp:absent", r"there is nothing at absent"),
        ("torch:absent.pth+maskrcnn", r"there is nothing at absent\.pth\. Check the path after torch:"),
    ],
)
def test_a_name_that_means_nothing_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, complaint: str
):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SegmenterError, match=complaint):
        registry.demand_known(spec)


@pytest.mark.parametrize("spec", ["embedded", "embedded+maskrcnn", "smp:owner/net", "smp:owner/net@v2"])
def test_a_name_that_means_something_passes(spec: str):
    registry.demand_known(spec)


@pytest.mark.parametrize("spec", ["eomt-small-coco", "hf:owner/net"])
def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, spec: str):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)

    with pytest.raises(SegmenterError, match=r"needs transformers and scipy.*pip install 'gauganpipe\[segmenters\]'"):
        registry.demand_known(spec)


def test_a_path_means_the_same_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "owner" / "net").mkdir(parents=True)

    assert registry.from_any_folder("smp:owner/net") == f"smp:{tmp_path}/owner/net"
    assert registry.from_any_folder("smp:other/net@v2") == "smp:other/net@v2"
    assert registry.from_any_folder("torch:a.pth+maskrcnn") == f"torch:{tmp_path}/a.pth+maskrcnn"
    assert registry.from_any_folder("maps:m?taxonomy=ade20k") == f"maps:{tmp_path}/m?taxonomy=ade20k"
    assert registry.from_any_folder("maps:m?taxonomy=my.csv") == f"maps:{tmp_path}/m?taxonomy={tmp_path}/my.csv"
    assert registry.from_any_folder("embedded+maskrcnn") == "embedded+maskrcnn"


def test_a_file_may_be_called_like_an_overlay(tmp_path: Path):
    (tmp_path / "a+maskrcnn").mkdir()

    assert registry.from_any_folder(f"maps:{tmp_path}/a+maskrcnn") == f"maps:{tmp_path}/a+maskrcnn"
    assert registry.is_here(f"maps:{tmp_path}/a+maskrcnn", tmp_path)


@needs_embedded
def test_the_embedded_one_needs_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry.weights, "fetch", None)
    monkeypatch.setattr(hub, "fetch", None)

    segmenter = open_it("embedded", tmp_path)

    assert segmenter.name == "embedded"
    assert label(segmenter).ids.shape == (40, 60)
    assert segmenter.reached == BY_SPEC["embedded"].reached


def test_without_its_weights_the_embedded_one_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(choices, "EMBEDDED_WEIGHTS", tmp_path / "none.safetensors")

    with pytest.raises(SegmenterError, match=r"the weights of embedded are missing at .*Install gauganpipe again"):
        open_it("embedded", tmp_path)

    assert registry.describe()[0].reached == ()
    assert "its weights are missing here" in " ".join(registry.as_lines(registry.describe()))


def test_a_network_of_the_hub_is_fetched_once_and_labels(server: Hub, ade_folder: Path, tmp_path: Path):
    put(server, "smp-hub/upernet-convnext-tiny", ade_folder)
    assert not registry.is_here("upernet-convnext-tiny", tmp_path)

    segmenter = open_it("upernet-convnext-tiny", tmp_path)
    again = open_it("upernet-convnext-tiny", tmp_path)

    assert label(segmenter).ids.shape == (40, 60)
    assert segmenter.outputs == vocabulary_names("ade20k")
    assert segmenter.reached == BY_SPEC["upernet-convnext-tiny"].reached
    assert again.digest == segmenter.digest
    assert len(server.asked) == 2
    assert registry.is_here("upernet-convnext-tiny", tmp_path)


def test_what_is_here_is_listed_with_its_digest(server: Hub, ade_folder: Path, tmp_path: Path):
    put(server, "smp-hub/upernet-convnext-tiny", ade_folder)
    open_it("upernet-convnext-tiny", tmp_path)

    listed = {one.spec: one for one in registry.describe(tmp_path)}["upernet-convnext-tiny"]

    assert listed.here
    assert listed.digest == registry.weights.sha256_of(ade_folder / "model.safetensors")


def test_a_network_of_another_vocabulary_is_refused(server: Hub, tmp_path: Path):
    smp.Unet("mobilenet_v2", encoder_weights=None, classes=7).save_pretrained(tmp_path / "made")
    put(server, "smp-hub/upernet-convnext-base", tmp_path / "made")

    with pytest.raises(SegmenterError, match="has 7 outputs, and 150 names for them"):
        open_it("upernet-convnext-base", tmp_path)


@pytest.mark.parametrize("spec", ["segformer-b0", "smp:smp-hub/segformer-b3-512x512-ade-160k", "hf:nvidia/anything"])
def test_weights_that_are_not_for_commerce_want_a_word_first(server: Hub, tmp_path: Path, spec: str):
    pytest.importorskip("transformers", reason="transformers is not here")

    with pytest.raises(SegmenterError, match=r"research only and not for commerce: https.*add --accept-license"):
        open_it(spec, tmp_path)

    assert server.asked == []


def test_with_that_word_they_are_opened(server: Hub, ade_folder: Path, tmp_path: Path):
    put(server, "smp-hub/segformer-b0-512x512-ade-160k", ade_folder)

    segmenter = open_it("segformer-b0", tmp_path, accept_license=True)

    assert segmenter.license == "LicenseRef-NVIDIA-SegFormer"


def test_a_repository_of_the_users_wish_is_fetched(server: Hub, ade_folder: Path, tmp_path: Path):
    put(server, "me/mine", ade_folder)
    with pytest.raises(SegmenterError, match=r"nothing there says.*me--mine/classes\.json"):
        open_it("smp:me/mine", tmp_path)
    names = json.dumps(vocabulary_names("ade20k"))
    (tmp_path / "me--mine" / "classes.json").write_text(names, encoding="utf-8")

    segmenter = open_it("smp:me/mine", tmp_path)

    assert segmenter.name == "smp:me/mine"
    assert registry.is_here("smp:me/mine", tmp_path)


def test_other_names_of_the_outputs_are_another_digest(ade_folder: Path, tmp_path: Path):
    names = vocabulary_names("ade20k")
    folder = tmp_path / "net"
    shutil.copytree(ade_folder, folder)
    (folder / "classes.json").write_text(json.dumps(names), encoding="utf-8")
    before = open_it(f"smp:{folder}", tmp_path).digest
    (folder / "classes.json").write_text(json.dumps(names[::-1]), encoding="utf-8")

    assert open_it(f"smp:{folder}", tmp_path).digest != before


def test_a_folder_of_smp_may_be_called_panoptic(ade_folder: Path, tmp_path: Path):
    folder = tmp_path / "panoptic"
    shutil.copytree(ade_folder, folder)
    (folder / "classes.json").write_text(json.dumps(vocabulary_names("ade20k")), encoding="utf-8")

    assert label(open_it(f"smp:{folder}", tmp_path)).segments is None


@pytest.mark.parametrize(
    ("spec", "is_taken"),
    [
        ("maps:mine", True),
        ("maps:mine?taxonomy=ade20k", True),
        ("maps:mine+maskrcnn", True),
        ("embedded", False),
        ("embedded+maskrcnn", False),
        ("torch:maps:", False),
    ],
)
def test_instances_belong_to_label_maps_only(spec: str, is_taken: bool):
    assert registry.takes_instances(spec) == is_taken


def test_looking_whether_weights_are_here_reads_none_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry.weights, "sha256_of", None)

    assert registry.is_here("embedded", tmp_path)
    assert not registry.is_here("deeplabv2-cocostuff164k", tmp_path)


def test_a_hub_that_does_not_answer_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(SegmenterError, match=r"cannot download config\.json from 127\.0\.0\.1: .*put the file at"):
        open_it("dpt-large", tmp_path)


class OneBoat(nn.Module):
    """Plays Mask R-CNN: a boat all over the left half."""

    def forward(self, images: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        mask = torch.zeros(1, 1, *images[0].shape[1:])
        mask[..., : mask.shape[-1] // 2] = 1
        return [{"labels": torch.tensor([9]), "scores": torch.tensor([0.9]), "masks": mask}]


@needs_embedded
def test_things_are_pasted_over_any_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / choices.MASKRCNN.file_name).write_bytes(b"weights")
    monkeypatch.setattr(choices, "MASKRCNN", replace(choices.MASKRCNN, sha256=None))
    monkeypatch.setattr(torchvision_models, "open_maskrcnn", lambda path: OneBoat())

    segmenter = open_it("embedded+maskrcnn", tmp_path)

    assert segmenter.name == "embedded+maskrcnn"
    assert label(segmenter).segments[:, :29].min() == 1
    assert torchvision_models.maskrcnn_names()[9] == "boat"


def test_an_overlay_is_here_when_both_are(tmp_path: Path):
    assert not registry.is_here("deeplabv2-cocostuff164k+maskrcnn", tmp_path)
    (tmp_path / choices.MASKRCNN.file_name).touch()
    assert not registry.is_here("deeplabv2-cocostuff164k+maskrcnn", tmp_path)
    (tmp_path / registry.weights.DEEPLABV2_COCOSTUFF164K.file_name).touch()
    assert registry.is_here("deeplabv2-cocostuff164k+maskrcnn", tmp_path)


def test_other_bytes_than_the_published_ones_are_refused(tmp_path: Path):
    (tmp_path / choices.DEEPLABV3_MOBILENET.file_name).write_bytes(b"other")

    with pytest.raises(SegmenterError, match=r"has the SHA-256 .*, expected fc3c493d\.\.\.\. Delete it"):
        registry.open_segmenter("deeplabv3-mobilenet", taxonomy=load_taxonomy("cocostuff"), weights_folder=tmp_path)


def test_the_command_prints_the_list(tmp_path: Path):
    from typer.testing import CliRunner

    from pipeline.cli import app

    done = CliRunner().invoke(app, ["segmenters", "-C", str(tmp_path / "none")])

    assert done.exit_code == 0
    assert done.stdout.splitlines() == registry.as_lines(registry.describe(tmp_path))
    assert not (tmp_path / "none").exists()


def test_the_command_speaks_of_the_classes_that_are_asked_for(tmp_path: Path):
    from typer.testing import CliRunner

    from pipeline.cli import app

    done = CliRunner().invoke(app, ["segmenters", "--taxonomy", "cocostuff", "--json", "-C", str(tmp_path)])

    listed = {one["spec"]: one for one in json.loads(done.stdout)}
    assert len(listed["deeplabv2-cocostuff164k"]["reached"]) == 171
