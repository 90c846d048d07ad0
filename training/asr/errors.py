"""How many words (in Mandarin, characters) were heard wrong. No torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from training.evaluate import spoken


@dataclass(frozen=True, slots=True)
class Errors:
    """Of some transcripts together."""

    wrong: int
    """Words put in, left out, or replaced."""
    said: int
    """Words of the references."""

    @property
    def percent(self) -> float:
        """Give the word (or character) error rate in percent; above 100 where much is put in."""
        return round(100 * self.wrong / max(self.said, 1), 2)

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(self.wrong + other.wrong, self.said + other.said)


def count(references: Sequence[str], heard: Sequence[str], languages: Sequence[str]) -> Errors:
    """Compare transcripts, each in its language, as ``training.evaluate.spoken`` makes them comparable."""
    wrong = said = 0
    for reference, transcript, language in zip(references, heard, languages, strict=True):
        parts = spoken.mandarin_characters if language == "zh" else spoken.english_tokens
        expected = parts(reference)
        wrong += Levenshtein.distance(expected, parts(transcript))
        said += len(expected)
    return Errors(wrong, said)
