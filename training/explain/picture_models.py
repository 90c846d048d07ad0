"""A domain's exported models of pictures: the fusion, which takes a text too, and the heads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.dialogue.fused import FusionRow, PictureFeatures, fusion_row
from services.dialogue.ports import Purpose
from services.text.model import TEXT_ENCODER
from training.explain.attribution import ExplainError
from training.explain.pictures import PicturePredictor
from training.explain.words import Predictor
from training.fusion.exported import ExportedFusion
from training.text.encoder import ExportedTextEncoder

FUSION_HEADS: Final = ("intents", "products", "kinds", "pictures")
PICTURE_HEADS: Final = ("products", "kinds")


@dataclass(frozen=True, slots=True)
class PictureModel:
    """A model of pictures and, where ``takes_text``, of a text beside them.

    ``texts(picture)`` asks about texts beside one picture or none, ``pictures(text)``
    about pictures beside one text ("": none).
    """

    labels: tuple[str, ...]
    takes_text: bool
    texts: Callable[[PictureFeatures | None], Predictor]
    pictures: Callable[[str], PicturePredictor]


def fusion_model(
    folder: Path, labels: Mapping[str, Sequence[str]], repository: Path, head: str, threads: int
) -> PictureModel:
    """Open a fusion model; ``head`` is one of ``FUSION_HEADS``."""
    _check(folder, head, FUSION_HEADS)
    model = ExportedFusion(folder, threads)

    @cache
    def encoder() -> ExportedTextEncoder:
        return ExportedTextEncoder(repository / TEXT_ENCODER.name / "1", threads)

    def ask(rows: Sequence[FusionRow]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = getattr(model.fuse(rows), head)
        return found

    def texts(picture: PictureFeatures | None) -> Predictor:
        beside = [] if picture is None else [picture]

        def predict(asked: Sequence[str]) -> NDArray[np.float32]:
            embedded = encoder().features(asked, Purpose.QUERY)
            return ask([fusion_row(text, beside, None) for text in embedded])

        return predict

    def pictures(text: str) -> PicturePredictor:
        said = encoder().features([text], Purpose.QUERY)[0] if text.strip() else None
        return lambda asked: ask([fusion_row(said, [picture], None) for picture in asked])

    return PictureModel(tuple(labels[head]), True, texts, pictures)


def heads_model(folder: Path, labels: Mapping[str, Sequence[str]], head: str, threads: int) -> PictureModel:
    """Open picture heads; ``head`` is one of ``PICTURE_HEADS``."""
    _check(folder, head, PICTURE_HEADS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def ask(asked: Sequence[PictureFeatures]) -> NDArray[np.float32]:
        pooled = np.stack([picture.pooled for picture in asked if picture.pooled is not None])
        (found,) = session.run([head], {"pooled": pooled.astype(np.float32)})
        probabilities: NDArray[np.float32] = found
        return probabilities

    def texts(picture: PictureFeatures | None) -> Predictor:
        raise ExplainError(f"{folder}: it takes no text: leave out --text")

    def pictures(text: str) -> PicturePredictor:
        if text:
            raise ExplainError(f"{folder}: it takes no text: leave out --text")
        return ask

    return PictureModel(tuple(labels[head]), False, texts, pictures)


def _check(folder: Path, head: str, heads: Sequence[str]) -> None:
    if head not in heads:
        raise ExplainError(f"{folder}: there is no head {head!r}: name one of {', '.join(heads)}")
