"""Puts a domain's fine-tuned encoder, trained before and lying with the domain, into the repository."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.dialogue.model import understanding_spec
from training.export.backends.understanding.encoder import UnderstandingEncoder
from training.export.context import ExportContext
from training.export.models import trained
from training.export.versions import KEPT, read_manifest
from training.text import out_of_fold

REFERENCE_TEXTS: Final = ("where is it", "I would like to talk to somebody, please!", "我想退货")
"""What is said of them marks a training."""
_TOLD: Final = (
    "domain",
    "languages",
    "trained_on",
    "data_sha256",
    "command",
    "encoder",
    "licence",
    "precision",
    "labels",
    "prefix",
    "window",
    "pad_id",
    "temperature",
    "fingerprint",
    "report",
)
"""Entries of the trained model's manifest that the served one repeats."""
_FILES: Final = ("model.onnx", "tokenizer.json")
_MARKED: Final = 8
_MOST_DIFFERENCE: Final = 0.1
"""Of a probability, between the processor that trained and the one that exports: their int8 sums differ."""


def export(context: ExportContext) -> None:
    """Put ``understanding_<domain>`` into the repository; nothing without a domain.

    Where the domain has no ``models/understanding``, the model is taken out. Raises ``ValueError``, with
    what to run, where the folder is not whole or of other labels than the domain's.
    """
    domain = context.company
    if context.domain is None or domain is None:
        return
    spec = understanding_spec(domain.name)
    source = context.domain / out_of_fold.UNDERSTANDING
    if not source.is_dir():
        context.remove(spec.name)
        return
    known = out_of_fold.read(source)  # compares the files' digests
    manifest = read_manifest(source)
    trained.check_labels(source, {"intents": manifest["labels"]}, domain)

    def write(folder: Path) -> Mapping[str, Any]:
        for name in (*_FILES, *(["README.md"] if (source / "README.md").is_file() else [])):
            shutil.copy2(source / name, folder / name)
        told: dict[str, Any] = {name: manifest[name] for name in _TOLD if name in manifest}
        parity = check_parity(source, manifest)
        return {**told, "fingerprint": known.fingerprint, "parity": parity}

    context.build(
        spec,
        write,
        keep=KEPT,
        sources=[
            # It names the others by their digests.
            source / "manifest.json",
            Path(__file__),
            Path(trained.__file__),
        ],
    )


def references(folder: Path, threads: int = 1) -> dict[str, list[list[float]]]:
    """Give what the model in ``folder`` says of ``REFERENCE_TEXTS``, for ``references`` in its manifest."""
    return marks(UnderstandingEncoder(folder, threads).understand(list(REFERENCE_TEXTS)).intents)


def marks(intents: NDArray[np.float32]) -> dict[str, list[list[float]]]:
    """Give some of the probabilities of what a model says of ``REFERENCE_TEXTS``."""
    return {"intents": np.round(intents[:, :_MARKED].astype(np.float64), 5).tolist()}


def check_parity(folder: Path, manifest: Mapping[str, Any]) -> dict[str, float]:
    """Compare what the model says here with what was written down when it was trained.

    Raises ``ValueError`` when it is something else.
    """
    found = np.array(references(folder)["intents"])
    expected = np.array(manifest.get("references", {}).get("intents", found.tolist()))
    if found.shape != expected.shape or not np.isfinite(found).all():
        raise ValueError(
            f"{folder}: model.onnx and manifest.json are of two trainings. {trained.to_train(folder)}"
        )
    largest = float(np.abs(found - expected).max())
    if largest > _MOST_DIFFERENCE:
        raise ValueError(
            f"{folder}: model.onnx says something else here than where it was trained, {largest:.1e} apart."
            f" {trained.to_train(folder)}"
        )
    return {"texts": len(found), "largest_difference": round(largest, 6)}
