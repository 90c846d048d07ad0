"""Trains a domain's intent head, and finds out how far its answers can be trusted.

Reads from top to bottom in ``train``. All figures are out of fold: each
utterance is judged by a head that did not see it. Held-out questions
(``evaluation.yaml``) are not looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax, logit, logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.dialogue.domain.types import OUT_OF_SCOPE, Domain
from services.dialogue.evidence import AnswerKind, Calibrator, Candidate, Evidence, RankWeights, rank_intents
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.policy import Thresholds
from services.dialogue.ports import Purpose
from training.text.passages import Embed, index_passages

SEED: Final = 20
FOLDS: Final = 5
STRENGTH: Final = 0.03
"""Inverse L2 strength of the head on standardized vectors, chosen by log loss out of fold."""

OUT_OF_SCOPE_SHARE: Final = 0.15
"""Share of customers' questions that the knowledge does not cover, assumed for calibration."""

ANSWER_PRECISION: Final = 0.95
"""``answer_at`` is the lowest confidence from which on this share of all answers is right."""

OPTIONS_RIGHT: Final = 0.5
"""``ask_at`` is the confidence at which the options of a question back hold the right one this often."""

MOST_OPTIONS: Final = 3


@dataclass(frozen=True, slots=True)
class TrainedIntent:
    """A head ``softmax(vector @ weight + bias)`` (``[width, labels]``) and what is known of it."""

    labels: tuple[str, ...]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    rank_weights: RankWeights
    calibrators: Mapping[AnswerKind, Calibrator]
    thresholds: Thresholds
    report: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Utterance:
    text: str
    label: str
    language: str


def train(domain: Domain, embed: Embed) -> TrainedIntent:
    """Train on the domain's utterances and passages. The same input gives the same result."""
    utterances = _utterances(domain)
    vectors = embed([utterance.text for utterance in utterances], Purpose.QUERY)
    targets = np.array([domain.labels.index(utterance.label) for utterance in utterances])

    # The head, judged out of fold and sharpened or softened by one temperature.
    logits = np.empty((len(utterances), len(domain.labels)))
    strata = [f"{utterance.label} {utterance.language}" for utterance in utterances]
    for seen, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(vectors, strata):
        weight, bias = _fit_head(vectors[seen], targets[seen])
        logits[unseen] = vectors[unseen] @ weight + bias
    temperature = _fit_temperature(logits, targets)
    probabilities = softmax(logits / temperature, axis=1)

    # What retrieval says of each utterance, and how to weigh it against the head.
    questions = _Questions(domain, utterances, vectors, probabilities, embed)
    rank_weights = _fit_rank_weights(questions)
    evidence = questions.evidence(rank_weights)

    # How often a candidate with such features is right.
    mass = _masses(utterances)
    judged = {
        kind: _fit_calibrator([_candidate(e, kind) for e in evidence], utterances, domain, mass)
        for kind in AnswerKind
    }
    calibrators = {kind: calibrator for kind, (calibrator, _) in judged.items()}
    confidence, right = _best(judged, utterances, domain, evidence)
    options_right = _right_among_options(evidence, utterances, domain)
    thresholds = _choose_thresholds(confidence, right, options_right, mass)

    weight, bias = _fit_head(vectors, targets)
    return TrainedIntent(
        labels=domain.labels,
        weight=(weight / temperature).astype(np.float32),
        bias=(bias / temperature).astype(np.float32),
        rank_weights=rank_weights,
        calibrators=calibrators,
        thresholds=thresholds,
        report=_report(
            utterances, probabilities, targets, confidence, right, options_right, thresholds, mass
        ),
    )


def _utterances(domain: Domain) -> list[_Utterance]:
    by_label = {intent.id: intent.examples for intent in domain.intents} | {OUT_OF_SCOPE: domain.out_of_scope}
    return [
        _Utterance(text, label, language)
        for label in domain.labels
        for language in domain.languages
        for text in by_label[label][language]
    ]


