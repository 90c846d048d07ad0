"""What a recording's spectrum is like over time: MFCC, or the logarithms of Mel bands, by torchaudio."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torchaudio
from numpy.typing import NDArray

from training.acoustic.clips import SAMPLE_RATE

_FLOOR = 1e-6
"""Added to powers, so that silence has a logarithm."""


@dataclass(frozen=True, slots=True)
class SoundInput:
    """What is computed of mono 16 kHz samples."""

    kind: Literal["mfcc", "log_mel"] = "mfcc"
    coefficients: int = 40
    """Of MFCC."""
    bands: int = 64
    """Of the Mel scale, from 0 to 8 kHz."""
    window: int = 400
    """Samples: 25 ms,"""
    hop: int = 160
    """a window each 10 ms."""
    seconds: float = 15.0
    """Longer recordings are cut."""

    @property
    def rows(self) -> int:
        """Of the result."""
        return self.coefficients if self.kind == "mfcc" else self.bands


class SoundFeatures:
    """Computes features of recordings."""

    def __init__(self, given: SoundInput) -> None:
        mel = {"n_fft": given.window, "hop_length": given.hop, "n_mels": given.bands}
        self._given = given
        if given.kind == "mfcc":
            self._compute = torchaudio.transforms.MFCC(SAMPLE_RATE, given.coefficients, melkwargs=mel)
        else:
            self._compute = torchaudio.transforms.MelSpectrogram(SAMPLE_RATE, **mel)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give ``[rows, frames]`` of at least one sample; a frame each 10 ms begun, and one."""
        kept = samples[: int(self._given.seconds * SAMPLE_RATE)]
        # The window at either end sees the samples mirrored: there must be as many.
        kept = np.pad(kept, (0, max(0, self._given.window - len(kept))))
        features = self._compute(torch.from_numpy(np.ascontiguousarray(kept, np.float32)))
        if self._given.kind == "log_mel":
            features = torch.log(features + _FLOOR)
        return np.asarray(features.numpy(), np.float32)
