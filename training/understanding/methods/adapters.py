"""Bottleneck adapters, which the library peft does not have for encoders.

Houlsby et al., "Parameter-Efficient Transfer Learning for NLP" (ICML 2019), https://arxiv.org/abs/1902.00751:
``h + U gelu(D h)`` on what attention and the feed-forward network of each layer give, before the layer
adds what it was given. ``U`` begins as 0, so that nothing changes at first.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional


class Adapted(nn.Module):
    """A linear layer ``base`` whose output, float[..., W], goes through a bottleneck of ``width``."""

    def __init__(self, base: nn.Linear, width: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.out_features, width)
        self.up = nn.Linear(width, base.out_features)
        nn.init.normal_(self.down.weight, std=0.02)
        nn.init.zeros_(self.down.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Give float[..., W] for float[..., inputs of base]."""
        hidden: Tensor = self.base(inputs)
        correction: Tensor = self.up(functional.gelu(self.down(hidden)))
        return hidden + correction


def add_adapters(encoder: Any, width: int) -> None:
    """Put two adapters into each layer of a BERT-like encoder, which must have ``encoder.layer``.

    Raises ``ValueError`` for an encoder of another kind.
    """
    layers = getattr(getattr(encoder, "encoder", None), "layer", ())
    parts = [part for layer in layers for part in (layer.attention.output, layer.output)]
    if not parts:
        raise ValueError(f"{type(encoder).__name__} has no encoder.layer: adapters need a BERT-like encoder")
    for part in parts:
        part.dense = Adapted(part.dense, width)
