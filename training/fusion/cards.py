"""Writes the folders of trained models: manifest and model card beside the ONNX file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.export.cards import front_matter, table

MANIFEST = "manifest.json"
MODEL = "model.onnx"


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read what ``write_manifest`` wrote. Raises ``FileNotFoundError`` when there is nothing."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write what a model knows about itself."""
    text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def write_fusion_card(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the card of a fusion model."""
    labels, thresholds = manifest["labels"], manifest["thresholds"]
    sound = manifest["embedding_models"]["acoustic"] or "none: sound is not used"
    _write(
        folder,
        f"""{_head("fusion", manifest)}# fusion_{manifest["domain"]}

Understands a turn with pictures: words, pictures, the words in them and sound become tokens of one
Transformer ({manifest["report"]["parameters"]:,} parameters), which tells intents, products, kinds of
pictures and pictures, and gives a joint vector in which the turn finds its passage and a passage its picture.

- Made by: `{manifest["command"]}`
- Trained on: `{manifest["trained_on"]}`, {manifest["report"]["utterances"]} utterances,
  {manifest["report"]["showing"]} questions asked with pictures, {manifest["report"]["pictures"]} looks at
  {len(labels["pictures"]) - 1} pictures, {manifest["report"]["negatives"]} pictures of other things,
  {manifest["report"]["sounds"]} clips of speech
- Takes vectors of: text `{manifest["embedding_models"]["text"]}`, pictures
  `{manifest["embedding_models"]["image"]}`, sound `{sound}`
- Labels: {len(labels["intents"])} intents, {len(labels["products"]) - 1} products,
  {len(labels["kinds"]) - 1} kinds of pictures, {len(labels["pictures"]) - 1} pictures
- Thresholds: answers from {thresholds["answer_at"]:g}, asks back from {thresholds["ask_at"]:g}, names a
  picture from {thresholds["seen_at"]:g}

## Figures on what was kept back

{table(manifest["report"]["kept_back"])}

Kept back are questions of `showing.yaml`, variants of the pictures by other seeds and pictures of other
things; not `evaluation.yaml`, for which see `python -m training.evaluate.fusion`.

## Limits

It knows the pictures of its domain and things that look like them. A picture of something else is meant to be
told as "other", on which it was trained with noise, gradients, drawn pages and photographs of unrelated
things; a picture that resembles one of the domain's can still be taken for it. Sound changes its
decisions little: there is no data in which the sound decides.
""",
    )


def write_picture_card(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the card of the picture heads."""
    labels = manifest["labels"]
    _write(
        folder,
        f"""{_head("picture", manifest)}# picture_{manifest["domain"]}

Two heads (regressions) on the pooled vector of `{manifest["embedding_model"]}`: which product a picture
shows, and what kind of picture it is.

- Made by: `{manifest["command"]}`
- Trained on: `{manifest["trained_on"]}`
- Labels: {len(labels["products"]) - 1} products, {len(labels["kinds"]) - 1} kinds of pictures, "other" beside

## Figures on what was kept back

{table(manifest["report"])}
""",
    )


def _head(kind: str, manifest: Mapping[str, Any]) -> str:
    task = "image-classification" if kind == "picture" else "any-to-any"
    return front_matter(
        f"{kind}_{manifest['domain']}", licence="Apache-2.0", task=task, languages=("en", "zh")
    )


def _write(folder: Path, text: str) -> None:
    (folder / "README.md").write_text(text, encoding="utf-8")
