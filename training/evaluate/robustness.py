"""How much is lost where texts are mistyped, misheard, come without what they came with, or belong elsewhere.

Each way to disturb a test split is drawn from a seed, several times over: the same seed asks
the same texts of every model.
"""

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from sklearn.metrics import f1_score

from training.data.augmentation.text import asr_errors, typos
from training.data.examples import DataError, Example
from training.evaluate.answers import Floats

DRAWS: Final = 3
"""How often each disturbance is drawn; figures are means over them."""

Predictor = Callable[[Sequence[str]], Floats]
"""Texts to probabilities, float[n, labels]."""

Disturb = Callable[[Example, np.random.Generator], str]

_MEANINGFUL: Final = 0.005
"""A smaller loss of the plain model is noise: a share of it that is won back would say nothing."""


def typo_in_every_third_word(example: Example, rng: np.random.Generator) -> str:
    """Give a text with a typo in a third of its words."""
    return typos(example.text, rng, language=example.language)


def as_if_misheard(example: Example, rng: np.random.Generator) -> str:
    """Give a text as a speech recognizer that errs might write it."""
    return asr_errors(example.text, rng, language=example.language)


DISTURBANCES: Final[Mapping[str, Disturb]] = {
    "typos": typo_in_every_third_word,
    "asr_errors": as_if_misheard,
}


def robustness(
    predict: Predictor,
    judged: Sequence[Example],
    labels: Sequence[str],
    *,
    seed: int = 0,
    draws: int = DRAWS,
    several_from: float | None = None,
    outside: Sequence[str] = (),
    answered_from: float | None = None,
    without: Mapping[str, Predictor] | None = None,
    plain: Predictor | None = None,
) -> dict[str, Any]:
    """Ask a model about a test split as it is and disturbed.

    Args:
        predict: The model.
        judged: The split; each example with one intent, or several where ``several_from`` is given.
        labels: What the columns of the probabilities mean.
        seed: Draws the disturbances.
        draws: How often each is drawn, at least once.
        several_from: From which probability on a label holds; the measure is micro-F1 then.
        outside: Texts of another domain; a good model answers few of them.
        answered_from: Probability of the best label from which on a text is answered, chosen on validation.
        without: Models that are denied a modality, by its name.
        plain: The model that this one is to be more robust than.

    Returns:
        ``measure``; ``clean``; ``typos``, ``asr_errors`` and ``without_…``, each with ``score`` and
        ``lost``; ``out_of_domain`` with ``answered``, the share of ``outside`` that is; with ``plain``
        the same of it, and ``won_back``: which share of what the plain model loses this one keeps.

    Raises:
        DataError: there is nothing to judge on.
    """
    if not judged:
        raise DataError("the split is empty: there is nothing to judge a model on")
    texts = {
        name: [_disturbed(judged, disturb, name, seed + draw) for draw in range(draws)]
        for name, disturb in DISTURBANCES.items()
    }

    def score(model: Predictor, said: Sequence[str]) -> float:
        return _score(model(said), judged, labels, several_from)

    clean = [example.text for example in judged]

    def of(model: Predictor) -> dict[str, Any]:
        at_best = score(model, clean)
        found: dict[str, Any] = {"clean": round(at_best, 4)}
        for name, drawn in texts.items():
            scores = [score(model, said) for said in drawn]
            found[name] = _lost(at_best, float(np.mean(scores))) | {"scores": [round(s, 4) for s in scores]}
        return found

    own = of(predict)
    told: dict[str, Any] = {
        "measure": "accuracy" if several_from is None else "micro_f1",
        "seed": seed,
        "draws": draws,
        "examples": len(judged),
        **own,
    }
    for modality, model in (without or {}).items():
        told[f"without_{modality}"] = _lost(own["clean"], score(model, clean))
    if outside and answered_from is not None:
        told["out_of_domain"] = {
            "texts": len(outside),
            "answered_from": round(answered_from, 6),
            "answered": round(float((predict(outside).max(axis=1) >= answered_from).mean()), 4),
        }
    if plain is not None:
        other = of(plain)
        told["plain"] = other
        told["won_back"] = {
            name: won_back(other["clean"], other[name]["score"], own[name]["score"]) for name in texts
        }
    return told


def won_back(plain_clean: float, plain_disturbed: float, disturbed: float) -> float | None:
    """Give which share of a plain model's loss another model keeps: 0 none of it, 1 all.

    None where the plain model loses too little for a share of it to mean anything.
    """
    loss = plain_clean - plain_disturbed
    return round((disturbed - plain_disturbed) / loss, 4) if loss >= _MEANINGFUL else None


def _disturbed(judged: Sequence[Example], disturb: Disturb, name: str, seed: int) -> list[str]:
    """Disturb every text by chance of its own."""
    return [
        disturb(example, np.random.default_rng([seed, zlib.crc32(name.encode()), place]))
        for place, example in enumerate(judged)
    ]


def _score(
    probabilities: Floats, judged: Sequence[Example], labels: Sequence[str], several_from: float | None
) -> float:
    if several_from is None:
        right = [
            example.intents[0] == labels[int(best)]
            for example, best in zip(judged, probabilities.argmax(axis=1), strict=True)
        ]
        return float(np.mean(right))
    truth = np.array([[label in example.intents for label in labels] for example in judged])
    return float(f1_score(truth, probabilities >= several_from, average="micro", zero_division=0))


def _lost(clean: float, score: float) -> dict[str, Any]:
    return {"score": round(score, 4), "lost": round(clean - score, 4)}
