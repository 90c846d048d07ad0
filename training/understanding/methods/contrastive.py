"""Few-shot contrastive fine-tuning of sentence vectors.

As SetFit does it: Tunstall et al., "Efficient Few-Shot Learning Without Prompts" (2022),
https://arxiv.org/abs/2209.11055: the encoder first learns that texts of one intent are alike, then
logistic regression on its vectors is the head. The loss is that of Khosla et al., "Supervised
Contrastive Learning" (NeurIPS 2020), https://arxiv.org/abs/2004.11362, equation 2, which uses all pairs of
a batch at once: ``-mean over anchors, mean over their positives, of log softmax(s_i . s_p / temperature)``.
Batches hold so many texts of each of so many intents, so that every text has positives.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def supervised_contrastive(sentence: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Give the loss of a batch; 0 where no two share a label.

    ``sentence`` float[B, W] of length 1; ``targets`` int64[B], or float[B, I] of several labels, of which
    two texts must share one (a distribution stands for its most probable label, see ``likeliest``);
    ``temperature`` above 0, usually 0.05 to 0.5: smaller looks at the nearest texts alone.
    """
    similar = sentence @ sentence.T / temperature
    itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
    alike = targets[:, None] == targets[None, :] if targets.ndim == 1 else targets @ targets.T > 0
    positive = alike & ~itself
    likelihood = similar.masked_fill(itself, float("-inf")).log_softmax(dim=1)
    counts = positive.sum(1)
    own = likelihood.masked_fill(~positive, 0.0).sum(1) / counts.clamp(min=1)
    return -(own[counts > 0].mean() if bool((counts > 0).any()) else sentence.sum() * 0.0)


def likeliest(targets: Tensor, multi_label: bool) -> Tensor:
    """Give targets as the contrastive loss reads them: a distribution becomes its most probable label."""
    return targets if multi_label or targets.ndim == 1 else targets.argmax(dim=1)


def balanced(
    targets: NDArray[np.int64], classes: int, per_class: int, steps: int, rng: np.random.Generator
) -> Iterator[list[int]]:
    """Give the positions of ``steps`` batches of ``classes`` intents with ``per_class`` texts each.

    ``targets`` are int64[n]. Intents take turns, so that after one round each was used as often; so do an
    intent's texts. One with fewer than ``per_class`` gives all it has; one with a single text has no
    positive and is left out. Raises ``ValueError`` where fewer than two intents have two texts.
    """
    own = {
        int(label): positions
        for label in np.unique(targets)
        if len(positions := np.flatnonzero(targets == label)) > 1
    }
    if len(own) < 2:
        raise ValueError("contrastive training needs two intents with two texts each")
    turns = {label: _Turns(positions.tolist(), rng) for label, positions in own.items()}
    intents = _Turns(list(own), rng)
    for _ in range(steps):
        chosen = intents.take(min(classes, len(own)))
        yield [position for label in chosen for position in turns[label].take(per_class)]


class _Turns:
    """Takes from things that are shuffled anew whenever all had their turn; never one twice at once."""

    def __init__(self, things: Sequence[int], rng: np.random.Generator) -> None:
        self._things = list(things)
        self._rng = rng
        self._left: list[int] = []

    def take(self, count: int) -> list[int]:
        count = min(count, len(self._things))
        taken = self._left[:count]
        self._left = self._left[count:]
        if len(taken) < count:
            fresh = [self._things[place] for place in self._rng.permutation(len(self._things))]
            more = [thing for thing in fresh if thing not in taken][: count - len(taken)]
            self._left = [thing for thing in fresh if thing not in more]
            taken += more
        return taken
