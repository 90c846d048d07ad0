"""Whether an explanation holds: leaving out what it names must change the prediction most.

Deletion: Samek et al., "Evaluating the Visualization of What a Deep Neural Network Has
Learned", IEEE TNNLS 2017; as "comprehensiveness" for texts: DeYoung et al., "ERASER",
ACL 2020. The parts named most are left out together, and compared with as many at
random, in the same input.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from training.explain.attribution import Attribution, ExplainError, Subject, asked, attribute

WORDS_REMOVED: Final = (2, 3, 5)
REGIONS_REMOVED: Final = (5, 10, 20)
"""Never one alone: that the part whose removal costs most costs more than others is so by construction."""
_FEWEST: Final = 10
"""Examples for an interval that means something."""
_RESAMPLES: Final = 5_000
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Removed:
    """What the predicted label's probability lost on average without ``count`` parts.

    ``named``: without those named most; ``random``: without as many others, on average
    over draws. ``low`` and ``high`` bound the 95 % interval of their difference.
    """

    count: int
    named: float
    random: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DeletionTest:
    """The test over ``examples``; ``skipped`` had too few parts.

    ``mean`` is the difference averaged over all counts (Samek's area over the
    perturbation curve), ``low`` and ``high`` its 95 % interval over examples.
    """

    examples: int
    skipped: int
    removed: tuple[Removed, ...]
    mean: float
    low: float
    high: float

    @property
    def holds(self) -> bool:
        """Whether what is named matters more than what is picked at random, beyond chance."""
        return self.low > 0.0


def deletion_test(
    subjects: Iterable[Subject],
    counts: Sequence[int] = WORDS_REMOVED,
    *,
    draws: int = 5,
    seed: int = 0,
    attributed: Iterable[Attribution] | None = None,
) -> DeletionTest:
    """Test the attributions of ``subjects``; ``attributed``, in their order, instead of occlusion's.

    Costs two questions to the model for each subject: one for the attribution, one for
    the ``draws + 1`` deletions of each count. Subjects with no more parts than the
    largest count are skipped. The interval is a percentile bootstrap over subjects of
    the paired difference. Raises ``ExplainError`` where fewer than 10 are left.
    """
    if not counts or min(counts) < 1 or draws < 1:
        raise ExplainError("the deletion test needs counts and draws of at least 1")
    rng = np.random.default_rng(seed)
    given = None if attributed is None else iter(attributed)
    named, picked, skipped = [], [], 0
    for subject in subjects:
        attribution = None if given is None else next(given)
        if len(subject.parts) <= max(counts):
            skipped += 1
            continue
        attribution = attribution or attribute(subject)
        lost = _lost(subject, attribution, counts, draws, rng)
        named.append(lost[:, 0])
        picked.append(lost[:, 1:].mean(axis=1))
    if len(named) < _FEWEST:
        raise ExplainError(
            f"the deletion test has {len(named)} examples of more than {max(counts)} parts, and {skipped}"
            f" with fewer: give at least {_FEWEST} longer ones"
        )
    of_named, of_random = np.array(named), np.array(picked)
    differences = of_named - of_random
    removed = tuple(
        Removed(
            count,
            float(of_named[:, at].mean()),
            float(of_random[:, at].mean()),
            *_interval(differences[:, at], seed),
        )
        for at, count in enumerate(counts)
    )
    overall = differences.mean(axis=1)
    return DeletionTest(len(named), skipped, removed, float(overall.mean()), *_interval(overall, seed))


def _lost(
    subject: Subject,
    attribution: Attribution,
    counts: Sequence[int],
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Give what is lost ``[counts, 1 + draws]``: without the named parts, then without random ones."""
    parts = len(subject.parts)
    order = attribution.strongest_first()
    hidden = np.zeros((len(counts), 1 + draws, parts), np.bool_)
    for at, count in enumerate(counts):
        hidden[at, 0, order[:count]] = True
        for draw in range(draws):
            hidden[at, 1 + draw, rng.choice(parts, count, replace=False)] = True
    left = asked(subject, hidden.reshape(-1, parts))[:, attribution.label]
    lost: NDArray[np.float64] = attribution.probability - left.reshape(hidden.shape[:2])
    return lost


def _interval(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13, of the mean."""
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=_RESAMPLES,
        confidence_level=_CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
