"""Weighs the evidence for passages and chooses the thresholds of a trained fusion model.

On what was kept back from training: questions of ``showing.yaml``, variants and
readings by other seeds, photographs, pictures of nothing known. Never on
``evaluation.yaml``. Runs the exported model, as serving does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from services.dialogue.fused import (
    FusionRow,
    FusionThresholds,
    PictureFeatures,
    RankingWeights,
    TextFeatures,
    fusion_row,
    pictured_passages,
)
from services.dialogue.knowledge.index import KnowledgeIndex
from training.fusion.exported import ExportedFusion
from training.fusion.sources import Showing, Shown, Sources
from training.vision.features import Appearance

ANSWER_PRECISION: Final = 0.95
"""``answer_at`` is the lowest probability from which on this share of the answers is right."""
SEEN_PRECISION: Final = 0.98
"""``seen_at`` is the lowest probability from which on this share of the pictures named is right."""
OPTIONS_RIGHT: Final = 0.5
"""``ask_at`` is the probability at which the options hold the right passage this often."""
OPTIONS: Final = 3
_LEAST_SURE: Final = 0.5
"""Of ``seen_at``: what is less likely than not is not named."""

_ENOUGH: Final = 0.25
"""Turns whose words are enough and whose picture has nothing to do with them, as a share of those asked."""
_LEAST_ASKED: Final = 0.02

_MASSES: Final = {"asked": 0.6, "alone": 0.2, "unknown": 0.2}
"""Shares of turns with a picture: a question with what answers it, no words, nothing that is known."""
_SMOOTHING: Final = 0.02
_PRIOR: Final = 0.01
_SCALE_OF_TRAINING: Final = 14.0
_PICTURE: Final = 2.0

Split = Callable[[str, str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A turn, and with which share each passage of its language answers it (``right`` ``[n]``, sum 1 or 0).

    ``picture`` is the place of its picture, None when nothing known is shown.
    """

    kind: str
    language: str
    row: FusionRow
    text: TextFeatures | None
    words: tuple[str, ...]
    right: NDArray[np.float64]
    picture: int | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the manifest says beside labels. ``report`` holds figures on what was kept back."""

    ranking: RankingWeights
    ranking_without_text: RankingWeights
    thresholds: FusionThresholds
    report: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A case with its evidence, ``[n, 4]``, in the order of ``RankingWeights``; and what was seen."""

    case: Case
    evidence: NDArray[np.float64]
    pictures: NDArray[np.float32]


def calibrate(model: ExportedFusion, sources: Sources, index: KnowledgeIndex, split: Split) -> Calibration:
    """Fit on what was kept back. The same model and sources give the same calibration."""
    cases = list(_cases(sources, split))
    weighed = _weigh(model, cases, index, sources)

    # What each kind of evidence counts.
    asked = [each for each in weighed if each.case.kind == "asked"]
    alone = [each for each in weighed if each.case.kind == "alone" and each.case.right.sum() > 0]
    enough = list(_enough(sources, round(_ENOUGH * len(asked))))
    needed = [*asked, *_weigh(model, enough, index, sources)] if enough else asked
    ranking = _fit_ranking(needed, RankingWeights(_SCALE_OF_TRAINING, 2.0, 0.5, _PICTURE))
    without = _fit_ranking(alone, RankingWeights(_SCALE_OF_TRAINING, 0.0, 0.5, _PICTURE))

    # How sure is sure enough.
    judged = [_judge(each, ranking if each.case.text else without) for each in weighed]
    mass = _masses(cases)
    confidence, right, among = (np.array(column) for column in zip(*judged, strict=True))
    answer_at = _lowest(confidence, right, mass, ANSWER_PRECISION)
    ask_at = _even(confidence, among, mass)
    named = [each for each in weighed if each.case.text is None]
    seen, sure = _seen(named)
    seen_at = max(_lowest(sure, seen, np.ones(len(sure)), SEEN_PRECISION), _LEAST_SURE)
    thresholds = FusionThresholds(
        answer_at=round(answer_at, 4), ask_at=round(min(ask_at, answer_at), 4), seen_at=round(seen_at, 4)
    )
    return Calibration(
        ranking, without, thresholds, _report(weighed, confidence, right, among, mass, thresholds, named)
    )


