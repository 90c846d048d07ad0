"""Cuts a text into sentences, also while it is still being written."""

import re

_END = re.compile(
    r"[.!?…]+[\"”’')\]]*(?=\s)|[。！？!?…]+[\"”’」』）)]*(?=[^\s\"”’」』）)。！？!?…])|[；;](?=\s?[\u3400-\u9fff])|\n+"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Za-z]|Mrs?|Ms|Dr|Prof|St|No|Nos|vs|etc|approx|incl|excl|max|min|Inc|Ltd|Dept|Ave|e\.g|i\.e)\.$"
)
_LONGEST = 400
_PAUSE = re.compile(r"[,;:，；：、—]\s*|\s+")


class SentenceCutter:
    """Takes pieces of a text, split anywhere, and gives the sentences that they complete.

    A full stop ends a sentence once the character after it is known ("3." may become "3.5"), and
    not after an abbreviation or before a small letter. Text without an end is cut at a pause after
    400 characters, so that it is spoken at all.
    """

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, piece: str) -> list[str]:
        """Sentences completed by ``piece``."""
        self._rest += piece
        sentences = []
        start = position = 0
        while found := _END.search(self._rest, position):
            position = found.end()
            ends = self._ends(start, found)
            if ends is None:
                break
            if ends:
                sentences.append(self._rest[start:position])
                start = position
        self._rest = self._rest[start:]
        while len(self._rest) > _LONGEST:
            cuts = [pause.end() for pause in _PAUSE.finditer(self._rest, 0, _LONGEST)]
            cut = cuts[-1] if cuts else _LONGEST
            sentences.append(self._rest[:cut])
            self._rest = self._rest[cut:]
        return [sentence.strip() for sentence in sentences if sentence.strip()]

    def finish(self) -> list[str]:
        """What is left when no more text comes."""
        rest = [*self.feed("\n"), self._rest.strip()]
        self._rest = ""
        return [sentence for sentence in rest if sentence]

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
    return [*cutter.feed(text), *cutter.finish()]
