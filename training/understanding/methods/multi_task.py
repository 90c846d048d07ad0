"""One loss from the losses of several tasks.

Fixed weights, or weights that are learned as each task's uncertainty: Kendall, Gal and Cipolla,
"Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics" (CVPR 2018),
https://arxiv.org/abs/1705.07115, equation 10: ``sum(loss / sigma**2 + log(sigma))``.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class TaskWeights(nn.Module):
    """Weighs the losses of tasks by their names.

    ``weights`` are factors of 0 or more; a task of weight 0 counts for nothing and learns no
    uncertainty. Where ``learned``, each other task has a trained ``log(sigma**2)``, 0 at first, so that
    training begins with the factors; give ``parameters()`` to the optimizer, without weight decay.
    """

    def __init__(self, weights: Mapping[str, float], learned: bool = False) -> None:
        super().__init__()
        for name, weight in weights.items():
            if weight < 0:
                raise ValueError(f"the weight of {name} is {weight}: it must be 0 or above")
        self._weights = dict(weights)
        self.log_variances = nn.ParameterDict(
            {name: nn.Parameter(torch.zeros(())) for name, weight in weights.items() if learned and weight}
        )

    def forward(self, losses: Mapping[str, Tensor]) -> Tensor:
        """Give one loss of scalars; a task without a loss in this batch is left out.

        Raises ``KeyError`` for a task that has no weight, ``ValueError`` where none counts.
        """
        terms = []
        for name, loss in losses.items():
            weight = self._weights[name]
            if not weight:
                continue
            term = weight * loss
            if name in self.log_variances:
                log_variance = self.log_variances[name]
                term = torch.exp(-log_variance) * term + log_variance / 2
            terms.append(term)
        if not terms:
            raise ValueError(f"none of {', '.join(losses) or 'no losses'} has a weight above 0")
        return torch.stack(terms).sum()

    def current(self) -> dict[str, float]:
        """Give each task's weight as it is now, for reports."""
        return {
            name: weight * float(torch.exp(-self.log_variances[name].detach()))
            if name in self.log_variances
            else weight
            for name, weight in self._weights.items()
        }
