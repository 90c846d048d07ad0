"""The tokenizer of multilingual-e5-small, from its SentencePiece vocabulary."""

import io

from sentencepiece import SentencePieceTrainer
from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]  # made at run time
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from training.export.models.e5_weights import E5Weights


def build_tokenizer(weights: E5Weights) -> Tokenizer:
    """Return the tokenizer as XLM-RoBERTa defines it: NFKC, unigram pieces, ``<s> … </s>``."""
    pieces = weights.pieces
    tokenizer = Tokenizer(
        models.Unigram(
            [(piece, float(score)) for piece, score in zip(pieces, weights.scores, strict=True)],
            unk_id=weights.unknown_id,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(_nmt_nfkc()), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace()
    begin, end = pieces[weights.begin_id], pieces[weights.end_id]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, weights.begin_id), (end, weights.end_id)],
    )
    tokenizer.add_special_tokens(
        [
            AddedToken(pieces[index], special=True)
            for index in (weights.begin_id, weights.pad_id, weights.end_id, weights.unknown_id)
        ]
    )
    return tokenizer


def _nmt_nfkc() -> bytes:
    """SentencePiece's normalization table ``nmt_nfkc``, which XLM-RoBERTa uses.

    The library carries the table but hands it out only inside a model, so the
    smallest possible one is trained.
    """
    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c d e f g h i"] * 50),
        model_writer=model,
        vocab_size=14,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=3,
    )
    parsed = ModelProto()
    parsed.ParseFromString(model.getvalue())
    return bytes(parsed.normalizer_spec.precompiled_charsmap)
