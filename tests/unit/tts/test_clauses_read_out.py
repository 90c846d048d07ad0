"""A clause is read out as it is inside its sentence: a number or a date is never cut apart."""

from pathlib import Path

import pytest

from services.tts.normalize import en, zh
from services.tts.sentences import SentenceCutter, sentences
from services.tts.voices import language_of

PASSAGES = sorted(Path("domains/shop/passages").rglob("*.md"))


def written(text: str) -> list[str]:
    """What is spoken at once of a text that comes character by character."""
    cutter = SentenceCutter()
    parts = [part for character in text for part in cutter.feed(character)]
    return [part.text for part in [*parts, *cutter.finish()]]


def read_out(text: str) -> str:
    return "".join((zh if language_of(text) == "zh" else en).spoken(text).split())


@pytest.mark.parametrize("path", PASSAGES, ids=lambda path: "/".join(path.parts[-2:]))
def test_clauses_are_read_out_like_their_sentence(path: Path) -> None:
    whole = [sentence for line in path.read_text().splitlines() for sentence in sentences(line)]
    cut = [written(sentence) for sentence in whole]
    assert any(len(parts) > 1 for parts in cut)
    for sentence, parts in zip(whole, cut, strict=True):
        assert "".join(read_out(part) for part in parts) == read_out(sentence)
