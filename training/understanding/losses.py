"""The parts of the loss."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from training.understanding.arguments import UnderstandingArguments
from training.understanding.batches import IGNORED, Labels
from training.understanding.methods.contrastive import likeliest, supervised_contrastive
from training.understanding.model import Output


def losses(
    output: Output, targets: Tensor, tags: Tensor | None, labels: Labels, arguments: UnderstandingArguments
) -> dict[str, Tensor]:
    """Parts by name, to be weighted by ``weights``: ``intents``, ``slots``, ``contrastive``.

    ``targets`` int64[B], or float[B, I] (several labels, or a distribution); ``tags`` int64[B, T].
    """
    if labels.multi_label:
        parts = {"intents": functional.binary_cross_entropy_with_logits(output.intents, targets) * 10.0}
    else:
        parts = {
            "intents": functional.cross_entropy(
                output.intents, targets, label_smoothing=arguments.label_smoothing
            )
        }
    if output.slots is not None and tags is not None and arguments.slot_weight and (tags != IGNORED).any():
        flat = functional.cross_entropy(output.slots.flatten(0, 1), tags.flatten(), ignore_index=IGNORED)
        parts["slots"] = flat
    if arguments.contrastive_weight:
        parts["contrastive"] = supervised_contrastive(
            output.sentence, likeliest(targets, labels.multi_label), arguments.contrastive_temperature
        )
    return parts


def weights(labels: Labels, arguments: UnderstandingArguments) -> dict[str, float]:
    """Give the weight of each part that there can be."""
    possible = {
        "intents": 1.0,
        "slots": arguments.slot_weight if labels.tags else 0.0,
        "contrastive": arguments.contrastive_weight,
        "language": arguments.language_weight,
        "out_of_scope": arguments.synthetic_out_of_scope if labels.out_of_scope else 0.0,
    }
    return {name: weight for name, weight in possible.items() if weight}


def mixed_out_of_scope(model: Any, sentence: Tensor, targets: Tensor, labels: Labels) -> Tensor:
    """Vectors between two intents belong to none.

    Zhan et al., "Out-of-Scope Intent Detection with Self-Supervision and Discriminative Training",
    ACL 2021: convex mixtures of two examples of different intents are taught as out of scope.
    """
    head = getattr(model, "module", model)
    outside = labels.intents.index(str(labels.out_of_scope))
    first = torch.arange(len(targets), device=targets.device)
    second = torch.randperm(len(targets), device=targets.device)
    apart = (targets[first] != targets[second]) & (targets[first] != outside) & (targets[second] != outside)
    first, second = first[apart], second[apart]
    if not len(first):
        return sentence.sum() * 0.0
    share = 0.3 + 0.4 * torch.rand(len(first), 1, device=targets.device)
    mixed = functional.normalize(share * sentence[first] + (1 - share) * sentence[second], dim=-1)
    logits = head.intent_head(head.dropout(mixed * head.scale))
    wanted = torch.full((len(first),), outside, device=targets.device)
    return functional.cross_entropy(logits, wanted)
