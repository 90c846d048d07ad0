"""Explains one input: a text, a picture, or both together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.dialogue.fused import PictureFeatures
from training.explain.attribution import Attribution, ExplainError, attribute
from training.explain.models import TextModel
from training.explain.picture_models import PictureModel
from training.explain.pictures import RegionSubject
from training.explain.words import TextSubject, Word


@dataclass(frozen=True, slots=True)
class Explanation:
    """What words and regions add to ``probability``, 0 to 1, of ``label``; None where there were none."""

    label: str
    probability: float
    words: Attribution | None
    regions: Attribution | None


def explain(
    model: TextModel | PictureModel,
    text: str,
    picture: PictureFeatures | None,
    find: Callable[[str], Sequence[Word]],
    *,
    label: str = "",
    replacement: str = "",
) -> Explanation:
    """Attribute a prediction, or ``label``, to the words of ``text`` ("": none) and to ``picture``.

    Words are left out beside the whole picture, regions beside the whole text. Raises
    ``ExplainError`` for a label that the model does not have, and for what it does not take.
    """
    if label and label not in model.labels:
        raise ExplainError(f"the model has no label {label!r}: name one of {', '.join(model.labels)}")
    asked = model.labels.index(label) if label else None
    words = regions = None
    if isinstance(model, TextModel) and picture is not None:
        raise ExplainError("this model takes no picture: leave out --image")
    if text:
        predict = model.predict if isinstance(model, TextModel) else model.texts(picture)
        words = attribute(TextSubject(text, predict, find, replacement), asked)
    if isinstance(model, PictureModel) and picture is not None:
        regions = attribute(RegionSubject(picture, model.pictures(text)), asked)
    told = words or regions
    if told is None:
        raise ExplainError("there is neither a text nor a picture to explain")
    return Explanation(model.labels[told.label], told.probability, words, regions)
