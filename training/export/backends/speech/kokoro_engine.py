"""Mandarin (and English) speech with Kokoro-82M, streamed within a clause.

Kokoro takes half of real time on two cores, nearly all of it in the generator, which the exporter has
made local: with the statistics of its normalisations fixed, four frames of context decide a frame.
So the front (prosody, pitch, decoder) runs once a clause, and the generator in windows: a short one
first, longer ones while the customer already hears it. Silence that Kokoro puts around a text
(a second of it) is left out before the generator, not after it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from . import clauses
from .phonemes import Phonemes

SAMPLE_RATE = 24_000
FRAME = 600  # samples
CONTEXT = 4  # frames that the generator sees beside a window
STYLE_ROW = 45  # the generator's statistics hold for one row of a voice's styles
_STEPS, _HARMONIC_STEPS = 2, 120  # a frame's share of the front's outputs
_SILENT = -4.0  # of the front's energy, which is about -9 in silence and 9 in vowels
_FIRST_FRAMES, _GROWTH, _MOST_FRAMES = 14, 1.7, 100
_FIRST_PHONEMES, _MOST_PHONEMES = 12, 90
_LEAD, _TAIL = 2, 3  # frames kept around the sound
_LIMIT = 500  # phonemes that Kokoro takes at once


class KokoroEngine:
    """Voices that the exporter has put into ``voices.npz``: each with styles [rows, 256] and statistics."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._front = session(folder / "front.onnx", threads)
        self._generator = session(folder / "generator.onnx", threads)
        self._vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with np.load(folder / "voices.npz") as data:
            self._styles = {name[7:]: data[name] for name in data.files if name.startswith("styles/")}
            self._statistics = {name: data[f"statistics/{name}"] for name in self._styles}
        self._phonemes = Phonemes()
        self.voices = tuple(sorted(self._styles))

    def speak(self, text: str, voice: str, speed: float) -> Iterator[np.ndarray]:
        """Chunks of samples, in order, without gaps between them."""
        pieces = clauses.split(
            text, lambda clause: len(self._phonemes(clause)), _FIRST_PHONEMES, _MOST_PHONEMES
        )
        size: float = _FIRST_FRAMES
        for index, piece in enumerate(pieces):
            ids = token_ids(self._phonemes(piece), self._vocabulary)
            for start in range(0, len(ids), _LIMIT):
                for samples in self._piece(ids[start : start + _LIMIT], voice, speed, size):
                    size = min(_MOST_FRAMES, _GROWTH * samples.size / FRAME)
                    yield samples
            if index + 1 < len(pieces):
                yield np.zeros(int(clauses.pause_seconds(piece) / speed * SAMPLE_RATE), np.float32)

    def _piece(self, ids: list[int], voice: str, speed: float, size: float) -> Iterator[np.ndarray]:
        style = style_for(self._styles[voice], len(ids))
        steps, harmonics, energy = run_front(self._front, ids, style, speed)
        frames = energy.size // _STEPS
        loudness = energy.reshape(frames, _STEPS).mean(1)
        sound = np.flatnonzero(loudness > _SILENT)
        if not sound.size:
            return
        start, end = max(0, sound[0] - _LEAD), min(frames, sound[-1] + 1 + _TAIL)
        fade = np.linspace(0, 1, FRAME // 2, dtype=np.float32)
        for first, last in windows(loudness, start, end, size):
            left, right = max(0, first - CONTEXT), min(frames, last + CONTEXT)
            inputs = {
                "steps": steps[:, :, left * _STEPS : right * _STEPS],
                "harmonics": harmonics[:, :, left * _HARMONIC_STEPS : right * _HARMONIC_STEPS + 1],
                "style": style,
                "statistics": self._statistics[voice],
            }
            samples = self._generator.run(None, inputs)[0].ravel()
            samples = samples[(first - left) * FRAME : (last - left) * FRAME].copy()
            if first == start:
                samples[: fade.size] *= fade
            if last == end:
                samples[-fade.size :] *= fade[::-1]
            yield samples


def session(model: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session that does not spin."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def token_ids(phonemes: str, vocabulary: Mapping[str, int]) -> list[int]:
    """Phonemes that Kokoro knows, as its token ids."""
    return [vocabulary[phoneme] for phoneme in phonemes if phoneme in vocabulary]


def style_for(styles: np.ndarray, length: int) -> np.ndarray:
    """A voice's style [1, 256]: the sound of one row, the prosody of the row for ``length`` phonemes."""
    prosody = styles[min(max(length, 1), len(styles)) - 1]
    return np.concatenate([styles[STYLE_ROW][:128], prosody[128:]])[None]


def run_front(
    front: onnxruntime.InferenceSession, ids: Sequence[int], style: np.ndarray, speed: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the generator needs, of ``ids`` without the padding: steps, harmonics, energy."""
    inputs = {
        "tokens": np.array([[0, *ids, 0]], np.int64),
        "style": style,
        "speed": np.array([speed], np.float32),
    }
    steps, harmonics, energy = front.run(["steps", "harmonics", "energy"], inputs)
    return steps, harmonics, energy[0]


def windows(loudness: np.ndarray, start: int, end: int, size: float) -> Iterator[tuple[int, int]]:
    """Frames [start, end) cut into windows that grow, each cut where it is quietest nearby."""
    while end - start > size * 1.5:
        low, high = start + int(size * 0.75), start + int(size * 1.25) + 1
        cut = low + int(np.argmin(loudness[low:high]))
        yield start, cut
        start, size = cut, min(_MOST_FRAMES, size * _GROWTH)
    if end > start:
        yield start, end
