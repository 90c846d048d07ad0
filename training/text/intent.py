"""Trains a domain's intent head, and finds out how far the answers of what understands can be trusted.

What understands is the head on the frozen encoder's vectors, or the company's fine-tuned encoder
where there is one. Reads from top to bottom in ``train``. All figures are out of fold: each
utterance is judged by a training that did not see it. Held-out questions
(``evaluation.yaml``) are not looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit, logsumexp, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.dialogue.domain.types import OUT_OF_SCOPE, Domain
from services.dialogue.evidence import AnswerKind, Calibrator, Candidate, Evidence, RankWeights, rank_intents
from services.dialogue.knowledge.words import WordSplitter
from services.dialogue.policy import Thresholds
from services.dialogue.ports import Purpose
from training.evaluate.calibration import calibration_error, fit_temperature
from training.text.out_of_fold import OutOfFold
from training.text.passages import Embed, index_passages
from training.text.utterances import Utterance, utterances_of

SEED: Final = 20
FOLDS: Final = 5
STRENGTH: Final = 0.03
"""Inverse L2 strength of the head on standardized vectors, chosen by log loss out of fold."""

OUT_OF_SCOPE_SHARE: Final = 0.15
"""Share of customers' questions that the knowledge does not cover, assumed for calibration."""

ANSWER_PRECISION: Final = 0.90
"""``answer_at`` is the lowest confidence from which on this share of all answers is of the right intent.

Which of an intent's passages an utterance needs is not labelled: ``Candidate.share``
speaks for that.
"""

OPTIONS_RIGHT: Final = 0.5
"""``ask_at`` is the relevance at which the options of a question back hold the right one this often."""

MOST_OPTIONS: Final = 3
CALIBRATION_BINS: Final = 10


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


def train(domain: Domain, embed: Embed, understanding: OutOfFold | None = None) -> TrainedIntent:
    """Train on the domain's utterances and passages. The same input gives the same result.

    With ``understanding`` the weights, calibrators and thresholds are those of the fine-tuned
    encoder's answers. Raises ``ValueError`` where it was trained on other utterances or intents.
    """
    utterances = utterances_of(domain)
    vectors = embed([utterance.text for utterance in utterances], Purpose.QUERY)
    targets = np.array([domain.labels.index(utterance.label) for utterance in utterances])

    # The head, judged out of fold and sharpened or softened by one temperature.
    logits = np.empty((len(utterances), len(domain.labels)))
    strata = [f"{utterance.label} {utterance.language}" for utterance in utterances]
    for seen, unseen in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(vectors, strata):
        weight, bias = fit_head(vectors[seen], targets[seen])
        logits[unseen] = vectors[unseen] @ weight + bias
    temperature = fit_temperature(logits, targets)
    by_head = softmax(logits / temperature, axis=1)

    # What a fine-tuned encoder says instead, out of fold as well.
    probabilities = by_head
    if understanding:
        logits = understanding.of(utterances, domain.labels)
        probabilities = softmax(logits / understanding.temperature, axis=1)

    # What retrieval says of each utterance, and how to weigh it against the understanding.
    questions = _Questions(domain, utterances, vectors, probabilities, embed)
    rank_weights = _fit_rank_weights(questions, domain)
    evidence = questions.evidence(rank_weights)

    # How often a candidate with such features is right.
    mass = _masses(utterances)
    judged = {
        kind: _fit_calibrator([_candidate(e, kind) for e in evidence], utterances, domain, mass)
        for kind in AnswerKind
    }
    calibrators = {kind: calibrator for kind, (calibrator, _) in judged.items()}
    best = _best(judged, utterances, domain, evidence)
    options_right = _right_among_options(evidence, utterances, domain)
    thresholds = _choose_thresholds(best, options_right, mass)

    weight, bias = fit_head(vectors, targets)
    return TrainedIntent(
        labels=domain.labels,
        weight=(weight / temperature).astype(np.float32),
        bias=(bias / temperature).astype(np.float32),
        rank_weights=rank_weights,
        calibrators=calibrators,
        thresholds=thresholds,
        report={
            **_report(utterances, probabilities, targets, best, options_right, thresholds, mass),
            **(_accuracies(utterances, by_head, targets, "head_accuracy") if understanding else {}),
        },
    )


