"""The model card, README.md: a head for the Hugging Face hub, how the model is used, and what one should know of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.console import count, duration
from pipeline.exports.labelled_by import models_table
from pipeline.exports.markdown import as_code, escape, table
from pipeline.exports.origins import licenses_table, sources_table
from pipeline.model_exports.facts import CLASSES, Facts
from pipeline.model_exports.formats import METADATA, Format
from pipeline.model_exports.history import History
from pipeline.rows import Row
from pipeline.run_ancestry import REFERENCE_LICENSE, Ancestor

FILE_NAME = "README.md"
RARE_SHARE = 0.02
"""Of the photos trained on: a class that fewer show is hardly learned."""
SAVE = """\
pixels = ((picture.transpose(1, 2, 0) + 1) * 127.5).round().clip(0, 255).astype("uint8")
Image.fromarray(pixels).save("picture.png")"""
EDGES = """\
p = np.pad(labels, 1, mode="edge")  # or your own: not 0 where two segments meet
across, down = (p[1:-1, 2:] != labels) | (p[1:-1, :-2] != labels), (p[2:, 1:-1] != labels) | (p[:-2, 1:-1] != labels)
inputs["edges"] = (across | down)[None, None].astype("uint8")  # (1, 1, H, W)"""


def as_markdown(facts: Facts, history: History, form: Format) -> bytes:
    """The card of an export. It depends on run and format alone, so that the same model has the same card."""
    parts = (
        *(_head(history, form), _summary(facts, history), _usage(facts, form), _classes(facts, history)),
        *(_training(facts, history), _data(history), _scores(facts, history), _limits(facts, history)),
    )
    return ("\n\n".join("\n".join(part) for part in parts) + "\n").encode()


def snippet(facts: Facts, form: Format) -> str:
    """Python that paints `map.png` into `picture.png`, run where the model's file is."""
    size = f"{facts.width}, {facts.height}"
    style = f'inputs["style"] = np.random.default_rng(0).standard_normal((1, {facts.style_size}), dtype="float32")'
    above, below = _imports(form)
    lines = [
        *above,
        "",
        *below,
        "",
        form.OPEN,
        f'labels = np.array(Image.open("map.png").resize(({size}), Image.Resampling.NEAREST))  # (H, W) uint8',
        'inputs = {"labels": labels[None]}',
        *[EDGES] * facts.edges,
        *[style] * bool(facts.style_size),
        form.PAINT,
        SAVE,
    ]
    return "\n".join(lines).strip()


def _imports(form: Format) -> tuple[list[str], list[str]]:
    """Those of the standard library, and the others, each in the order that is usual."""
    plain, _, others = form.IMPORTS.rpartition("\n\n")
    theirs = [*others.splitlines(), "import numpy as np", "from PIL import Image"]
    return plain.splitlines(), sorted(theirs, key=lambda line: (line.startswith("from"), line))


def _head(history: History, form: Format) -> list[str]:
    """The front matter: JSON values are YAML too."""
    said = {
        "license": history.ancestry.license.lower() or "unknown",
        **({"library_name": form.LIBRARY} if form.LIBRARY else {}),
        "pipeline_tag": "image-to-image",
        "tags": ["gaugan", "spade", "semantic-image-synthesis", "landscapes", "gauganpipe"],
    }
    return ["---", *(f"{name}: {json.dumps(value)}" for name, value in said.items()), "---"]


def _summary(facts: Facts, history: History) -> list[str]:
    many = " With another style, the same map gives another picture." if facts.style_size else ""
    return [
        f"# {facts.run}: landscapes from label maps",
        "",
        "A generator of the GauGAN kind (SPADE, Park et al. 2019): it paints a picture from a map of what is where.",
        f"It knows {len(facts.classes)} classes and was trained at {_size(facts)} pixels.{many}",
        *_warning(history),
    ]


def _warning(history: History) -> list[str]:
    if history.ancestry.license != REFERENCE_LICENSE:
        return []
    return [
        "",
        "**Made from weights of the reference implementation of SPADE, whose licence, for its weights too, is**",
        "**CC BY-NC-SA 4.0: not for commercial use.**",
    ]


