"""Puts a reranker, trained before by ``python -m training.reranker``, into the repository. No torch."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from services.text.model import RERANKER
from training.export.backends.reranker.scorer import PairScorer
from training.export.context import ExportContext
from training.export.versions import KEPT, read_manifest

REFERENCE_PAIRS: Final = (
    ("Where is my order?", "Track an order\nOpen My orders and choose Track."),
    ("Where is my order?", "Gift cards\nA gift card is valid for three years."),
    ("我想退货", "退货\n收到后三十天内可以退货。"),
)
"""What is said of them marks a training."""
_FILES: Final = ("model.onnx", "tokenizer.json")
_TOLD: Final = (
    "reranker_model",
    "encoder",
    "licence",
    "layers",
    "prefixes",
    "window",
    "pad_id",
    "precision",
    "sources",
    "command",
    "report",
    "forms",
    "test",
)
"""Entries of the trained model's manifest that the served one repeats."""
_MOST_DIFFERENCE: Final = 0.1
"""Of a score, as a share of the scores' size, between the processor that trained and the one that exports:
their int8 sums differ."""


def export(context: ExportContext) -> None:
    """Put ``reranker`` into the repository from ``context.reranker``, by default ``reranker`` beside it.

    Without such a folder the model is taken out; one that was named must be there. Raises
    ``ValueError``, with what to run, where the folder is not whole.
    """
    source = context.reranker or context.repository.with_name("reranker")
    if not source.is_dir():
        if context.reranker is not None:
            raise ValueError(f"{source}: there is no such folder. {_to_train(source)}")
        context.remove(RERANKER.name)
        return
    manifest = _checked(source)

    def write(folder: Path) -> Mapping[str, Any]:
        for name in (*_FILES, *(["README.md"] if (source / "README.md").is_file() else [])):
            shutil.copy2(source / name, folder / name)
        told: dict[str, Any] = {name: manifest[name] for name in _TOLD if name in manifest}
        return {**told, "parity": check_parity(source, manifest)}

    # The manifest names the others by their digests.
    context.build(RERANKER, write, keep=KEPT, sources=[source / "manifest.json", Path(__file__)])


def references(folder: Path, threads: int = 1) -> list[float]:
    """Give what the model in ``folder`` says of ``REFERENCE_PAIRS``, for ``references`` in its manifest."""
    questions, passages = zip(*REFERENCE_PAIRS, strict=True)
    scores = PairScorer(folder, threads).score(list(questions), list(passages))
    return [round(float(score), 5) for score in scores]


def check_parity(folder: Path, manifest: Mapping[str, Any]) -> dict[str, float]:
    """Compare what the model says here with what was written down when it was trained.

    Raises ``ValueError`` when it is something else.
    """
    found, expected = np.array(references(folder)), np.array(manifest["references"], np.float64)
    same = found.shape == expected.shape and np.isfinite(found).all()
    largest = float((np.abs(found - expected) / np.maximum(np.abs(expected), 1)).max()) if same else np.inf
    if largest > _MOST_DIFFERENCE:
        raise ValueError(
            f"{folder}: model.onnx says something else here than where it was trained, {largest:.1e} apart."
            f" {_to_train(folder)}"
        )
    return {"pairs": len(found), "largest_difference": round(largest, 6)}


def _checked(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    missing = [name for name in ("files", "references", *_TOLD[:7]) if name not in manifest]
    if missing:
        raise ValueError(f"{folder}/manifest.json: {', '.join(missing)} is missing. {_to_train(folder)}")
    for name in _FILES:
        file = folder / name
        if not file.is_file():
            raise ValueError(f"{file}: is missing. {_to_train(folder)}")
        if hashlib.sha256(file.read_bytes()).hexdigest() != manifest["files"].get(name):
            raise ValueError(f"{file}: is not the one that manifest.json names. {_to_train(folder)}")
    return manifest


def _to_train(folder: Path) -> str:
    return (
        "Train it: pip install -e '.[training]', then"
        f" `python -m training.reranker --domain DIR --out {folder}`; or remove the folder"
    )