def fit_head(
    vectors: NDArray[np.float32], targets: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multinomial logistic regression on standardized vectors, standardization folded into the weights."""
    scaler = StandardScaler()
    regression = LogisticRegression(C=STRENGTH, max_iter=200, tol=1e-3)
    make_pipeline(scaler, regression).fit(vectors.astype(np.float64), targets)
    weight = (regression.coef_ / scaler.scale_).T
    return weight, regression.intercept_ - scaler.mean_ @ weight


class _Questions:
    """The utterances as serving would see them."""

    def __init__(
        self,
        domain: Domain,
        utterances: Sequence[Utterance],
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


def _fit_rank_weights(questions: _Questions, domain: Domain) -> RankWeights:
    """Conditional logits, by likelihood: the right passages together against others.

    Against all passages for an utterance's intent. For the choice among an intent's
    passages the utterances of intents with one passage are labelled: theirs against
    the others of its topic, which are as alike as an intent's passages are.
    """
    topics = {passage.id: passage.topic for passage in domain.passages}
    against_all, against_topic = [], []
    unweighted = questions.evidence(RankWeights(1.0, 0.0, 0.0, 0.0, 0.0))
    for utterance, evidence in zip(questions.utterances, unweighted, strict=True):
        found = evidence.rank_features()
        if utterance.label not in questions.known or found is None or evidence.scores is None:
            continue
        right = questions.known[utterance.label].passages
        ids = [evidence.scores.passages[position].id for position in found[0]]
        own = np.isin(ids, right)
        if not own.any():
            continue
        against_all.append((found[1], own))
        topic = np.array([topics[passage] == topics[right[0]] for passage in ids])
        if len(right) == 1 and topic.sum() > 1:
            against_topic.append((found[1][topic, 1:], own[topic]))
    first = _conditional_logit(against_all, [1.0, 10.0, 1.0])
    siblings = _conditional_logit(against_topic, first[1:]) if against_topic else first[1:]
    return RankWeights(*first, *siblings)


def _conditional_logit(
    samples: Sequence[tuple[NDArray[np.float64], NDArray[np.bool_]]], start: Sequence[float]
) -> list[float]:
    """Weights of features ``[n, width]`` by which the marked rows come first."""

    most = max(len(own) for _, own in samples)
    features = np.zeros((len(samples), most, len(start)))
    present, right = np.zeros((2, len(samples), most), np.bool_)
    for row, (given, own) in enumerate(samples):
        features[row, : len(own)], present[row, : len(own)], right[row, : len(own)] = given, True, own

    def loss(weights: NDArray[np.float64]) -> float:
        values = np.where(present, features @ weights, -np.inf)
        return float((logsumexp(values, axis=1) - logsumexp(np.where(right, values, -np.inf), axis=1)).mean())

    best = minimize(loss, np.array(start), method="Nelder-Mead").x
    return [float(weight) for weight in best]


def _candidate(evidence: Evidence, kind: AnswerKind) -> Candidate | None:
    if kind is AnswerKind.INTENT:
        return evidence.by_intent()
    return evidence.by_intent_and_passage() if kind is AnswerKind.INTENT_PASSAGE else evidence.by_passage()


def _is_right(candidate: Candidate, utterance: Utterance, domain: Domain) -> bool:
    """Whether it is the utterance's intent, or one of that intent's passages."""
    if candidate.hit is None:
        return candidate.intent is not None and candidate.intent.id == utterance.label
    wanted = next((intent.passages for intent in domain.intents if intent.id == utterance.label), ())
    return candidate.hit.passage.id in wanted


def _masses(utterances: Sequence[Utterance]) -> NDArray[np.float64]:
    outside = np.array([utterance.label == OUT_OF_SCOPE for utterance in utterances])
    return np.where(
        outside, OUT_OF_SCOPE_SHARE / outside.sum(), (1.0 - OUT_OF_SCOPE_SHARE) / (~outside).sum()
    )


def _fit_calibrator(
    candidates: Sequence[Candidate | None],
    utterances: Sequence[Utterance],
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


@dataclass(frozen=True, slots=True)
class _Best:
    """Each utterance's best candidate, out of fold, as ``services.dialogue.policy.Judged`` has it.

    ``right`` says whether its intent is the right one.
    """

    relevance: NDArray[np.float64]
    share: NDArray[np.float64]
    right: NDArray[np.bool_]

    @property
    def confidence(self) -> NDArray[np.float64]:
        return self.relevance * self.share


def _best(
    judged: Mapping[AnswerKind, tuple[Calibrator, NDArray[np.float64]]],
    utterances: Sequence[Utterance],
    domain: Domain,
    evidence: Sequence[Evidence],
) -> _Best:
    best = _Best(np.zeros(len(utterances)), np.ones(len(utterances)), np.zeros(len(utterances), np.bool_))
    for row, (utterance, found) in enumerate(zip(utterances, evidence, strict=True)):
        for candidate in found.candidates():
            relevance = judged[candidate.kind][1][row]
            if relevance > best.relevance[row]:
                best.relevance[row], best.share[row] = relevance, candidate.share
                best.right[row] = _is_right(candidate, utterance, domain)
    return best


def _right_among_options(
    evidence: Sequence[Evidence], utterances: Sequence[Utterance], domain: Domain
) -> NDArray[np.bool_]:
    passages = {intent.id: set(intent.passages) for intent in domain.intents}
    return np.array(
        [
            any(hit.passage.id in passages.get(u.label, ()) for hit in found.options()[:MOST_OPTIONS])
            for u, found in zip(utterances, evidence, strict=True)
        ]
    )


def _choose_thresholds(
    best: _Best, options_right: NDArray[np.bool_], mass: NDArray[np.float64]
) -> Thresholds:
    answer_at = _lowest_with_precision(best.confidence, best.right, mass)
    # A curve and not a share of all: it must hold at the threshold itself.
    logits = logit(np.clip(best.relevance, 1e-4, 1.0 - 1e-4))[:, None]
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


def _report(
    utterances: Sequence[Utterance],
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    best: _Best,
    options_right: NDArray[np.bool_],
    thresholds: Thresholds,
    mass: NDArray[np.float64],
) -> dict[str, Any]:
    correct = probabilities.argmax(axis=1) == targets
    outside = np.array([utterance.label == OUT_OF_SCOPE for utterance in utterances])
    answered = best.confidence >= thresholds.answer_at
    asked = ~answered & (best.relevance >= thresholds.ask_at)
    figures = {
        "utterances": len(utterances),
        **_accuracies(utterances, probabilities, targets, "intent_accuracy"),
        "out_of_scope_recall": correct[outside].mean(),
        "intent_calibration_error": calibration_error(probabilities.max(axis=1), correct, CALIBRATION_BINS),
        "best_answer_right": best.right[~outside].mean(),
        "right_among_options": options_right[~outside].mean(),
        "relevance_calibration_error": calibration_error(best.relevance, best.right, CALIBRATION_BINS, mass),
        "answered": answered[~outside].mean(),
        "answer_precision": (best.right * mass)[answered].sum() / max(mass[answered].sum(), 1e-9),
        "passage_precision_expected": (best.right * best.share * mass)[answered].sum()
        / max(mass[answered].sum(), 1e-9),
        "asked_back": asked[~outside].mean(),
        "out_of_scope_answered": answered[outside].mean(),
        "out_of_scope_asked_back": asked[outside].mean(),
    }
    return {name: round(float(value), 4) for name, value in figures.items()}


def _accuracies(
    utterances: Sequence[Utterance],
    probabilities: NDArray[np.float64],
    targets: NDArray[np.int64],
    name: str,
) -> dict[str, float]:
    """Shares that are right, of all utterances and in each language."""
    correct = probabilities.argmax(axis=1) == targets
    language = np.array([utterance.language for utterance in utterances])
    shares = {name: correct.mean()} | {
        f"{name}_{each}": correct[language == each].mean() for each in sorted(set(language))
    }
    return {each: round(float(share), 4) for each, share in shares.items()}
