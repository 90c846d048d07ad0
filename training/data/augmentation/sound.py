"""Recordings as they come from elsewhere: over a telephone, in noise, and their spectra masked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.acoustic.augment import telephone
from training.acoustic.clips import SAMPLE_RATE
from training.evaluate import sounds

NOISES = ("white", "pink", "brown", "hum", "clicks", "swells", "speech_rhythm_hiss")
"""Of ``training.evaluate.sounds``: what stands behind callers."""

__all__ = ["NOISES", "SoundChances", "SpecAugment", "augmented", "noisy", "telephone"]


def noisy(
    samples: NDArray[np.float32], snr_db: float, rng: np.random.Generator, kind: str | None = None
) -> NDArray[np.float32]:
    """Give mono 16 kHz samples with noise that lies ``snr_db`` under their power.

    ``kind`` is one of ``NOISES``; without it, one is drawn. Silence stays silent. Where
    the sum would be louder than full scale, all of it is made quieter.
    """
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    if power <= 0:
        return samples
    name = kind or NOISES[int(rng.integers(len(NOISES)))]
    seconds = max(len(samples) / SAMPLE_RATE, 0.25) + 0.01  # clicks need room
    noise = sounds.make(name, int(rng.integers(1 << 31)), seconds, 0.0)[: len(samples)].astype(np.float64)
    noise_power = float(np.mean(np.square(noise)))
    if noise_power <= 0:  # between clicks
        return samples
    mixed = samples + noise * np.sqrt(power / noise_power / 10 ** (snr_db / 10))
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max())), np.float32)


@dataclass(frozen=True, slots=True)
class SpecAugment:
    """Masks bands and spans of a spectrogram (Park et al., "SpecAugment", Interspeech 2019; no warping).

    What is masked becomes the spectrogram's mean.
    """

    bands: int = 2
    """Masks over pitches,"""
    band: float = 0.2
    """each at most that share of them wide."""
    spans: int = 2
    """Masks over time,"""
    span: float = 0.1
    """each at most that share of it long."""

    def __call__(self, spectra: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
        """Give a copy of ``[pitches, frames]``, masked."""
        masked = spectra.copy()
        mean = spectra.mean() if spectra.size else 0.0
        for axis, count, share in ((0, self.bands, self.band), (1, self.spans, self.span)):
            size = spectra.shape[axis]
            for _ in range(count):
                width = int(rng.integers(int(share * size) + 1))
                begin = int(rng.integers(size - width + 1))
                place = slice(begin, begin + width)
                masked[(place, slice(None)) if axis == 0 else (slice(None), place)] = mean
        return masked


@dataclass(frozen=True, slots=True)
class SoundChances:
    """How often what is done to a recording in training."""

    telephone: float = 0.3
    """Share that goes through 8 kHz µ-law."""
    noise: float = 0.5
    """Share with noise,"""
    snr_db: tuple[float, float] = (5.0, 30.0)
    """so far under the speech."""


def augmented(
    samples: NDArray[np.float32], rng: np.random.Generator, chances: SoundChances = SoundChances()
) -> NDArray[np.float32]:
    """Give mono 16 kHz samples, by chance with noise and then by chance over a telephone; the same length."""
    if rng.random() < chances.noise:
        samples = noisy(samples, rng.uniform(*chances.snr_db), rng)
    if rng.random() < chances.telephone:
        heard = telephone(samples)[: len(samples)]
        samples = np.pad(heard, (0, len(samples) - len(heard)))
    return samples