def _cases(sources: Sources, split: Split) -> Iterator[Case]:
    checks = sources.checks
    languages = sources.domain.languages
    rng = np.random.default_rng(70)
    by_language = {
        language: [place for place, p in enumerate(sources.domain.passages) if p.language == language]
        for language in languages
    }

    def case(
        kind: str,
        language: str,
        showing: Showing | None,
        seen: tuple[PictureFeatures, str] | None,
        right: Mapping[int, float],
        picture: int | None,
    ) -> Case:
        said = "" if showing is None else showing.question
        read = "" if seen is None else seen[1]
        text = None if showing is None else showing.text
        row = fusion_row(text, [] if seen is None else [seen[0]], None)
        shares = np.array([right.get(place, 0.0) for place in by_language[language]])
        return Case(
            kind, language, row, text, (*split(said, language), *split(read, language)), shares, picture
        )

    for showing in checks.showing:
        for place, passage in sorted(showing.answers.items()):
            right = sources.shares(showing.language, [passage])
            seen = _look(checks.pictures[place], rng)
            yield case("asked", showing.language, showing, seen, right, place)
        every = sources.shares(showing.language, list(showing.answers.values()))
        unknown = checks.negatives[int(rng.integers(len(checks.negatives)))]
        yield case("unknown", showing.language, showing, (_features(unknown), ""), every, None)
    for place, shown in enumerate(checks.pictures):
        for at, _ in enumerate(shown.variants[:8]):
            language = languages[(place + at) % len(languages)]
            right = sources.open_answers(place, language)
            yield case("alone", language, None, _look(shown, rng, at), right, place)
    for at, unknown in enumerate(checks.negatives):
        language = languages[at % len(languages)]
        yield case("unknown", language, None, (_features(unknown), ""), {}, None)


def _enough(sources: Sources, count: int) -> Iterator[Case]:
    """Give questions whose words are enough, each with a picture that is about something else."""
    rng = np.random.default_rng(71)
    sure = [utterance for utterance in sources.utterances if len(utterance.passages) == 1]
    pictures = sources.checks.pictures
    for at in rng.permutation(len(sure))[:count].tolist():
        utterance = sure[at]
        place = int(rng.integers(len(pictures)))
        if utterance.passages[0] in pictures[place].picture.passages:
            continue
        features, _ = _look(pictures[place], rng)
        own = [p.id for p in sources.domain.passages if p.language == utterance.language]
        right = np.array([float(passage == utterance.passages[0]) for passage in own])
        row = fusion_row(utterance.text, [features], None)
        yield Case("enough", utterance.language, row, utterance.text, (), right, place)


def _look(shown: Shown, rng: np.random.Generator, at: int | None = None) -> tuple[PictureFeatures, str]:
    """Give a variant with its words as read, which every other one is without."""
    at = int(rng.integers(len(shown.variants))) if at is None else at
    appearance = shown.variants[at]
    if at in shown.own_words:
        text, words = shown.own_words[at]
        return _features(appearance, words), text
    if not shown.readings or rng.random() < 0.5:
        return _features(appearance), ""
    text, words = shown.readings[int(rng.integers(len(shown.readings)))]
    return _features(appearance, words), text


def _features(appearance: Appearance, words: TextFeatures | None = None) -> PictureFeatures:
    return PictureFeatures(appearance.pooled.astype(np.float32), appearance.regions.astype(np.float32), words)


def _weigh(
    model: ExportedFusion, cases: Sequence[Case], index: KnowledgeIndex, sources: Sources
) -> list[_Weighed]:
    fused = model.fuse([case.row for case in cases])
    nothing = FusionRow()
    alone = model.fuse(
        [replace(case.row, text_tokens=nothing.text_tokens, frames=nothing.frames) for case in cases]
    )
    of_picture = {picture.id: picture.passages for picture in sources.domain.pictures}
    passages = [of_picture.get(label, ()) for label in sources.domain.picture_labels]
    joints = {
        language: model.passages(
            np.stack([e.vector for e in index.entries if e.passage.language == language])
        )
        for language in index.by_language
    }
    weighed = []
    for row, case in enumerate(cases):
        vector = np.zeros(index.width, np.float32) if case.text is None else case.text.sentence
        scores = index.by_language[case.language].score(vector, case.words)
        evidence = np.column_stack(
            [
                joints[case.language] @ fused.joint[row],
                scores.cosine,
                scores.bm25 / max(float(scores.bm25.max()), 1e-9),
                pictured_passages(alone.pictures[row : row + 1], passages, scores.positions),
            ]
        )
        weighed.append(_Weighed(case, evidence.astype(np.float64), fused.pictures[row]))
    return weighed


def _fit_ranking(weighed: Sequence[_Weighed], prior: RankingWeights) -> RankingWeights:
    """By likelihood of smoothed shares, near the prior where the cases do not speak."""
    start = np.array(_in_order(prior))
    free = start > 0
    if not weighed:
        return prior
    targets = [(1 - _SMOOTHING) * w.case.right + _SMOOTHING / len(w.case.right) for w in weighed]

    def loss(logs: NDArray[np.float64]) -> float:
        weights = np.zeros(len(start))
        weights[free] = np.exp(logs)
        told = [
            -float(target @ log_softmax(each.evidence @ weights))
            for each, target in zip(weighed, targets, strict=True)
        ]
        return float(np.mean(told)) + _PRIOR * float(((logs - np.log(start[free])) ** 2).sum())

    best = minimize(loss, np.log(start[free]), method="Nelder-Mead", options={"maxiter": 600}).x
    weights = np.zeros(len(start))
    weights[free] = np.exp(best)
    return RankingWeights(*(round(float(weight), 4) for weight in weights))


