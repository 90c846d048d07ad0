"""The tokenizer's file and its window."""

from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

from services.serving.errors import FailedPrecondition
from services.text.tokenizer import HuggingFaceTokenizer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    characters = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz:"]
    pieces = [(piece, -1.0) for piece in dict.fromkeys([*characters, "▁query", "▁word"])]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken(piece, special=True) for piece in ("<s>", "</s>")])
    file = tmp_path / "tokenizer.json"
    tokenizer.save(str(file))
    return file


def test_tokens_say_where_they_end_and_which_are_special(path: Path) -> None:
    (tokens,) = HuggingFaceTokenizer(path).tokenize(["query: word"])

    assert list(tokens.pieces) == ["<s>", "▁query", ":", "▁word", "</s>"]
    assert list(tokens.special) == [1, 0, 0, 0, 1]
    assert list(tokens.ends)[1:4] == [5, 6, 11]
    assert not tokens.truncated


def test_the_window_is_512_tokens_and_keeps_the_end_token(path: Path) -> None:
    tokenizer = HuggingFaceTokenizer(path)

    cut, whole = tokenizer.tokenize(["word " * 511 + "word", " ".join(["word"] * 510)])

    assert (len(cut.ids), cut.ids[-1], cut.truncated) == (512, 2, True)
    assert (len(whole.ids), whole.ids[-1], whole.truncated) == (512, 2, False)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="make export"):
        HuggingFaceTokenizer(tmp_path / "absent.json")


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text('{"model": 1}')

    with pytest.raises(FailedPrecondition, match="is no tokenizer"):
        HuggingFaceTokenizer(file)
