"""When an answer may be begun before the turn is over, and when it may be used. Pure."""

import re

from gateway.turn.completeness import Completeness, completeness
from gateway.turn.hearing import PartialHeard
from gateway.turn.spelling import is_spelling

_FILLERS = frozenset(("um", "uh", "er", "erm", "uhm", "hmm", "mm", "ah", "oh", "well", "so", "please"))
_CHINESE_FILLERS = re.compile(r"[嗯呃额啊哦]|那个|就是说")
_BETWEEN_WORDS = re.compile(r"[^\w']+")
_LEAST_WORDS = 2
_LEAST_CHINESE_CHARACTERS = 4


def is_whole(partial: PartialHeard) -> bool:
    """Whether a partial already is a likely whole question.

    That is a whole sentence of two words (four Chinese characters) or more, which
    nobody is spelling, and whose words will not change: all stable, or settled.
    """
    steady = partial.settled or 0 < partial.word_count == partial.stable_word_count
    if not steady or completeness(partial.text) is not Completeness.WHOLE or is_spelling(partial.text):
        return False
    said = _said(partial.text)
    characters = "".join(said)
    is_chinese = not characters.isascii()  # written without spaces
    return len(said) >= _LEAST_WORDS or (is_chinese and len(characters) >= _LEAST_CHINESE_CHARACTERS)


def same_meaning(speculated: str, final: str) -> bool:
    """Whether two transcripts differ in nothing but case, punctuation and fillers.

    An answer to ``speculated`` then is one to ``final``. Two that say nothing are not
    the same: there is nothing to answer.
    """
    said = _said(speculated)
    return bool(said) and said == _said(final)


def _said(text: str) -> list[str]:
    lowered = text.casefold().replace("’", "'")
    spoken = lowered if lowered.isascii() else _CHINESE_FILLERS.sub("", lowered)
    return [word for word in _BETWEEN_WORDS.split(spoken) if word.strip("'") and word not in _FILLERS]
