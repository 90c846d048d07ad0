"""A public set's texts disturbed, and texts of another domain, for ``robustness``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from training.data.examples import DataError, ExampleSet
from training.data.sets import read_set
from training.evaluate.answers import Asked, Floats, names
from training.evaluate.robustness import Predictor, robustness
from training.evaluate.understanding import Choices, labelled, scope_threshold

_SEED: Final = 0
"""Of the disturbances, whatever a model was trained with: all are asked the same."""
_FOREIGN: Final = {"en": ("clinc150", "oos"), "zh": ("crosswoz", None)}
"""By language, a set whose test texts are of no domain that is trained here; of CLINC150 those of none."""
_MOST_FOREIGN: Final = 1000


def disturbed_figures(
    examples: ExampleSet, split: str, data: Path, model: Asked, plain: Asked | None
) -> dict[str, Any]:
    """Ask about what is in scope of a split, as ``robustness`` says. Raises ``DataError`` for none."""
    judged = [e for e in labelled(examples, split) if examples.out_of_scope not in e.intents]
    foreign = () if examples.multi_label else foreign_texts(examples, data)
    answered_from = None
    if foreign and examples.validation:
        validation = () if model.saw_validation else examples.validation
        if validation:
            seen = model.ask([example.text for example in validation])
            plainly = type(seen)(seen.probabilities)
            answered_from = scope_threshold(examples, validation, plainly, Choices())
    columns = names(examples) if examples.multi_label else examples.labels
    return robustness(
        _of(model, len(columns)),
        judged,
        columns,
        seed=_SEED,
        several_from=(model.several_from or 0.5) if examples.multi_label else None,
        outside=foreign,
        answered_from=answered_from,
        plain=None if plain is None else _of(plain, len(columns)),
    )


def foreign_texts(examples: ExampleSet, data: Path) -> Sequence[str]:
    """Give test texts of another domain in the set's language; none where there is no such set."""
    language = examples.test[0].language if examples.test else "en"
    name, label = _FOREIGN.get(language, ("", None))
    if not name or examples.name.startswith(name):
        return ()
    try:
        other = read_set(name, data)
    except DataError:
        return ()
    texts = [e.text for e in other.test if label is None or label in e.intents]
    return texts[:_MOST_FOREIGN]


def _of(model: Asked, columns: int) -> Predictor:
    def predict(texts: Sequence[str]) -> Floats:
        return model.ask(texts).probabilities[:, :columns]

    return predict
