"""Texts as they come mistyped, and as a recognizer mishears them. Pure; all chance is the caller's."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from training.data.augmentation import mandarin
from training.data.augmentation.spoken import spoken

_CONFUSIONS: Final = Path(__file__).with_name("confusions_en.txt")
_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LEANING: Final = (0.0, 0.25, 0.75)
"""How far each row of a keyboard lies to the right of the first, in keys."""

_WORD: Final = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)*")
_DROPPED: Final = re.compile(
    r"a|an|the|of|to|in|on|at|for|is|are|was|be|been|do|does|did|have|has|had|it|that|this|and|but|so"
    r"|i|my|me|you|your|we|with|from|will|would|can|just"
)
"""Words that recognizers lose: short and unstressed."""
_ENDINGS: Final = re.compile(r"(?<=[a-z]{3})(?:s|ed|d|ing)$")
_LONGEST: Final = 3
"""Words of an entry in the table, at most."""

Confusions = Mapping[str, tuple[str, ...]]
"""What a word, or several parted by spaces, in lower case, is taken for."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often a recognizer errs, as shares of the words (Mandarin: of the characters) it could err on."""

    confused: float = 0.16
    """Taken for others that sound alike."""
    dropped: float = 0.08
    """Of the words that recognizers lose."""
    ending: float = 0.08
    """Heard without their ending."""
    joined: float = 0.02
    """Written as one with the next,"""
    split: float = 0.01
    """or as two."""
    apostrophe: float = 0.3
    """Of apostrophes that are lost."""


def typos(text: str, rng: np.random.Generator, share: float = 1 / 3, language: str = "en") -> str:
    """Give a text with one typo in every third word, or another ``share`` of its words (0 to 1).

    Drawn are as many words as the share comes to, one at least, of those with two
    letters or more; each has a letter swapped with the next, dropped, doubled, or
    replaced or joined by a neighbour on the keyboard (QWERTY), equally often. Letters
    keep their case. In Mandarin a typo is another character of the same syllable, as
    an input method offers, in that share of pairs of characters.
    """
    if language == "zh":
        return mandarin.confused(text, rng, share / 2, alike=False)
    words = list(_WORD.finditer(text))
    if not words or share <= 0:
        return text
    count = min(len(words), max(1, round(share * len(words))))
    for position in sorted(rng.choice(len(words), count, replace=False), reverse=True):
        word = words[position]
        text = text[: word.start()] + _mistyped(word[0], rng) + text[word.end() :]
    return text


def _mistyped(word: str, rng: np.random.Generator) -> str:
    places = [place for place, letter in enumerate(word) if letter.isalpha()]
    # A double letter swapped would be no typo, and neither would one replaced that no key is near.
    swaps = [p for p in places if p + 1 in places and word[p].lower() != word[p + 1].lower()]
    typed = [p for p in places if word[p].lower() in _NEIGHBOURS]
    ways: list[tuple[Callable[[str, int, np.random.Generator], str], list[int]]] = [
        (_dropped, places),
        (_doubled, places),
    ]
    if swaps:
        ways.append((_swapped, swaps))
    if typed:
        ways += [(_replaced, typed), (_joined, typed)]
    way, possible = ways[int(rng.integers(len(ways)))]
    return way(word, possible[int(rng.integers(len(possible)))], rng)


def _dropped(word: str, place: int, rng: np.random.Generator) -> str:
    return word[:place] + word[place + 1 :]


def _doubled(word: str, place: int, rng: np.random.Generator) -> str:
    return word[: place + 1] + word[place:]


def _swapped(word: str, place: int, rng: np.random.Generator) -> str:
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _replaced(word: str, place: int, rng: np.random.Generator) -> str:
    return word[:place] + _neighbour(word[place], rng) + word[place + 1 :]


def _joined(word: str, place: int, rng: np.random.Generator) -> str:
    """Both keys hit with one finger."""
    return word[: place + 1] + _neighbour(word[place], rng) + word[place + 1 :]


def _neighbour(letter: str, rng: np.random.Generator) -> str:
    near = _NEIGHBOURS[letter.lower()]
    other = near[int(rng.integers(len(near)))]
    return other.upper() if letter.isupper() else other


def _neighbours() -> Mapping[str, str]:
    """Each key's neighbours: those whose middles are less than one and a quarter keys away."""
    middles = {
        letter: complex(column + _LEANING[row], row)
        for row, letters in enumerate(_ROWS)
        for column, letter in enumerate(letters)
    }
    return {
        letter: "".join(other for other, at in middles.items() if 0 < abs(at - middle) < 1.25)
        for letter, middle in middles.items()
    }


_NEIGHBOURS: Final = _neighbours()


def asr_errors(
    text: str,
    rng: np.random.Generator,
    language: str = "en",
    confusions: Confusions | None = None,
    rates: Rates = Rates(),
) -> str:
    """Give a text as a speech recognizer might write it that errs.

    Case and punctuation are lost and numbers are words, always; by ``rates`` words are
    taken for others that sound alike, short words and endings are lost, words are
    joined or split. In Mandarin, characters are taken for others of the same or of a
    similar syllable. A text is never made empty.

    Args:
        text: What was said.
        rng: Draws the errors.
        language: "en" or "zh".
        confusions: What is taken for what; without it, a table of customers' common words.
        rates: How often.
    """
    heard = spoken(text, language)
    if language == "zh":
        return mandarin.confused(heard, rng, rates.confused / 2, alike=True) or text
    table = common_confusions() if confusions is None else confusions
    words = heard.split()
    written: list[str] = []
    place = 0
    while place < len(words):
        length = next(
            (n for n in range(min(_LONGEST, len(words) - place), 0, -1) if _entry(words, place, n) in table),
            1,
        )
        entry = _entry(words, place, length)
        place += length
        written += _misheard(entry, table, rng, rates).split()
    return " ".join(_parted(written, rng, rates)) or heard or text


def _entry(words: list[str], place: int, length: int) -> str:
    return " ".join(words[place : place + length])


def _misheard(entry: str, table: Confusions, rng: np.random.Generator, rates: Rates) -> str:
    if _DROPPED.fullmatch(entry) and rng.random() < rates.dropped:
        return ""
    if entry in table and rng.random() < rates.confused:
        alike = table[entry]
        return alike[int(rng.integers(len(alike)))]
    if _ENDINGS.search(entry) and rng.random() < rates.ending:
        return _ENDINGS.sub("", entry)
    if "'" in entry and rng.random() < rates.apostrophe:
        return entry.replace("'", "")
    return entry


def _parted(words: list[str], rng: np.random.Generator, rates: Rates) -> list[str]:
    parted: list[str] = []
    for word in words:
        if parted and rng.random() < rates.joined:
            parted[-1] += word
        elif len(word) > 6 and rng.random() < rates.split:
            place = int(rng.integers(3, len(word) - 2))
            parted += [word[:place], word[place:]]
        else:
            parted.append(word)
    return parted


@cache
def common_confusions() -> Confusions:
    """Give the table of common English words that customers of many companies use."""
    table: dict[str, tuple[str, ...]] = {}
    for line in _CONFUSIONS.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            entry, *alike = (part.strip() for part in line.split("|"))
            table[entry] = (*table.get(entry, ()), *alike)
    return table