def _usage(facts: Facts, form: Format) -> list[str]:
    unknown = f", {facts.unknown} where nothing is known" if facts.unknown is not None else ""
    lines = [
        "## How to use it",
        "",
        "```python",
        snippet(facts, form),
        "```",
        "",
        f"`map.png` holds a class id a pixel, 8 bits, grey or with a palette{unknown}. Maps of any size are painted,",
        f"but how large things are the network has learned at {_size(facts)}. The inputs:",
        "",
        f"- `labels`, (B, H, W) uint8: ids of the table below{unknown}. Other numbers are no class.",
    ]
    if facts.edges:
        lines.append("- `edges`, (B, 1, H, W) uint8: not 0 on both sides of a border between two segments.")
    if facts.style_size:
        lines.append(f"- `style`, (B, {facts.style_size}) float32: normal numbers, the same for the same style.")
    return [
        *lines,
        "",
        "Its pictures are those of gauganpipe within 0.0001, which was checked when the file was written. The file",
        f"carries classes and settings as JSON under the name `{METADATA}`; `{CLASSES}` has the classes alone.",
    ]


def _classes(facts: Facts, history: History) -> list[str]:
    cells = []
    for one in facts.classes:
        kind = "thing" if one["thing"] else "stuff"
        share, shown = _shown(one, history.trained)
        said = (f"{share:.2%}", f"{shown:,}") if history.trained else ("", "")
        cells.append((one["id"], one["name"], one["colour"], kind, *said))
    if facts.unknown is not None:
        unknown = [row.label_unknown for row in history.trained if row.label_unknown]
        share = sum(unknown) / max(len(history.trained), 1)
        said = (f"{share:.2%}", f"{len(unknown):,}") if history.trained else ("", "")
        cells.append((facts.unknown, "unknown", "#000000", "", *said))
    head = ("id", "class", "colour", "thing or stuff", "share of pixels", "photos that show it")
    return ["## Classes", "", *table(head, cells, code=[2])]


def _shown(one: Mapping[str, Any], rows: Sequence[Row]) -> tuple[float, int]:
    """The share of all pixels that a class has, and how many photos show it."""
    shares = [row.shares[one["name"]] for row in rows if row.shares.get(one["name"])]
    return sum(shares) / max(len(rows), 1), len(shares)


def _training(facts: Facts, history: History) -> list[str]:
    lines = ["## Training", ""]
    itself, before = history.ancestry.runs[0], history.ancestry.before
    if itself.files:
        return [*lines, f"It was trained elsewhere, and imported from {_files(itself)}. How, is not known here."]
    took = f", in {duration(history.seconds)}" if history.seconds else ""
    return [
        *lines,
        f"The preset `{facts.preset}` of gauganpipe {facts.version}, at {_size(facts)} pixels: the checkpoint of",
        f"{count(facts.images_shown, 'image')} shown{took}. The weights are averaged over training, and spectral",
        f"normalisation is folded into them. All settings stand in the file, under `{METADATA}`.",
        *_begun_with(before),
    ]


def _begun_with(before: Sequence[Ancestor]) -> list[str]:
    """Whose weights it went on with, a line each."""
    if not before:
        return []
    lines = ["", "It did not begin from nothing, but with the weights of another run:", ""]
    for one in before:
        trained = f"trained here on {count(len(one.trained_on), 'photo')}" if one.trained_on else "not known here"
        lines.append(f"- {as_code(one.run)}, {f'imported from {_files(one)}' if one.files else trained}")
    return lines


def _files(one: Ancestor) -> str:
    return ", ".join(map(as_code, one.files))


