"""Makes of few recordings many: other channels, speeds, levels and noises. Pure, without torch."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from training.acoustic.clips import SAMPLE_RATE, Clip
from training.evaluate import sounds

_NOISES = ("white", "pink", "brown", "hum", "clicks")
_PAUSE_SECONDS = (0.05, 0.6)


@dataclass(frozen=True, slots=True)
class Chances:
    """How often what is done to an example, and how strongly."""

    telephone: float = 0.4
    """Share of examples that go through 8 kHz µ-law."""
    speed: float = 0.6
    """Share that is played slower or faster, pitch included,"""
    speeds: tuple[float, float] = (0.85, 1.18)
    """by a factor in this range."""
    noise: float = 0.5
    """Share with noise under it,"""
    noise_db: tuple[float, float] = (-50.0, -6.0)
    """whose peak lies so far under the speech's."""
    level_db: tuple[float, float] = (-20.0, 0.0)
    """Peak of every example under full scale."""


def telephone(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give 16 kHz samples as they sound after 8 kHz µ-law (G.711)."""
    stream = io.BytesIO()
    narrow = soxr.resample(samples, SAMPLE_RATE, 8_000)
    soundfile.write(stream, np.clip(narrow, -1, 1), 8_000, format="RAW", subtype="ULAW")
    stream.seek(0)
    coded, _ = soundfile.read(
        stream, dtype="float32", samplerate=8_000, channels=1, subtype="ULAW", format="RAW"
    )
    return np.asarray(soxr.resample(coded, 8_000, SAMPLE_RATE), np.float32)


def faster(samples: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Give samples played ``factor`` times as fast, the pitch with it (Ko et al., Interspeech 2015)."""
    return np.asarray(soxr.resample(samples, SAMPLE_RATE * factor, SAMPLE_RATE), np.float32)


class Examples:
    """Draws examples: recordings of one speaker with pauses between, through one channel."""

    def __init__(self, clips: Sequence[Clip], chances: Chances, random: np.random.Generator) -> None:
        self._clips = clips
        self._chances = chances
        self._random = random
        self._shares = np.array([clip.seconds for clip in clips])
        self._shares /= self._shares.sum()
        self._of_speaker: Mapping[str, list[Clip]] = {
            clip.speaker: [other for other in clips if other.speaker == clip.speaker] for clip in clips
        }

    def draw(self, seconds: float) -> NDArray[np.float32]:
        """Give one example of this length."""
        count = round(seconds * SAMPLE_RATE)
        speech = self._speech(count)
        if self._random.random() < self._chances.telephone:
            speech = telephone(speech)
        return speech[:count]

    def _speech(self, count: int) -> NDArray[np.float32]:
        random, chances = self._random, self._chances
        clip = self._clips[random.choice(len(self._clips), p=self._shares)]
        factor = random.uniform(*chances.speeds) if random.random() < chances.speed else 1.0
        parts = [np.zeros(random.integers(1, SAMPLE_RATE // 3), np.float32)]
        spoken = faster(clip.samples, factor)
        if len(spoken) > count:
            begin = random.integers(len(spoken) - count)
            parts = [spoken[begin : begin + count]]
        length = len(parts[0])
        while length < count:
            pause = np.zeros(int(random.uniform(*_PAUSE_SECONDS) * SAMPLE_RATE), np.float32)
            parts += [spoken, pause]
            length += len(spoken) + len(pause)
            others = self._of_speaker[clip.speaker]
            spoken = faster(others[random.integers(len(others))].samples, factor)
        speech = np.concatenate(parts)[:count]
        level = random.uniform(*chances.level_db)
        speech = speech / max(float(np.abs(speech).max()), 1e-4) * 10 ** (level / 20)
        if random.random() < chances.noise:
            name = _NOISES[random.integers(len(_NOISES))]
            level += random.uniform(*chances.noise_db)
            noise = sounds.make(name, int(random.integers(1 << 31)), count / SAMPLE_RATE + 0.01, level)
            speech = speech + noise[:count]
        return np.asarray(np.clip(speech, -1, 1), np.float32)
