"""The dataset card: a head that the hub takes, the questions of datasheets, and what counts in the set."""

import re

import pytest

from pipeline.manifest import writing
from pipeline.rows import FAILED, REJECTED
from pipeline.workspace import Workspace
from tests.exported import exported, fill, row_of

HEADINGS = (
    *("Motivation", "Composition", "Collection", "Preprocessing, cleaning and labelling"),
    *("Uses", "Distribution", "Maintenance"),
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Six photos that are exported, and one of every sort that is not."""
    workspace = fill(Workspace(root=tmp_path_factory.mktemp("filled")))
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g7", 7, status=REJECTED, stage="ingest", rule="blur", rule_value=0.1))
        manifest.record(row_of(workspace, "g8", 8, status=FAILED, stage="label", error="g8.jpg is broken"))
        manifest.record(row_of(workspace, "g9", 9, keep="no"))
        manifest.record(row_of(workspace, "gb", 10, redistributable="no"))
        manifest.record(row_of(workspace, "gc", 11, instance_file_name="", other_names=()))
        manifest.record(row_of(workspace, "g0a", 0, other_names=("copy.jpg",), label_reviewed="yes"))
        manifest.choose(models={"embedded": {"digest": "ff2f30cf60395693", "license": "LicenseRef-gauganpipe"}})
    return workspace


@pytest.fixture(scope="module")
def card(workspace, tmp_path_factory) -> str:
    out = tmp_path_factory.mktemp("exported") / "hf"
    exported(workspace, out, "hf")
    return (out / "README.md").read_text(encoding="utf-8")


def table_after(card: str, heading: str) -> dict[str, str]:
    """First cell of every line -> the second, of the first table after a heading."""
    _, _, rest = card.partition(f"\n## {heading}\n")
    lines = re.findall(r"^\| (.*) \|$", re.split(r"\n\n(?!\|)", rest[rest.index("|") :])[0], flags=re.MULTILINE)
    return {cells[0]: cells[1] for cells in (line.split(" | ") for line in lines[1:])}


def test_the_questions_of_datasheets_are_headings(card):
    found = re.findall(r"^## (.*)$", card, flags=re.MULTILINE)

    assert found[0] == "How to read it"
    assert tuple(found[1:]) == HEADINGS


def test_the_hub_reads_the_head(card, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")

    said = hub.DatasetCard(card).data.to_dict()

    assert said["license"] == ["cc-by-4.0", "unknown"]
    assert said["size_categories"] == ["n<1K"]
    assert said["annotations_creators"] == ["expert-generated", "machine-generated"]
    assert said["configs"][0]["data_files"][1] == {"split": "validation", "path": "validation/**"}


def test_a_licence_that_the_hub_has_no_word_for_is_other(tmp_path):
    workspace = Workspace(root=tmp_path / "workspace")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, license="LicenseRef-Pexels"))

    exported(workspace, tmp_path / "out", "mmseg")

    assert '\nlicense: "other"\n' in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_every_filter_says_how_many_photos_it_removed(card):
    filters = table_after(card, "Preprocessing, cleaning and labelling")

    assert filters["there were"] == "12"
    assert filters["are here"] == "6"
    assert filters["rejected by the rule blur: sharpness of the edges must be at least 0.2"] == "-1"
    for reason in (
        *("could not be read or labelled", "turned down by hand", "may not be handed on"),
        *("without label map or instance map", "the same file under another name"),
    ):
        assert filters[reason] == "-1"


def test_every_photo_of_the_workspace_is_accounted_for_in_the_card_of_one_split(tmp_path):
    other = fill(Workspace(root=tmp_path / "other"))
    with writing(other) as manifest:
        for number in range(3):
            manifest.record(row_of(other, f"gs{number}", 20 + number, split=""))
        manifest.record(row_of(other, "g9", 9, keep="no"))

    exported(other, tmp_path / "out", "mmseg", split="val")

    filters = table_after((tmp_path / "out" / "README.md").read_text(), "Preprocessing, cleaning and labelling")
    assert filters == {
        "there were": "10",
        "in other splits": "-5",
        "without a split": "-3",
        "turned down by hand": "-1",
        "are here": "1",
    }


def test_photos_are_counted_by_licence(card):
    assert table_after(card, "Distribution") == {"CC-BY-4.0": "3", "unknown": "3"}
    assert "Of 3 photos nobody wrote down the licence: ask before you hand them on." in card


def test_classes_are_listed_with_their_shares(card):
    assert re.search(r"^\| 5 \| rock \| `#956432` \| thing \| \d+\.\d\d% \| 6 \|$", card, flags=re.MULTILINE)


def test_the_labelling_model_is_named_with_its_digest_and_its_known_errors(card):
    assert re.search(r"^\| `embedded` \| 6 \| 0\.750 \| .*digest ff2f30cf60395693 \|", card, flags=re.MULTILINE)
    assert "### Known errors of `embedded`" in card
    assert "#### What it cannot do" in card and "Indoors it is lost" in card


def test_a_person_who_looked_is_counted(card):
    assert "A person has looked at 1 label map; all others stand as they were made." in card


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("deeplabv2-cocostuff164k", "It was never run on its real weights where gauganpipe was made"),
        ("torch:mine", "Nobody has measured it on photos like these"),
        ("embedded+maskrcnn", "with the things that Mask R-CNN found pasted over"),
        ("maps:drawings", "the maps came with the photos"),
        ("drawn", "the maps came with the photos"),
    ],
)
def test_what_is_known_of_other_models_is_said(tmp_path, model, said):
    workspace = Workspace(root=tmp_path / "workspace")
    with writing(workspace) as manifest:
        manifest.record(row_of(workspace, "g0a", 0, label_model=model))

    exported(workspace, tmp_path / "out", "mmseg")

    assert said in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_words_of_strangers_are_shown_as_they_stand_and_mean_nothing(tmp_path):
    workspace, evil = Workspace(root=tmp_path / "workspace"), "a|b <img src=x> `c` [d](http://e)"
    with writing(workspace) as manifest:
        cells = {"source": evil, "license": evil, "license_url": evil, "label_model": f"torch:{evil}"}
        manifest.record(row_of(workspace, "g0a", 0, **cells))
        manifest.choose(
            models={f"torch:{evil}": {"digest": evil, "license": evil}}, parameters={"imported": {evil: "3"}}
        )

    exported(workspace, tmp_path / "out", "mmseg")

    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    shown = r"a\|b \<img src=x\> \`c\` \[d\](http://e)"
    assert f"| {shown} | 1 |" in card
    assert f"| {shown} | -3 |" in card
    assert f"| {shown} | 1 | {shown} |" in card
    assert r"| `torch:a\|b <img src=x> 'c' [d](http://e)` | 1 |" in card
    assert f"digest {shown} | {shown} |" in card


def test_the_card_does_not_tell_where_the_export_stands(card, tmp_path):
    assert str(tmp_path.parent) not in card
