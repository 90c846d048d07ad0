"""Which sentences of a passage answer a question. Nothing is ever reworded. Pure."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

_NEXT = r"(?=[A-Z0-9\"'(“])"
_BOUNDARY = re.compile(
    rf"(?<=[.!?])\s+{_NEXT}|(?<=[.!?][\"')\]”])\s+{_NEXT}"  # English: a blank and a new beginning
    r"|(?<=[。！？])(?![」』”’）。！？])"  # Mandarin: no blank
    r"|\n+"
)

LEAD = 0.5
"""What a passage's beginning counts, in shares of the question's words: it often answers by itself."""


def sentences(text: str) -> list[str]:
    """Split a text into its sentences, in order."""
    parts = [part.strip() for part in _BOUNDARY.split(text)]
    return [part for part in parts if part]


def quote(
    text: str, question_words: Sequence[str], split: Callable[[str], Sequence[str]], most: int
) -> list[str]:
    """Give the ``most`` contiguous sentences that share most of the question's words.

    A passage of at most ``most`` sentences is quoted whole. A word counts by how
    rare it is among the sentences (inverse document frequency), once; the first
    window has an advantage of ``LEAD``.
    """
    whole = sentences(text)
    if len(whole) <= most:
        return whole
    words = [set(split(sentence)) for sentence in whole]
    frequency = Counter(word for found in words for word in found)
    asked = set(question_words) & frequency.keys()
    weight = {word: math.log1p(len(whole) / frequency[word]) for word in asked}
    total = sum(weight.values()) or 1.0

    def worth(start: int, end: int) -> float:
        found = set().union(*words[start:end])
        return sum(weight[word] for word in asked & found) / total

    def order(start: int) -> tuple[float, float, int]:
        # Among equals, the window that begins with what was asked.
        lead = LEAD if start == 0 else 0.0
        return worth(start, start + most) + lead, worth(start, start + 1), -start

    best = max(range(len(whole) - most + 1), key=order)
    return whole[best : best + most]