def _fit_head(
    vectors: NDArray[np.float32], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multinomial logistic regression on standardized vectors, standardization folded into the weights."""
    scaler = StandardScaler()
    regression = LogisticRegression(C=STRENGTH, max_iter=200, tol=1e-3)
    make_pipeline(scaler, regression).fit(vectors.astype(np.float64), targets)
    weight = (regression.coef_ / scaler.scale_).T
    return weight, regression.intercept_ - scaler.mean_ @ weight


def _fit_temperature(logits: NDArray[np.float64], targets: NDArray[np.int64]) -> float:
    """Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: one number, by log loss."""

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(targets)), targets].mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


class _Questions:
    """The utterances as serving would see them."""

    def __init__(
        self,
        domain: Domain,
        utterances: Sequence[_Utterance],
        vectors: NDArray[np.float32],
        probabilities: NDArray[np.float64],
        embed: Embed,
    ) -> None:
        words = WordSplitter()
        index = index_passages(domain, embed, "", words)
        self.known = {intent.id: intent for intent in domain.intents}
        self.utterances = utterances
        self._intents = [rank_intents(domain.labels, list(row)) for row in probabilities]
        self._scores = [
            index.score(utterance.language, vector, words.split(utterance.text, utterance.language))
            for utterance, vector in zip(utterances, vectors, strict=True)
        ]

    def evidence(self, weights: RankWeights) -> list[Evidence]:
        return [
            Evidence(utterance.language, intents, scores, self.known, weights)
            for utterance, intents, scores in zip(self.utterances, self._intents, self._scores, strict=True)
        ]


def _fit_rank_weights(questions: _Questions) -> RankWeights:
    """Conditional logit: the intent's passages together against all others, by likelihood."""
    samples = []
    for utterance, evidence in zip(
        questions.utterances, questions.evidence(RankWeights(1.0, 0.0, 0.0)), strict=True
    ):
        found = evidence.rank_features()
        if utterance.label in questions.known and found is not None and evidence.scores is not None:
            right = set(questions.known[utterance.label].passages)
            own = np.array([evidence.scores.passages[position].id in right for position in found[0]])
            if own.any():
                samples.append((found[1], own))
    features = np.stack([sample[0] for sample in samples])
    own = np.stack([sample[1] for sample in samples])

    def loss(weights: NDArray[np.float64]) -> float:
        values = features @ weights
        right = logsumexp(np.where(own, values, -np.inf), axis=1)
        return float((logsumexp(values, axis=1) - right).mean())

    best = minimize(loss, np.array([1.0, 10.0, 1.0]), method="Nelder-Mead").x
    return RankWeights(*(float(value) for value in best))


def _candidate(evidence: Evidence, kind: AnswerKind) -> Candidate | None:
    if kind is AnswerKind.INTENT:
        return evidence.by_intent()
    return evidence.by_intent_and_passage() if kind is AnswerKind.INTENT_PASSAGE else evidence.by_passage()


def _is_right(candidate: Candidate, utterance: _Utterance, domain: Domain) -> bool:
    """Whether it is the utterance's intent, or one of that intent's passages."""
    if candidate.hit is None:
        return candidate.intent is not None and candidate.intent.id == utterance.label
    wanted = next((intent.passages for intent in domain.intents if intent.id == utterance.label), ())
    return candidate.hit.passage.id in wanted


def _masses(utterances: Sequence[_Utterance]) -> NDArray[np.float64]:
    outside = np.array([utterance.label == OUT_OF_SCOPE for utterance in utterances])
    return np.where(
        outside, OUT_OF_SCOPE_SHARE / outside.sum(), (1.0 - OUT_OF_SCOPE_SHARE) / (~outside).sum()
    )


def _fit_calibrator(
    candidates: Sequence[Candidate | None],
    utterances: Sequence[_Utterance],
    domain: Domain,
    mass: NDArray[np.float64],
) -> tuple[Calibrator, NDArray[np.float64]]:
    """Fit P(right | features); give it with its out-of-fold confidences, NaN without a candidate."""
    rows = [row for row, candidate in enumerate(candidates) if candidate is not None]
    present = [candidate for candidate in candidates if candidate is not None]
    confidences = np.full(len(candidates), np.nan)
    width = len(present[0].features) if present else 0
    features = np.array([candidate.features for candidate in present]).reshape(len(rows), width)
    right = np.array([_is_right(c, utterances[row], domain) for row, c in zip(rows, present, strict=True)])
    if not 0 < right.sum() < len(right):
        raise ValueError("the utterances do not show when an answer is right: write more different ones")
    weights = mass[rows] / mass[rows].mean()
    scaler, regression = StandardScaler(), LogisticRegression()
    model = make_pipeline(scaler, regression)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    confidences[rows] = cross_val_predict(
        model,
        features,
        right,
        cv=folds,
        method="predict_proba",
        params={"logisticregression__sample_weight": weights},
    )[:, 1]
    model.fit(features, right, logisticregression__sample_weight=weights)
    calibrator = Calibrator(
        mean=tuple(scaler.mean_.tolist()),
        scale=tuple(scaler.scale_.tolist()),
        weights=tuple(regression.coef_[0].tolist()),
        bias=float(regression.intercept_[0]),
    )
    return calibrator, confidences


def _best(
    judged: Mapping[AnswerKind, tuple[Calibrator, NDArray[np.float64]]],
    utterances: Sequence[_Utterance],
    domain: Domain,
    evidence: Sequence[Evidence],
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give the confidence of each utterance's best candidate, and whether it is right."""
    confidence = np.zeros(len(utterances))
    right = np.zeros(len(utterances), np.bool_)
    for row, (utterance, found) in enumerate(zip(utterances, evidence, strict=True)):
        for candidate in found.candidates():
            sure = judged[candidate.kind][1][row]
            if sure > confidence[row]:
                confidence[row], right[row] = sure, _is_right(candidate, utterance, domain)
    return confidence, right


def _right_among_options(
    evidence: Sequence[Evidence], utterances: Sequence[_Utterance], domain: Domain
) -> NDArray[np.bool_]:
    passages = {intent.id: set(intent.passages) for intent in domain.intents}
    return np.array(
        [
            any(hit.passage.id in passages.get(u.label, ()) for hit in found.options()[:MOST_OPTIONS])
            for u, found in zip(utterances, evidence, strict=True)
        ]
    )


def _choose_thresholds(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    options_right: NDArray[np.bool_],
    mass: NDArray[np.float64],
) -> Thresholds:
    answer_at = _lowest_with_precision(confidence, right, mass)
    # A curve and not a share of all: it must hold at the threshold itself.
    logits = logit(np.clip(confidence, 1e-4, 1.0 - 1e-4))[:, None]
    curve = LogisticRegression().fit(logits, options_right, sample_weight=mass / mass.mean())
    at = (logit(OPTIONS_RIGHT) - curve.intercept_[0]) / curve.coef_[0, 0]
    return Thresholds(answer_at=answer_at, ask_at=min(float(expit(at)), answer_at))


def _lowest_with_precision(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], mass: NDArray[np.float64]
) -> float:
    order = np.argsort(-confidence, kind="stable")
    precision = np.cumsum((right * mass)[order]) / np.cumsum(mass[order])
    # A threshold takes all that are equally confident, so only the last of them counts.
    last = np.append(np.diff(confidence[order]) != 0, True)
    enough = np.flatnonzero((precision >= ANSWER_PRECISION) & last)
    return float(confidence[order[enough[-1]]]) if enough.size else 1.0


def _calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], mass: NDArray[np.float64]
) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(((confidence - right) * mass)[bins == each].sum()) for each in range(10) if (bins == each).any()
    ]
    return float(sum(gaps) / mass.sum())


