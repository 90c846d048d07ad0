"""Phonemes in Kokoro's alphabet for Mandarin, English and any mixture of the two."""

import logging
import re

import jieba
from hibari.g2p import G2P
from misaki.zh import ZHG2P

_HAN = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")
_SPOKEN = re.compile(r"[A-Za-z0-9]")


class Phonemes:
    """Mandarin by misaki as Kokoro was trained with it, the rest by hibari's English rules."""

    def __init__(self) -> None:
        jieba.setLogLevel(logging.WARNING)
        self._english = G2P()
        self._english.oov("frontdesk")  # loads what is loaded lazily
        self._mandarin = ZHG2P()

    def __call__(self, text: str) -> str:
        runs = _HAN.findall(ZHG2P.map_punctuation(text))
        return re.sub(r"\s+", " ", "".join(self._run(run) for run in runs)).strip()

    def _run(self, run: str) -> str:
        if "\u3400" <= run[0] <= "\u9fff":
            return ZHG2P.legacy_call(run)
        if not _SPOKEN.search(run):
            return run
        return f" {self._english(run.strip(), normalize_text=False)} "
