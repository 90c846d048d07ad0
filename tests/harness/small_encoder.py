"""An encoder with random weights that knows the words of some texts, small enough to train in a moment."""

from collections.abc import Callable, Iterable
from typing import Final

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from training.understanding.arguments import UnderstandingArguments
from training.understanding.encoders import Encoder, fast_tokenizer

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_WIDTH = 32

QUICKLY: Final = UnderstandingArguments(
    encoder="small",
    freeze_embeddings=False,
    epochs=5,
    batch_size=16,
    learning_rate=2e-3,
    head_rate=1e-2,
    threads=1,
)
"""How to train it."""


def small_encoder_of(texts: Iterable[str]) -> Callable[[str], Encoder]:
    """Give what loads it, whatever its name, the same each time. A Mandarin character is a word."""
    normalizer, splitter = BertNormalizer(), BertPreTokenizer()
    words = sorted(
        {word for text in texts for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text))}
    )
    vocabulary = {word: number for number, word in enumerate((*_SPECIAL, *words))}

    def load(name: str) -> Encoder:
        tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
        tokenizer.post_processor = TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        torch.manual_seed(0)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=64,
        )
        model = BertModel(config, add_pooling_layer=False).eval()
        return Encoder(name, model, fast_tokenizer(tokenizer), "", "none")

    return load
