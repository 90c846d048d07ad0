"""Texts and hidden states of the tiny encoder, for tests of the methods alone."""

from typing import Any

import torch

from tests.unit.training.understanding.tiny import WIDTH, bert, word_piece
from training.understanding.encoders import Encoder

__all__ = ["WIDTH", "WORDS", "batch", "hidden", "small_bert", "small_encoder", "small_tokenizer"]

WORDS = tuple(
    "where is my card why was i charged a fee how do change pin it about top up lost".split()  # noqa: SIM905
)


def small_tokenizer() -> Any:
    """Knows ``WORDS``; special tokens are 0 to 4."""
    return word_piece([*WORDS, "."])


def small_bert() -> Any:
    """``tiny.bert``, without dropout."""
    return bert().eval()


def small_encoder() -> Encoder:
    """Both."""
    return Encoder("small", small_bert(), small_tokenizer(), "", "none")


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Two texts: ids and mask."""
    ids = torch.tensor([[2, 5, 6, 7, 8, 3], [2, 9, 10, 3, 0, 0]])
    return ids, (ids != 0).long()


def hidden(encoder: Any) -> torch.Tensor:
    """The last hidden states of ``batch``."""
    ids, mask = batch()
    states: torch.Tensor = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    return states
