"""An encoder, a tokenizer and a set that are small enough to train in a moment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel

from training.data.examples import Example, ExampleSet, Slot
from training.understanding.arguments import UnderstandingArguments
from training.understanding.encoders import Encoder, fast_tokenizer

INTENTS = {
    "card_lost": "my card is lost",
    "change_pin": "how do i change the pin",
    "top_up": "top up the account please",
}
WIDTH = 32
_PADDING = ("today", "now", "please", "again", "then", "thanks", "quickly", "somehow")


def word_piece(words: Sequence[str]) -> Any:
    """Knows ``words``; special tokens are 0 to 4."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    plain = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    plain.normalizer = BertNormalizer()
    plain.pre_tokenizer = BertPreTokenizer()
    plain.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return fast_tokenizer(plain)


def bert(pooler: bool = False) -> Any:
    """Two layers, ``WIDTH`` wide, random weights; the same each time."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=60,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    return BertModel(config, add_pooling_layer=pooler)


def tokenizer() -> Any:
    words = sorted({word for text in (*INTENTS.values(), *_PADDING) for word in text.split()})
    return word_piece([*words, *(f"##{c}" for c in "abcdefghijklmnopqrst")])


def encoder(pooler: bool = False) -> Encoder:
    return Encoder("tiny", bert(pooler), tokenizer(), "", "none")


def encoder_folder(folder: Path) -> Path:
    """The same, as a folder that ``encoders.load`` reads."""
    own = encoder()
    own.model.save_pretrained(folder)
    own.tokenizer.save_pretrained(folder)
    return folder


def examples(each: int = 8, slots: bool = False) -> ExampleSet:
    def split(name: str, shift: int) -> tuple[Example, ...]:
        made: list[Example] = []
        for number in range(each):
            for intent, words in INTENTS.items():
                padding = _PADDING[(number + shift) % len(_PADDING)], _PADDING[(3 * number + shift) % 5]
                text = f"{padding[0]} {words} {padding[1]}"
                slot = (Slot("when", 0, len(padding[0])),) if slots else ()
                made.append(
                    Example(
                        text, intents=(intent,), slots=slot, split=name, source=f"tiny.jsonl:{len(made) + 1}"
                    )
                )
        return tuple(made)

    return ExampleSet(
        name="tiny",
        train=split("train", 0),
        validation=split("validation", 1)[: each * 2],
        test=split("test", 2)[:each],
        labels=tuple(sorted(INTENTS)),
        slot_names=("when",) if slots else (),
    )


def arguments(**values: Any) -> UnderstandingArguments:
    """Six steps an epoch, dropout on."""
    chosen = {
        "epochs": 3.0,
        "batch_size": 4,
        "learning_rate": 3e-3,
        "head_rate": 1e-2,
        "threads": 1,
        "dropout": 0.2,
    }
    return UnderstandingArguments.of({**chosen, **values})
