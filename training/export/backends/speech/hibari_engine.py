"""English speech with hibari: about 1 % of real time on one thread."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from hibari import tts

from . import clauses

SAMPLE_RATE = tts.SAMPLE_RATE
_FIRST_CHARACTERS = 24  # some 1.6 s of speech, made in 20 ms
_MOST_CHARACTERS = 120
_SILENCE = 0.006  # amplitude; speech peaks at 0.3
_EDGE = int(0.02 * SAMPLE_RATE)


class HibariEngine:
    """The voice "heart" from its verified model.

    Texts are words and punctuation already: hibari's own normaliser, which would read "no." as "number",
    is left out.
    """

    voices = ("heart",)

    def __init__(self, folder: Path, threads: int) -> None:
        self._verify(folder)
        self._hibari = tts.Hibari(model=str(folder / "hibari.onnx"), threads=threads)
        self._hibari.g2p.oov("frontdesk")  # loads what is loaded lazily

    def speak(self, text: str, voice: str, speed: float) -> Iterator[np.ndarray]:
        """Chunks of samples; a piece starts and ends within 20 ms of its sound."""
        pieces = clauses.split(text, len, _FIRST_CHARACTERS, _MOST_CHARACTERS)
        for index, piece in enumerate(pieces):
            ids = self._hibari.ids(self._hibari.g2p(piece, normalize_text=False))
            for start in range(0, max(len(ids) - 2, 0), tts.MAX_PHONEMES):
                part = [0, *ids[1:-1][start : start + tts.MAX_PHONEMES], 0]
                samples = trim(self._hibari.from_ids(part, speed, np.random.default_rng(0)))
                if samples.size:
                    yield samples
            if index + 1 < len(pieces):
                yield np.zeros(int(clauses.pause_seconds(piece) / speed * SAMPLE_RATE), np.float32)

    @staticmethod
    def _verify(folder: Path) -> None:
        """The word lists come with the installed package: they must be those of the weights' manifest."""
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for name, expected in manifest["package_files"].items():
            path = Path(tts.ASSETS) / name
            if hashlib.sha256(path.read_bytes()).hexdigest() != expected:
                raise RuntimeError(
                    f"{path} is not the file of the weights' manifest: install hibari-tts==0.2.1"
                )


def trim(samples: np.ndarray) -> np.ndarray:
    """Without the silence at both ends, but for 20 ms; faded there, so that nothing clicks."""
    loud = np.flatnonzero(np.abs(samples) > _SILENCE)
    if not loud.size:
        return samples[:0]
    kept = samples[max(0, loud[0] - _EDGE) : loud[-1] + _EDGE].copy()
    ramp = np.linspace(0, 1, min(_EDGE // 2, kept.size // 2), dtype=np.float32)
    kept[: ramp.size] *= ramp
    kept[kept.size - ramp.size :] *= ramp[::-1]
    return kept
