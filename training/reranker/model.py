"""The network: an encoder that reads question and passage together, and a score."""

from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

_SCALE: Final = 20.0
"""Of the cosine at the start: 1 / temperature, as the encoder was trained with."""


class RerankerModel(nn.Module):
    """Score of a pair: its two halves' cosine, times a learned scale, and a linear layer over the whole.

    The layer begins at 0, so that training begins at what the encoder itself thinks of the
    pair, not at chance; each half has read the other by then. ``separator`` is the id of the
    token that ends the question.
    """

    def __init__(self, encoder: Any, separator: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.separator = separator
        self.scale = nn.Parameter(torch.tensor(_SCALE))
        self.head = nn.Linear(int(encoder.config.hidden_size), 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Both int64[B, T] → logits float[B]."""
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        asked = ((input_ids == self.separator).long().cumsum(1) == 0).long() * attention_mask
        question, passage = _mean(tokens, asked), _mean(tokens, attention_mask - asked)
        cosine = (functional.normalize(question, dim=-1) * functional.normalize(passage, dim=-1)).sum(-1)
        scored: Tensor = self.scale * cosine + self.head(_mean(tokens, attention_mask)).squeeze(-1)
        return scored


def _mean(tokens: Tensor, mask: Tensor) -> Tensor:
    weights = mask.unsqueeze(-1).to(tokens.dtype)
    return (tokens * weights).sum(1) / weights.sum(1).clamp(min=1.0)
