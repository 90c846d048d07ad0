"""Writes the domain folder: what ``services.dialogue.domain`` reads, and photographs beside it."""

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from PIL import Image

from training.data.grocerystore.aspects import (
    Aspect,
    answers,
    passage_id,
    passage_text,
    read_aspects,
    read_wording,
)
from training.data.grocerystore.products import GroceryDataError, Product, read_photos, read_products

NAME: Final = "grocerystore"
LANGUAGE: Final = "en"
COMPANY: Final = "the grocery store"

PHOTOS: Final = {"train": Path("photos"), "val": Path("evaluation/photos")}
"""Where the photographs of each split stand in the folder."""

_PAIRS_A_WORDING: Final = 2
_LICENCE: Final = (
    "Photographs and product texts: GroceryStore (Klasson, Zhang and Kjellström, WACV 2019), MIT licence, "
    "see LICENSE. Questions and what the assistant says: Frontdesk. Made by "
    "`python -m training.data.grocerystore`; change its wording there and make it anew."
)


def build(data: Path, out: Path) -> None:
    """Make the domain folder ``out`` from the data set in ``data``; what stood there is replaced.

    Photographs are links to ``data``. Models that were trained for it (``out/models``) stay.

    Raises:
        GroceryDataError: the data set is not complete, or ``out`` is a folder of something else.
    """
    if out.exists() and any(out.iterdir()) and not _is_ours(out):
        raise GroceryDataError(f"{out} holds something else: give an empty folder or a name that is free")
    products = read_products(data)
    aspects = [aspect for aspect in read_aspects() if answers(products, aspect.id)]
    photos = {split: read_photos(data, split, len(products)) for split in PHOTOS}
    for old in out.glob("*"):
        if old.name != "models":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    _header(out, products)
    _passages(out, products, aspects)
    _intents(out, products, aspects)
    _write(out / "out_of_scope.yaml", {"examples": {LANGUAGE: read_wording("out_of_scope")}})
    _write(out / "templates.yaml", read_wording("templates"))
    _write(out / "policies.yaml", {"max_clarifications": 2, "max_options": 3, "max_quoted_sentences": 5})
    _pictures(out, products, aspects)
    _write(out / "showing.yaml", {"questions": _showing(products, aspects)})
    photographed = {number for _, number in photos["val"]}
    shown = [product for product in products if product.number in photographed]
    _write(
        out / "evaluation.yaml",
        {"questions": _questions(products, aspects), "showing": _held_out_pairs(shown, aspects)},
    )
    for split, listed in photos.items():
        for path, number in listed:
            _link(path, out / PHOTOS[split] / products[number].id / path.name)
    (out / "README.md").write_text(f"# GroceryStore\n\n{_LICENCE}\n", encoding="utf-8")
    if (data / "LICENSE").is_file():
        shutil.copyfile(data / "LICENSE", out / "LICENSE")


def _is_ours(out: Path) -> bool:
    """Whether the folder is of this domain: all of it may be written anew."""
    header = out / "domain.yaml"
    return header.is_file() and f"name: {NAME}\n" in header.read_text(encoding="utf-8")


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=110)
    path.write_text(written, encoding="utf-8")


def _header(out: Path, products: Sequence[Product]) -> None:
    _write(
        out / "domain.yaml",
        {
            "name": NAME,
            "company": {LANGUAGE: COMPANY},
            "languages": [LANGUAGE],
            "default_language": LANGUAGE,
            "products": {product.id: {LANGUAGE: product.name} for product in products},
            "kinds": {product.kind: {LANGUAGE: product.kind_name} for product in products},
        },
    )


def _passages(out: Path, products: Sequence[Product], aspects: Iterable[Aspect]) -> None:
    for aspect in aspects:
        parts = [f"# {aspect.title}"]
        for product in products:
            text = passage_text(product, aspect.id)
            if text is not None:
                title = product.name if aspect.id == "about" else f"{product.name}: {aspect.title.lower()}"
                parts.append(f"## {title} {{#{passage_id(product, aspect.id)}}}\n\n{text}")
        file = out / "passages" / f"{aspect.id}.{LANGUAGE}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _intents(out: Path, products: Sequence[Product], aspects: Iterable[Aspect]) -> None:
    for aspect in aspects:
        passages = list(answers(products, aspect.id).values())
        _write(
            out / "intents" / f"product_{aspect.id}.yaml",
            {
                "id": f"product_{aspect.id}",
                "description": aspect.description,
                "passages": passages,
                "examples": {LANGUAGE: list(aspect.named)},
            },
        )
    for name, given in read_wording("conversation").items():
        examples = {LANGUAGE: given["examples"]}
        _write(out / "intents" / f"{name}.yaml", {"id": name, **given, "examples": examples})


def _pictures(out: Path, products: Sequence[Product], aspects: Sequence[Aspect]) -> None:
    folder = out / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for product in products:
        file = folder / f"{product.id}.webp"
        with Image.open(product.iconic) as iconic:
            iconic.convert("RGB").save(file, "WEBP", quality=80)
        told = [passage_id(product, a.id) for a in aspects if passage_text(product, a.id) is not None]
        entries.append(
            {
                "id": product.id,
                "file": file.relative_to(out).as_posix(),
                "product": product.id,
                "kind": product.kind,
                "passages": told,
                "seen": {LANGUAGE: f"I can see this in your picture: {product.name}."},
                "caption": {LANGUAGE: product.name},
            }
        )
    _write(out / "pictures.yaml", {"pictures": entries})


def _showing(products: Sequence[Product], aspects: Iterable[Aspect]) -> list[dict[str, Any]]:
    return [
        {"ask": {LANGUAGE: list(aspect.showing)}, "answers": answers(products, aspect.id)}
        for aspect in aspects
    ]


def _questions(products: Sequence[Product], aspects: Iterable[Aspect]) -> list[dict[str, Any]]:
    known = {passage for aspect in aspects for passage in answers(products, aspect.id).values()}
    questions = []
    for held in read_wording("held_out"):
        passage = None if held["product"] is None else f"{held['product']}-{held['aspect']}"
        if passage is None or passage in known:
            questions.append({"language": LANGUAGE, "passage": passage, "question": held["question"]})
    return questions


def _held_out_pairs(products: Sequence[Product], aspects: Iterable[Aspect]) -> list[dict[str, Any]]:
    """Give each held-out wording with two pairs of products, spread over all that answer it."""
    pairs = []
    for number, aspect in enumerate(aspects):
        known = list(answers(products, aspect.id).items())
        if len(known) < 2:
            continue
        for at, question in enumerate(aspect.held_out):
            for which in range(_PAIRS_A_WORDING):
                first = (number + at * _PAIRS_A_WORDING + which) * 7 % len(known)
                second = (first + 1 + (at + which) % (len(known) - 1)) % len(known)
                shows = dict([known[first], known[second]])
                pairs.append({"language": LANGUAGE, "question": question, "shows": shows})
    return pairs


def _link(source: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(os.path.relpath(source.resolve(), link.parent.resolve()))
