"""Fine-tuning few of an encoder's parameters.

- ``lora``: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022),
  https://arxiv.org/abs/2106.09685: ``W x + (alpha / r) B A x`` with ``A`` of ``r`` rows and ``B`` of ``r``
  columns, in every linear layer. Merged into ``W`` afterwards.
- ``ia3``: Liu et al., "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context
  Learning" (NeurIPS 2022), https://arxiv.org/abs/2205.05638: keys, values and the feed-forward network's
  inner activations are multiplied by learned vectors. Merged afterwards.
- ``prefix``: Li and Liang, "Prefix-Tuning: Optimizing Continuous Prompts for Generation" (ACL 2021),
  https://arxiv.org/abs/2101.00190: learned keys and values stand before those of the text, in every layer.
  Stays in the network.
- ``adapter``: see ``training.understanding.methods.adapters``. Stays in the network.

All but the last are the library peft's: https://huggingface.co/docs/peft.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Final

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftConfig,
    PeftModelForFeatureExtraction,
    PrefixEncoder,
    PrefixTuningConfig,
)
from torch import Tensor, nn
from transformers import DynamicCache

from training.understanding.arguments import Peft
from training.understanding.methods.adapters import add_adapters

MERGED: Final[frozenset[Peft]] = frozenset({"lora", "ia3"})
"""Methods of which nothing is left in the network after ``merge``."""

_FEED_FORWARD: Final = r".*\d\.output\.dense"
_TASK: Final = "FEATURE_EXTRACTION"


@dataclass(frozen=True, slots=True)
class Share:
    """Parameters that learn, and all there are."""

    trainable: int
    total: int


def attach(encoder: Any, method: Peft, rank: int, alpha: float, dropout: float = 0.0) -> Any:
    """Freeze a Hugging Face encoder and give one in which only what ``method`` adds learns.

    ``rank`` is LoRA's r, an adapter's width or a prefix's length in tokens; ``alpha`` and ``dropout`` are
    LoRA's. With ``none`` the encoder stays as it is. What comes back is called as the encoder is.
    """
    if method == "none":
        return encoder
    for parameter in encoder.parameters():
        parameter.requires_grad_(False)
    if method == "adapter":
        add_adapters(encoder, rank)
        return encoder
    config: PeftConfig
    if method == "lora":
        config = LoraConfig(
            task_type=_TASK, r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear"
        )
    elif method == "ia3":
        config = IA3Config(
            task_type=_TASK,
            target_modules=rf".*\.(key|value)|{_FEED_FORWARD}",
            feedforward_modules=_FEED_FORWARD,
        )
    else:
        return Prefixed(encoder, rank)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        return PeftModelForFeatureExtraction(encoder, config)


class Prefixed(nn.Module):
    """A BERT-like encoder behind a learned prefix of ``length`` tokens.

    The library's own model lets the text's positions begin after the prefix; a pretrained encoder has
    learned that texts begin at the first. Keys and values begin as 0: they draw a little attention and add
    nothing, so that the network begins near itself.
    """

    def __init__(self, encoder: Any, length: int) -> None:
        super().__init__()
        self.base = encoder
        self._shape = (encoder.config.num_hidden_layers, 2, encoder.config.num_attention_heads)
        self.prefix = PrefixEncoder(
            PrefixTuningConfig(
                task_type=_TASK,
                num_virtual_tokens=length,
                token_dim=encoder.config.hidden_size,
                num_layers=self._shape[0],
                num_attention_heads=self._shape[2],
                num_transformer_submodules=1,
                init_weights="zero",
            )
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        """Give the encoder's own output for int64[B, T] each; hidden states are those of the text alone."""
        rows, tokens = input_ids.shape
        length = self.prefix.embedding.num_embeddings
        numbers = torch.arange(length, device=input_ids.device).expand(rows, -1)
        learned = self.prefix(numbers).view(rows, length, *self._shape, -1).permute(2, 3, 0, 4, 1, 5)
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(learned):
            cache.update(keys, values, layer)
        return self.base(
            input_ids=input_ids,
            attention_mask=torch.cat([torch.ones_like(numbers), attention_mask], dim=1),
            position_ids=torch.arange(tokens, device=input_ids.device).unsqueeze(0),
            past_key_values=cache,
        )

    def __getattr__(self, name: str) -> Any:
        """Pass on to the encoder what is its own, such as ``config`` and ``get_input_embeddings``."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "base":
                raise
            return getattr(self.base, name)


def merge(encoder: Any, method: Peft) -> Any:
    """Give the plain encoder with what was learned inside its weights, where the method can be merged.

    Of the others the encoder comes back as it is.
    """
    return encoder.merge_and_unload() if method in MERGED else encoder


def share(model: nn.Module) -> Share:
    """Count a network's parameters."""
    parameters = list(model.parameters())
    return Share(sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters))
