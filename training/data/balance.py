"""Classes of which there are many and few examples: counts, weights, and a sampler."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch.utils.data import WeightedRandomSampler

from training.data.examples import DataError, Example


def class_counts(examples: Sequence[Example], labels: Sequence[str]) -> Mapping[str, int]:
    """Count the examples of each label, 0 where there is none; one with several labels counts for each."""
    found = Counter(intent for example in examples for intent in example.intents)
    return {label: found[label] for label in labels}


def class_weights(counts: Mapping[str, int], beta: float = 0.999) -> Mapping[str, float]:
    """Give each label a weight for the loss: the rarer, the heavier; their mean over the examples is 1.

    A label of n examples weighs ``(1 - beta) / (1 - beta ** n)``: one over the effective number
    of samples (Cui et al., "Class-Balanced Loss Based on Effective Number of Samples", CVPR
    2019, eq. 4). ``beta`` 0 weighs all the same; towards 1 it is one over n. A label without
    examples weighs 0.

    Raises:
        DataError: ``beta`` is not in [0, 1), or no label has examples.
    """
    if not 0 <= beta < 1:
        raise DataError(f"beta is {beta}: it lies from 0 to below 1")
    total = sum(counts.values())
    if not total:
        raise DataError("no label has examples: there is nothing to weigh")
    raw = {label: (1 - beta) / (1 - beta**count) if count else 0.0 for label, count in counts.items()}
    mean = sum(raw[label] * count for label, count in counts.items()) / total
    return {label: weight / mean for label, weight in raw.items()}


def balanced_sampler(
    examples: Sequence[Example], labels: Sequence[str], seed: int, beta: float = 0.999
) -> WeightedRandomSampler:
    """Draw examples with replacement, those of rare labels more often by ``class_weights``.

    An epoch has as many as there are examples. The same seed gives the same order. An
    example with several labels has the mean of their weights, one with none the least.

    Raises:
        DataError: as ``class_weights``.
    """
    weights = class_weights(class_counts(examples, labels), beta)
    least = min(weight for weight in weights.values() if weight)
    each = [
        float(np.mean([weights.get(intent, least) for intent in example.intents]))
        if example.intents
        else least
        for example in examples
    ]
    generator = torch.Generator().manual_seed(seed)
    return WeightedRandomSampler(each, len(each), replacement=True, generator=generator)