def _report(
    utterances: Sequence[_Utterance],
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    options_right: NDArray[np.bool_],
    thresholds: Thresholds,
    mass: NDArray[np.float64],
) -> dict[str, Any]:
    correct = probabilities.argmax(axis=1) == targets
    language = np.array([utterance.language for utterance in utterances])
    outside = np.array([utterance.label == OUT_OF_SCOPE for utterance in utterances])
    answered = confidence >= thresholds.answer_at
    asked = ~answered & (confidence >= thresholds.ask_at)
    figures = {
        "utterances": len(utterances),
        "intent_accuracy": correct.mean(),
        **{f"intent_accuracy_{each}": correct[language == each].mean() for each in sorted(set(language))},
        "out_of_scope_recall": correct[outside].mean(),
        "head_calibration_error": _calibration_error(
            probabilities.max(axis=1), correct, np.ones(len(targets))
        ),
        "best_answer_right": right[~outside].mean(),
        "right_among_options": options_right[~outside].mean(),
        "confidence_calibration_error": _calibration_error(confidence, right, mass),
        "answered": answered[~outside].mean(),
        "answer_precision": (right * mass)[answered].sum() / max(mass[answered].sum(), 1e-9),
        "asked_back": asked[~outside].mean(),
        "out_of_scope_answered": answered[outside].mean(),
        "out_of_scope_asked_back": asked[outside].mean(),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}
