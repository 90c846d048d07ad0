"""Questions whose words answer others by heart, and encoders small enough to learn it in a moment."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from services.dialogue.ports import Purpose
from services.dialogue.retrieval import SearchPassage
from training.reranker.data import Corpus, Question, Split

ASKED = ("apple", "bread", "candle", "drum", "engine", "flute", "garden", "hammer")
ANSWERED = ("fruit", "bakery", "wax", "noise", "motor", "music", "flowers", "nails")
FILLERS = ("about", "the", "please", "shop")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


class HashEncoder:
    """Gives a text a vector that only its letters decide: finding by it is by chance."""

    embedding_model = "hash@1"

    def __call__(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        made = []
        for text in texts:
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")
            made.append(np.random.default_rng(seed).standard_normal(16))
        vectors = np.array(made, np.float32)
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


def corpus() -> Corpus:
    """Eight passages and, for each, twelve questions that share no word with it."""
    passages = tuple(
        SearchPassage(f"p{place}", "en", "", f"{word} {FILLERS[place % 4]}", "", "v1")
        for place, word in enumerate(ANSWERED)
    )
    questions = []
    for place, word in enumerate(ASKED):
        for number in range(12):
            text = " ".join([FILLERS[number % 4], word, FILLERS[(number // 4) % 4]])
            splits: tuple[Split, ...] = ("test", "validation", "train")
            questions.append(Question(text, "en", frozenset({place}), splits[min(number, 2)]))
    return Corpus("small", passages, tuple(questions))


def tokenizer() -> Tokenizer:
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *ASKED, *ANSWERED, *FILLERS))}
    made = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return made


def encoder() -> Any:
    """A pretrained encoder of two layers, with weights by chance."""
    import torch
    from transformers import BertConfig, BertModel

    from training.understanding.encoders import Encoder, fast_tokenizer

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=24,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertModel(config, add_pooling_layer=False)
    return Encoder("tiny", model, fast_tokenizer(tokenizer()), "", "Apache-2.0")