def _in_order(weights: RankingWeights) -> list[float]:
    return [weights.joint, weights.cosine, weights.bm25, weights.picture]


def _judge(weighed: _Weighed, weights: RankingWeights) -> tuple[float, float, float]:
    """Give the best passage's probability, the share in which it is right, and that of the options."""
    probabilities = softmax(weighed.evidence @ _in_order(weights))
    order = np.argsort(-probabilities, kind="stable")
    right = weighed.case.right
    return float(probabilities[order[0]]), float(right[order[0]]), float(right[order[:OPTIONS]].sum())


def _masses(cases: Sequence[Case]) -> NDArray[np.float64]:
    kinds = np.array([case.kind for case in cases])
    mass = np.zeros(len(cases))
    for kind, share in _MASSES.items():
        mass[kinds == kind] = share / max((kinds == kind).sum(), 1)
    return mass


def _lowest(
    confidence: NDArray[np.float64], right: NDArray[np.float64], mass: NDArray[np.float64], precision: float
) -> float:
    """Give the lowest confidence from which on ``precision`` holds, midway to the next below; 1 if none."""
    order = np.argsort(-confidence, kind="stable")
    held = np.cumsum((right * mass)[order]) / np.cumsum(mass[order])
    enough = np.flatnonzero(held >= precision)
    if not enough.size:
        return 1.0
    last = int(enough[-1])
    lower = confidence[order[last + 1]] if last + 1 < len(order) else 0.0
    return float((confidence[order[last]] + lower) / 2)


def _even(confidence: NDArray[np.float64], among: NDArray[np.float64], mass: NDArray[np.float64]) -> float:
    """Give the confidence at which ``OPTIONS_RIGHT`` holds: by a curve, as it must hold there."""
    logits = np.tile(_logit(np.clip(confidence, 1e-4, 1.0 - 1e-4)), 2)[:, None]
    right = np.repeat([1, 0], len(confidence))
    weights = np.concatenate([among, 1.0 - among]) * np.tile(mass / mass.mean(), 2)
    curve = LogisticRegression().fit(logits, right, sample_weight=weights)
    slope = float(curve.coef_[0, 0])
    at = (
        (float(_logit(np.array(OPTIONS_RIGHT))) - float(curve.intercept_[0])) / slope
        if slope > 0
        else -np.inf
    )
    return float(np.clip(expit(at), _LEAST_ASKED, 1.0))


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = np.log(probability / (1.0 - probability))
    return odds


def _seen(named: Sequence[_Weighed]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For cases that a picture is named in: whether it is the right one, and how sure."""
    right, sure = [], []
    for each in named:
        best = int(each.pictures.argmax())
        if best < len(each.pictures) - 1:
            right.append(float(best == each.case.picture))
            sure.append(float(each.pictures[best]))
    return np.array(right), np.array(sure)


def _report(
    weighed: Sequence[_Weighed],
    confidence: NDArray[np.float64],
    right: NDArray[np.float64],
    among: NDArray[np.float64],
    mass: NDArray[np.float64],
    thresholds: FusionThresholds,
    named: Sequence[_Weighed],
) -> dict[str, float]:
    kinds = np.array([each.case.kind for each in weighed])
    answered = confidence >= thresholds.answer_at
    asked_back = ~answered & (confidence >= thresholds.ask_at)
    seen, sure = _seen(named)
    known = sum(each.case.picture is not None for each in named)
    figures: dict[str, float] = {"cases": len(weighed)}
    for kind in _MASSES:
        own = kinds == kind
        if own.any():
            figures |= {
                f"{kind}_cases": int(own.sum()),
                f"{kind}_best_right": float(right[own].mean()),
                f"{kind}_options_right": float(among[own].mean()),
                f"{kind}_answered": float(answered[own].mean()),
                f"{kind}_asked_back": float(asked_back[own].mean()),
            }
    figures["answer_precision"] = float(
        (right * mass)[answered].sum() / max(float(mass[answered].sum()), 1e-9)
    )
    surely = sure >= thresholds.seen_at
    figures["seen_recall"] = float(seen[surely].sum() / max(known, 1))
    figures["seen_precision"] = float(seen[surely].mean()) if surely.any() else 0.0
    return {name: round(figure, 4) for name, figure in figures.items()}
