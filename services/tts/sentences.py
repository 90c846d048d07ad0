"""Cuts a text into sentences, also while it is still being written."""

import re
from dataclasses import dataclass

_END = re.compile(
    r"[.!?…]+[\"”’')\]]*(?=\s)|[。！？!?…]+[\"”’」』）)]*(?=[^\s\"”’」』）)。！？!?…])|[；;](?=\s?[\u3400-\u9fff])|\n+"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|Mrs?|Ms|Dr|Prof|St|No|Nos|vs|etc|approx|incl|excl|max|min|Inc|Ltd|Dept|Ave|e\.g|i\.e)\.$"
)
_LONGEST = 400
_PAUSE = re.compile(r"[,;:，；：、—]\s*|\s+")
# Before a number it may be no pause: "March 5, 2026".
_CLAUSE_END = re.compile(
    r"[,;:—][\"”’')\]]*\s+(?=[\"“‘(]?[^\W\d_])|[，；：、—]+[\"”’」』）]*(?=[“‘「『（]?[^\W\d_])"
)
_WHOLE = re.compile(r"[.!?…。！？][\"”’」』）')\]]*\s*$")
_FIRST_CLAUSE, _LATER_CLAUSE = 24, 80
_HAN_WEIGHT = 4


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of text that is spoken at once. ``goes_on``: its sentence does, after a short pause."""

    text: str
    goes_on: bool = False


class SentenceCutter:
    """Takes pieces of a text, split anywhere, and gives the sentences that they complete.

    A full stop ends a sentence once the character after it is known ("3." may become "3.5"), and
    not after an abbreviation or before a small letter. Text without an end is cut at a pause after
    400 characters, so that it is spoken at all.

    A sentence whose end is not written yet is begun, so that its first sound does not wait for its last
    word: at the first comma (colon, dash, …) after 24 characters when nothing was spoken before, which
    are some 1.6 s of speech, after 80 later, when speech is under way already and longer pieces sound
    better. A Chinese character counts as four. A sentence that comes whole is never cut there.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._begun = False

    def feed(self, piece: str) -> list[Part]:
        """What ``piece`` completes."""
        self._rest += piece
        parts = []
        start = position = 0
        while found := _END.search(self._rest, position):
            position = found.end()
            ends = self._ends(start, found)
            if ends is None:
                break
            if ends:
                parts.append(Part(self._rest[start:position].strip()))
                start = position
        self._rest = self._rest[start:]
        while len(self._rest) > _LONGEST:
            cuts = [pause.end() for pause in _PAUSE.finditer(self._rest, 0, _LONGEST)]
            parts.append(self._begin(cuts[-1] if cuts else _LONGEST))
        parts = [part for part in parts if part.text]
        self._begun = self._begun or bool(parts)
        while not _WHOLE.search(self._rest) and (clause := self._clause()):
            parts.append(self._begin(clause))
            self._begun = True
        return parts

    def finish(self) -> list[Part]:
        """What is left when no more text comes."""
        self._begun = True
        rest = [*self.feed("\n"), Part(self._rest.strip())]
        self._rest = ""
        return [part for part in rest if part.text]

    def _clause(self) -> int:
        """Where the rest's first clause that is long enough ends; 0 where none does."""
        least = _LATER_CLAUSE if self._begun else _FIRST_CLAUSE
        for found in _CLAUSE_END.finditer(self._rest):
            if _weight(self._rest[: found.end()]) >= least:
                return found.end()
        return 0

    def _begin(self, length: int) -> Part:
        part = Part(self._rest[:length].strip(), goes_on=True)
        self._rest = self._rest[length:]
        return part

    def _ends(self, start: int, found: re.Match[str]) -> bool | None:
        """Whether a sentence ends here; None where the next character must be seen first."""
        if not found.group().startswith("."):
            return True
        after = self._rest[found.end() :].lstrip(" ")
        if not after:
            return None
        if after[0].islower():
            return False
        return not _ABBREVIATION.search(self._rest[start : found.start() + 1])


def sentences(text: str) -> list[str]:
    """The sentences of a whole text."""
    cutter = SentenceCutter()
    return [part.text for part in [*cutter.feed(text + "\n"), *cutter.finish()]]


def _weight(text: str) -> int:
    return sum(_HAN_WEIGHT if "\u3400" <= character <= "\u9fff" else 1 for character in text)