def _data(history: History) -> list[str]:
    lines = ["## Data", ""]
    ancestry = history.ancestry
    # The same photo, learned from in two runs, is one.
    learned = {row.id: row for one in reversed(ancestry.runs) for row in one.trained_on}
    judged = {row.id for row in ancestry.validated_on} - learned.keys()
    rows = list(learned.values())
    if not rows:
        return [*lines, "Of the photos that it was trained on, nothing is known here."]
    own = len({row.id for row in history.trained})
    before = f" Of these, {len(rows) - own:,} were learned from only in the runs before it." if ancestry.before else ""
    unknown = ", ".join(as_code(one.run) for one in ancestry.runs if not one.trained_on)
    restricted = sum(row.redistributable == "no" for row in rows)
    free = sum(row.redistributable == "yes" for row in rows)
    unsaid = len(rows) - free - restricted
    reviewed = sum(row.label_reviewed == "yes" for row in rows)
    return [
        *lines,
        f"It learned from {count(len(rows), 'photo')}, and was judged meanwhile by {len(judged):,} others.{before}",
        *[f"What {unknown} learned from before that, nobody knows here."] * bool(unknown),
        "",
        *sources_table(rows),
        "",
        "Every photo is under its own licence:",
        "",
        *licenses_table(rows),
        "",
        f"{free:,} may be handed on, {restricted:,} may not, and of {unsaid:,} nobody wrote it down.",
        "What that means for what is made of them, ask somebody who knows the law where you are.",
        "",
        f"A person has looked at {count(reviewed, 'label map')}; all others stand as they were made:",
        "",
        *models_table(rows, history.about),
    ]


def _scores(facts: Facts, history: History) -> list[str]:
    lines, score, found = ["## Scores", ""], history.score, history.evaluation
    if score:
        photos = "photos" if score.photos is None else count(score.photos, "photo")
        lines += [
            f"In training, on {photos} by which this checkpoint was chosen: `{score.name}` {score.value:.4g}.",
            "Lower is better.",
            "",
        ]
    if not found:
        return [*lines, f"Nothing else was measured. `gauganpipe evaluate runs/{facts.run}` does."]
    lines += [
        f"By `gauganpipe evaluate`, on {count(found.photos, 'photo')} of {found.split} at {found.width}x{found.height}",
        f"pixels, with styles of the seed {found.seed}. What real photos have in the place of pictures stands beside,",
        "where it was measured: no picture is expected to do better.",
        "",
        "| metric | value | 95 of 100 lie in | real photos | style | pictures | judge |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found.scores:
        interval = f"{one.low:.4g} to {one.high:.4g}" if one.low is not None and one.high is not None else ""
        taught = ", whose word flatters it" if one.learned_from else ""
        real = f"{one.real:.4g}" if one.real is not None else ""
        lines.append(
            f"| `{one.metric}`{taught} | {one.value:.4g} | {interval} | {real} | {one.style} | {one.pictures} | "
            f"{one.judge_digest} |"
        )
    return lines


def _limits(facts: Facts, history: History) -> list[str]:
    shown = {one["name"]: _shown(one, history.trained)[1] for one in facts.classes} if history.trained else {}
    unseen = [escape(name) for name, photos in shown.items() if not photos]
    rare = [escape(name) for name, photos in shown.items() if 0 < photos < RARE_SHARE * len(history.trained)]
    lines = ["## Limits", "", "- It paints places that are nowhere. A picture of it proves nothing."]
    if history.trained:
        lines += [
            "- Label maps made by a network carry its errors, and what is trained on them learns these: a score",
            "  against them measures agreement with that network, not truth.",
        ]
    before = ", but for what the runs before it knew" if history.ancestry.before else ""
    if unseen:
        lines.append(f"- No photo showed these classes, so it cannot paint them{before}: {', '.join(unseen)}.")
    if rare:
        lines.append(f"- Few photos showed these classes, so it has hardly learned them{before}: {', '.join(rare)}.")
    if facts.unknown is None:
        lines.append("- It has never seen a pixel without a class, and cannot be asked to fill one.")
    if not facts.style_size:
        lines.append("- It has one picture for a map, and no other style.")
    return lines


def _size(facts: Facts) -> str:
    return f"{facts.width}x{facts.height}"
