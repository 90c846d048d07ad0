"""An encoder with random weights and its tokenizer, small enough to train in a moment."""

from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from training.understanding.encoders import Encoder, fast_tokenizer

WORDS = tuple(
    "where is my card why was i charged a fee how do change pin it about top up lost".split()  # noqa: SIM905
)
WIDTH = 32


def small_tokenizer() -> Any:
    """Knows ``WORDS``; special tokens are 0 to 4."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "."]
    plain = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    plain.normalizer = BertNormalizer()
    plain.pre_tokenizer = BertPreTokenizer()
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return fast_tokenizer(plain)


def small_bert() -> Any:
    """Two layers, 32 wide; the same each time."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    return BertModel(config, add_pooling_layer=False).eval()


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
