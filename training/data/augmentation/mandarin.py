"""Mandarin characters that an input method or a recognizer takes for others: by their syllables."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from pypinyin import Style, lazy_pinyin

_FIRST, _LAST = 0xB0, 0xD7
"""Rows of GB 2312's first level: the 3,755 characters in common use."""

_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]+")

_ALIKE: Final = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("f", "h"), ("r", "l"))
"""Initials that many speakers, and recognizers, do not tell apart,"""
_ALIKE_ENDS: Final = (("ang", "an"), ("eng", "en"), ("ing", "in"))
"""and finals."""


def confused(text: str, rng: np.random.Generator, share: float, alike: bool) -> str:
    """Give a text with about ``share`` of its characters (0 to 1) replaced by others that sound the same.

    At least one is replaced if ``share`` is above 0 and one can be. With ``alike``, the
    syllable may also be a similar one (z for zh, n for l, in for ing). What is no
    Chinese character in common use stays.
    """
    homophones = _homophones()
    syllables: dict[int, str] = {}
    for run in _CHINESE.finditer(text):
        read = lazy_pinyin(run[0], style=Style.NORMAL)
        if len(read) == len(run[0]):  # else it knows one of them not
            syllables |= {run.start() + place: syllable for place, syllable in enumerate(read)}
    characters = list(text)
    possible = [place for place, syllable in syllables.items() if syllable in homophones]
    if not possible or share <= 0:
        return text
    count = min(len(possible), max(1, round(share * len(possible))))
    for place in rng.choice(len(possible), count, replace=False):
        at = possible[int(place)]
        near = [syllables[at], *(_similar(syllables[at]) if alike else ())]
        others = [
            other for syllable in near for other in homophones.get(syllable, "") if other != characters[at]
        ]
        if others:
            characters[at] = others[int(rng.integers(len(others)))]
    return "".join(characters)


def _similar(syllable: str) -> list[str]:
    similar = []
    for long, short in _ALIKE:
        for one, other in ((long, short), (short, long)):
            # "s" begins "sh" as well.
            if syllable.startswith(one) and not (len(one) == 1 and syllable[1:2] == "h"):
                similar.append(other + syllable[len(one) :])
    for long, short in _ALIKE_ENDS:
        if syllable.endswith(long):
            similar.append(syllable.removesuffix(long) + short)
        elif syllable.endswith(short):
            similar.append(syllable.removesuffix(short) + long)
    return similar


@cache
def _homophones() -> Mapping[str, str]:
    """Give the common characters of each syllable, whatever the tone."""
    codes = (bytes([row, cell]) for row in range(_FIRST, _LAST + 1) for cell in range(0xA1, 0xFF))
    characters = [code.decode("gb2312", "ignore") for code in codes]
    found: dict[str, str] = {}
    for character in filter(None, characters):
        (syllable,) = lazy_pinyin(character, style=Style.NORMAL)
        found[syllable] = found.get(syllable, "") + character
    return found
