"""Which words of a growing transcript will not change any more. Pure.

Local agreement of two successive hypotheses (LocalAgreement-2: Liu, Spanakis and Niehues 2020,
"Low-latency sequence-to-sequence speech recognition and translation by partial hypothesis selection";
used with Whisper by Macháček, Dabre and Bojar 2023, "Turning Whisper into real-time transcription
system", arXiv:2307.14743).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.asr.transcriber import Word

HOLD_BACK_SECONDS: Final = 1.0
"""Words that end this near to the end of the audio wait for another decoding: they may be cut, and what
follows may show them to be others ("a race" was the beginning of "erase N T D I C")."""

_MARKS = ".,!?;:…。，！？；：、"


class LocalAgreement:
    """A word is stable once two successive decodings begin, after the stable words, with it."""

    def __init__(self, earliest: float = 0.0) -> None:
        """No word begins before ``earliest`` seconds."""
        self._earliest = earliest
        self.stable: tuple[Word, ...] = ()
        """Words that never change again."""
        self._unsure: tuple[Word, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """All words: the stable ones, then those of the last decoding behind them."""
        return self.stable + self._unsure

    def take(self, words: Sequence[Word], heard_until: float) -> None:
        """Take the next decoding of all the audio up to ``heard_until`` seconds."""
        behind = self._behind_stable(words)
        agreed = 0
        for word, before in zip(behind, self._unsure, strict=False):
            if word.text != before.text or word.end > heard_until - HOLD_BACK_SECONDS:
                break
            agreed += 1
        self.stable += behind[:agreed]
        self._unsure = behind[agreed:]

    def cut(self, count: int) -> tuple[Word, ...]:
        """Take the first ``count`` stable words out, whose audio is not decoded any more."""
        taken, self.stable = self.stable[:count], self.stable[count:]
        self._earliest = taken[-1].end if taken else self._earliest
        return taken

    def _behind_stable(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """The words that stand behind the stable ones, in a decoding that may write those otherwise."""
        earliest = self.stable[-1].end if self.stable else self._earliest
        behind = words[_best_prefix(_texts(self.stable), _texts(words)) :]
        return tuple(
            replace(word, begin=max(word.begin, earliest), end=max(word.end, earliest)) for word in behind
        )


def _texts(words: Sequence[Word]) -> list[str]:
    return [word.text.casefold().strip(_MARKS) for word in words]


def _best_prefix(known: Sequence[str], words: Sequence[str]) -> int:
    """Length of the prefix of ``words`` that is nearest to ``known``.

    By edit distance; of equally near ones that which ends with the same word, then the one as long.
    """
    distances = list(range(len(words) + 1))
    for row, text in enumerate(known, start=1):
        above, distances[0] = distances[0], row
        for column, word in enumerate(words, start=1):
            above, distances[column] = (
                distances[column],
                min(distances[column] + 1, distances[column - 1] + 1, above + (text != word)),
            )
    ends = [False, *(word in known[-1:] for word in words)]
    return min(range(len(words) + 1), key=lambda n: (distances[n], not ends[n], abs(n - len(known))))
