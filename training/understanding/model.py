"""The network: an encoder, and a head for each thing that is understood."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Output(NamedTuple):
    """What the network says of a batch.

    ``sentence`` float[B, W] of length 1, ``tokens`` float[B, T, W] the last hidden states,
    ``intents`` float[B, I] logits, ``slots`` float[B, T, S] logits or None without slots.
    """

    sentence: Tensor
    tokens: Tensor
    intents: Tensor
    slots: Tensor | None


class UnderstandingModel(nn.Module):
    """Mean-pooled sentence → intents, tokens → slot tags.

    ``encoder`` is a Hugging Face model; ``intents`` the number of labels; ``slot_tags`` of
    BIO tags, 0 where there are none. The intent head reads the sentence vector before it
    is made of length 1 in the scale of that vector times ``sqrt(width)``, so that its
    numbers are about 1.
    """

    def __init__(self, encoder: Any, intents: int, slot_tags: int = 0, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        width = int(encoder.config.hidden_size)
        self.scale = width**0.5
        self.dropout = nn.Dropout(dropout)
        self.intent_head = nn.Linear(width, intents)
        self.slot_head = nn.Linear(width, slot_tags) if slot_tags else None

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Output:
        """``input_ids`` and ``attention_mask`` are int64[B, T]."""
        tokens = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        sentence = pool(tokens, attention_mask)
        intents = self.intent_head(self.dropout(sentence * self.scale))
        slots = None if self.slot_head is None else self.slot_head(self.dropout(tokens))
        return Output(sentence, tokens, intents, slots)


def pool(tokens: Tensor, attention_mask: Tensor) -> Tensor:
    """Mean over real tokens, of length 1: float[B, T, W] → float[B, W]."""
    mask = attention_mask.unsqueeze(-1).to(tokens.dtype)
    mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1.0)
    return functional.normalize(mean, dim=-1)


def drop_layers(encoder: Any, keep: int) -> None:
    """Keep the lowest ``keep`` layers of a BERT-like encoder. Raises ``ValueError`` for more than it has."""
    layers = encoder.encoder.layer
    if not 0 < keep <= len(layers):
        raise ValueError(f"keep_layers is {keep}: the encoder has {len(layers)} layers")
    encoder.encoder.layer = torch.nn.ModuleList(layers[:keep])
    encoder.config.num_hidden_layers = keep
