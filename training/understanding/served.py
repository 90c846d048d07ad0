"""A trained model as it is served: the graph, its tokenizer and what both need to know."""

import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.export.backends.understanding.encoder import UnderstandingEncoder
from training.export.quantize import quantize
from training.text import out_of_fold
from training.understanding import onnx_export
from training.understanding.predict import Trained

FLOAT, INT8 = "float32", "int8"
FORMS: Final = (FLOAT, INT8)
_LEAST = 1e-12
"""Probabilities below this count as this, so that they have a logarithm."""


@dataclass(frozen=True, slots=True)
class Weight:
    """What a form costs: ``megabytes`` of its graph, ``milliseconds`` of a text by itself (median)."""

    megabytes: float
    milliseconds: float


def write_forms(trained: Trained, folder: Path) -> dict[str, Path]:
    """Write the model in each form it may be served in, each in a folder of its own within ``folder``."""
    folders = {form: folder / form for form in FORMS}
    for each in folders.values():
        shutil.rmtree(each, ignore_errors=True)  # a killed run may have left a part
        each.mkdir(parents=True)
    onnx_export.export(trained, folders[FLOAT] / "model.onnx")
    quantize(folders[FLOAT] / "model.onnx", folders[INT8] / "model.onnx")
    for each in folders.values():
        trained.tokenizer.backend_tokenizer.save(str(each / "tokenizer.json"))
        write_manifest(each, trained, {})
    return folders


def write_manifest(folder: Path, trained: Trained, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write ``manifest.json`` for the files that lie in ``folder``, with what else is told; give it."""
    manifest: dict[str, Any] = {
        **told,
        "labels": list(trained.labels.intents),
        "prefix": trained.prefix,
        "window": trained.arguments.max_tokens,
        "pad_id": trained.batches.pad_id,
        "temperature": trained.temperature,
        "files": {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in sorted(folder.iterdir())
            if file.name in ("model.onnx", "tokenizer.json", "out_of_fold.npz")
        },
    }
    manifest["fingerprint"] = out_of_fold.fingerprint(manifest)
    text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
    (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
    return manifest


def ask(folder: Path, texts: Sequence[str], threads: int) -> NDArray[np.float32]:
    """Give what a form in ``folder`` says of texts by the code that serves it, as logits ``[n, labels]``."""
    probabilities = UnderstandingEncoder(folder, threads).understand(list(texts)).intents
    logits: NDArray[np.float32] = np.log(np.maximum(probabilities, np.float32(_LEAST)))
    return logits


def weigh(folder: Path, texts: Sequence[str], threads: int) -> Weight:
    """Measure a form on texts, one at a time."""
    encoder = UnderstandingEncoder(folder, threads)
    seconds = []
    for text in texts:
        began = time.perf_counter()
        encoder.understand([text])
        seconds.append(time.perf_counter() - began)
    megabytes = (folder / "model.onnx").stat().st_size / 1e6
    return Weight(round(megabytes, 1), round(1000 * float(np.median(seconds)), 2))
