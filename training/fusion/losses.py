"""What the fusion model is trained to make small."""

import torch
from torch import Tensor
from torch.nn import functional


def info_nce(similarities: Tensor, positives: Tensor, allowed: Tensor | None = None) -> Tensor:
    """Give the mean of ``-log P(a positive of the row)``, a scalar; 0 when no row has a positive.

    ``similarities`` ``[n, m]`` are divided by the temperature; ``positives`` bool
    ``[n, m]`` marks what belongs together; what is not ``allowed`` (bool ``[n, m]``) is
    no candidate. Rows without a positive are left out.

    van den Oord, Li and Vinyals, "Representation Learning with Contrastive Predictive
    Coding", 2018, used both ways as in Radford et al., "Learning Transferable Visual
    Models From Natural Language Supervision" (CLIP), ICML 2021; with several positives,
    of which one is enough, as in Miech et al., "End-to-End Learning of Visual
    Representations from Uncurated Instructional Videos" (MIL-NCE), CVPR 2020.
    """
    if allowed is not None:
        similarities = similarities.masked_fill(~allowed, -torch.inf)
        positives = positives & allowed
    told = positives.any(dim=1)
    if not bool(told.any()):
        return similarities.new_zeros(())
    rows = similarities[told]
    right = rows.masked_fill(~positives[told], -torch.inf)
    return (rows.logsumexp(dim=1) - right.logsumexp(dim=1)).mean()


def spread(similarities: Tensor, targets: Tensor, allowed: Tensor) -> Tensor:
    """Give the mean cross-entropy to the distributions ``targets`` ``[n, m]``, a scalar.

    Rows whose targets sum to 0 are left out. Where several answers fit alike, unlike in
    ``info_nce``, all must come out.
    """
    told = targets.sum(dim=1) > 0
    if not bool(told.any()):
        return similarities.new_zeros(())
    logs = similarities.masked_fill(~allowed, -torch.inf).log_softmax(dim=1)[told]
    return -(targets[told] * logs.masked_fill(~allowed[told], 0.0)).sum(dim=1).mean()


def any_of(logits: Tensor, right: Tensor) -> Tensor:
    """Give the mean of ``-log P(one of the right labels)`` (bool ``[n, labels]``), a scalar.

    Rows without a right label are left out.
    """
    return info_nce(logits, right)


def labels(logits: Tensor, targets: Tensor) -> Tensor:
    """Give the mean cross-entropy, a scalar; targets of -1 are left out, 0 when all are."""
    if not bool((targets >= 0).any()):
        return logits.new_zeros(())
    return functional.cross_entropy(logits, targets, ignore_index=-1)


def reconstruction(told: Tensor, frames: Tensor, hidden: Tensor) -> Tensor:
    """Give the mean squared error of hidden frames, a scalar; 0 when none is hidden.

    ``told`` and ``frames`` ``[n, F, 64]`` standardized; ``hidden`` bool ``[n, F]``. As in
    Liu et al., "Mockingjay: Unsupervised Speech Representation Learning with Deep
    Bidirectional Transformer Encoders", ICASSP 2020, which takes absolute errors.
    """
    if not bool(hidden.any()):
        return told.new_zeros(())
    return functional.mse_loss(told[hidden], frames[hidden])
