"""Adaptation to a domain's texts without labels, by masked language modelling.

Devlin et al., "BERT" (NAACL 2019), https://arxiv.org/abs/1810.04805, section 3.1: of 15 % of a text's
tokens 80 % become the mask, 10 % a random token, and 10 % stay; the network says what they were. Done
before fine-tuning on a task's own texts as Gururangan et al. do, "Don't Stop Pretraining" (ACL 2020),
https://arxiv.org/abs/2004.10964.

Sentence encoders come without the head for it, so a fresh one, tied to the word embeddings, learns alone
first: through an untrained head the encoder would only learn noise. Only masked places are projected to
the vocabulary, which has up to 250,000 words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from transformers import DataCollatorForLanguageModeling

MASKED: Final = 0.15
"""Share of tokens that are asked for."""

HEAD_ALONE: Final = 0.3
"""Share of the steps in which only the fresh head learns."""

_IGNORED: Final = -100
_HEAD_RATE: Final = 1e-3
_CLIP: Final = 1.0


class Transform(nn.Module):
    """Hidden states to the space of the word embeddings: ``norm(gelu(dense(h)))``, float[..., width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Give float[..., width] for float[..., width]."""
        transformed: Tensor = self.norm(functional.gelu(self.dense(hidden)))
        return transformed


class MaskedLanguageHead(nn.Module):
    """Hidden states of masked places to logits of words: ``transform(h) @ words.T + bias``.

    ``words`` is the encoder's own embedding of them, float[V, W]: it is read, not owned, so that it is
    not trained or kept twice.
    """

    def __init__(self, words: nn.Embedding) -> None:
        super().__init__()
        self.transform = Transform(words.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(words.num_embeddings))
        self._words = [words]

    def forward(self, hidden: Tensor) -> Tensor:
        """Give logits float[N, V] of float[N, W]."""
        return functional.linear(self.transform(hidden), self._words[0].weight, self.bias)


class Masking:
    """Masks tokens by torch's own random numbers, so that a training resumes exactly.

    ``tokenizer`` is a fast one; one without a mask gets ``<mask>``. ``vocabulary`` is the number of word
    embeddings: XLM-RoBERTa's has a vector for its mask even where the tokenizer's file leaves it out.
    """

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:
        give_mask(tokenizer, vocabulary)
        self._collate = DataCollatorForLanguageModeling(
            tokenizer, mlm=True, mlm_probability=MASKED, return_tensors="pt"
        )
        self._special = torch.tensor(sorted(tokenizer.all_special_ids))

    def __call__(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Give masked ids int64[B, T] and what was asked, int64[B, T] with -100 elsewhere."""
        special = torch.isin(ids, self._special.to(ids.device))
        masked, asked = self._collate.torch_mask_tokens(ids.cpu().clone(), special_tokens_mask=special.cpu())
        return masked.to(ids.device), asked.to(ids.device)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What came of it: the head, and the mean loss (nats a masked token) of the first and last steps."""

    head: MaskedLanguageHead
    first_loss: float
    last_loss: float


def give_mask(tokenizer: Any, vocabulary: int) -> int:
    """Give the mask's id, and a tokenizer without one a mask; ``ValueError`` where it has no vector."""
    if tokenizer.mask_token_id is None:
        tokenizer.add_special_tokens({"mask_token": "<mask>"})
    number = int(tokenizer.mask_token_id)
    if number >= vocabulary:
        raise ValueError(f"the mask's id is {number}, but the encoder has only {vocabulary} word vectors")
    return number


def masked_loss(hidden: Tensor, head: MaskedLanguageHead, asked: Tensor) -> Tensor:
    """Give the cross-entropy of what was masked, in nats a token; 0 where nothing was.

    ``hidden`` float[B, T, W] are the masked text's last hidden states, ``asked`` int64[B, T] its words, see
    ``Masking``.
    """
    places = asked != _IGNORED
    if not bool(places.any()):
        return hidden.sum() * 0.0
    return functional.cross_entropy(head(hidden[places]).float(), asked[places])


def adapt(
    encoder: Any,
    tokenizer: Any,
    batches: Callable[[np.random.Generator], Sequence[tuple[Tensor, Tensor]]],
    *,
    steps: int,
    rate: float,
    seed: int,
    told: Callable[[int, float], None] = lambda step, loss: None,
) -> Adaptation:
    """Adapt ``encoder`` in place for ``steps`` batches.

    ``batches`` gives an epoch's ids and masks, int64[B, T] each; ``rate`` is the encoder's highest,
    reached after a tenth of the steps and falling to 0. Embeddings that are frozen stay so. ``told`` hears
    of each step's loss. Raises ``FloatingPointError`` where the loss is no number any more.
    """
    device = next(encoder.parameters()).device
    words = encoder.get_input_embeddings()
    masking = Masking(tokenizer, words.num_embeddings)
    head = MaskedLanguageHead(words).to(device)
    learning = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    optimizer = AdamW(
        [{"params": learning, "lr": rate}, {"params": head.parameters(), "lr": _HEAD_RATE}], weight_decay=0.01
    )
    alone = round(steps * HEAD_ALONE)
    schedule = LambdaLR(
        optimizer, [lambda step: _rate(step - alone, steps - alone), lambda step: _rate(step, steps)]
    )
    rng = np.random.default_rng(seed)
    seen: list[float] = []
    encoder.train()
    epoch: list[tuple[Tensor, Tensor]] = []
    for step in range(steps):
        epoch = epoch or list(batches(rng))
        ids, attention = (part.to(device) for part in epoch.pop())
        masked, asked = masking(ids)
        for parameter in learning:
            parameter.requires_grad_(step >= alone)
        loss = masked_loss(encoder(input_ids=masked, attention_mask=attention).last_hidden_state, head, asked)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss of masked words is {float(loss.detach())} at step {step + 1}: lower learning_rate"
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([*learning, *head.parameters()], _CLIP)
        optimizer.step()
        schedule.step()
        seen.append(float(loss.detach()))
        told(step + 1, seen[-1])
    for parameter in learning:
        parameter.requires_grad_(True)
    few = max(1, steps // 10)
    return Adaptation(head, float(np.mean(seen[:few])), float(np.mean(seen[-few:])))


def _rate(step: int, steps: int) -> float:
    rising = max(1, steps // 10)
    return min(max(0, step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))
