"""Opens a model by its folder, as something that can be asked with parts of an input left out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.dialogue.ports import Purpose
from services.text.model import TEXT_ENCODER
from training.explain.attribution import ExplainError
from training.explain.picture_models import PICTURE_HEADS, PictureModel, fusion_model, heads_model
from training.explain.triton import TritonTexts, connection
from training.explain.words import Predictor
from training.export.backends.understanding.encoder import UnderstandingEncoder
from training.export.versions import served_version, versions
from training.text.encoder import ExportedTextEncoder


@dataclass(frozen=True, slots=True)
class TextModel:
    """A model of texts alone: ``predict`` gives the probabilities of ``labels``."""

    labels: tuple[str, ...]
    predict: Predictor


def open_model(
    folder: Path, repository: Path, head: str = "", *, alone: bool = False, threads: int = 1
) -> TextModel | PictureModel:
    """Open what stands in ``folder``.

    A trained understanding encoder, one that was exported, an intent head on the frozen encoder, a domain's
    fusion model or picture heads. ``repository`` has the frozen encoders; ``head``
    chooses among a picture model's outputs; by default a fusion model's intents, or its
    pictures where pictures are shown ``alone``, and the heads' products. A model of a
    repository is opened at the version that is served. Raises ``ExplainError`` for anything else.
    """
    if not folder.is_dir():
        raise ExplainError(f"{folder}: there is no such folder")
    folder = _newest(folder)
    if (folder / "model.safetensors").is_file():
        return _trained(folder)
    if not (folder / "model.onnx").is_file():
        raise ExplainError(f"{folder}: there is neither model.safetensors nor model.onnx in it")
    if (folder / "tokenizer.json").is_file():
        return _exported(folder, threads)
    if (folder / "labels.json").is_file():
        return _intent_head(folder, repository, threads)
    labels = _manifest(folder).get("labels")
    if isinstance(labels, dict) and "pictures" in labels:
        return fusion_model(folder, labels, repository, head or ("pictures" if alone else "intents"), threads)
    if isinstance(labels, dict) and set(PICTURE_HEADS) <= labels.keys():
        return heads_model(folder, labels, head or "products", threads)
    raise ExplainError(
        f"{folder}: its manifest.json names no labels: name the folder of a text, fusion or picture model"
    )


def open_served(name: str, url: str) -> TextModel:
    """Open ``understanding_<domain>`` on the Triton at ``url``, host:port. Raises ``ExplainError``."""
    served = TritonTexts(name, connection(url))
    return TextModel(served.labels, served)


def _newest(folder: Path) -> Path:
    number = served_version(folder) or max(versions(folder), default=None)
    return folder if number is None else folder / str(number)


def _manifest(folder: Path) -> dict[str, Any]:
    file = folder / "manifest.json"
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExplainError(f"{file}: cannot be read: {error}") from error
    return found


def _trained(folder: Path) -> TextModel:
    # Here: nothing else of this module needs torch.
    from training.understanding import predict

    trained = predict.load(folder)
    return TextModel(tuple(trained.labels.intents), lambda texts: trained.predict(texts).probabilities)


def _exported(folder: Path, threads: int) -> TextModel:
    try:
        encoder = UnderstandingEncoder(folder, threads)
    except Exception as error:  # the libraries raise plain Exception
        raise ExplainError(f"{folder}: no whole exported model: {error}") from error

    def predict(texts: Sequence[str]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = encoder.understand(list(texts)).intents
        return found

    return TextModel(encoder.labels, predict)


def _intent_head(folder: Path, repository: Path, threads: int) -> TextModel:
    labels = tuple(json.loads((folder / "labels.json").read_text(encoding="utf-8")))
    encoder = ExportedTextEncoder(repository / TEXT_ENCODER.name / "1", threads)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])

    def predict(texts: Sequence[str]) -> NDArray[np.float32]:
        sentences = encoder(texts, Purpose.QUERY)
        (probabilities,) = session.run(["probabilities"], {"sentence": sentences})
        found: NDArray[np.float32] = probabilities
        return found

    return TextModel(labels, predict)
