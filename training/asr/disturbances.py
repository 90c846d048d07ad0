"""Makes of one recording others: through a telephone, over noise, with parts that are not heard. No torch."""

import numpy as np
from numpy.typing import NDArray

from training.acoustic.augment import telephone
from training.asr.arguments import AsrArguments
from training.evaluate import sounds
from training.export.backends.whisper.features import FRAMES_PER_SECOND, SAMPLE_RATE

_NOISES = ("white", "pink", "brown", "hum", "clicks")
_NOISE_DB = (-45.0, -10.0)
"""Peak of the noise under the speech's."""
_MASKS = 2


def disturb(
    samples: NDArray[np.float32], arguments: AsrArguments, random: np.random.Generator
) -> NDArray[np.float32]:
    """Give mono 16 kHz samples (-1 to 1) over noise and through a telephone, as often as is wanted."""
    heard = samples
    if random.random() < arguments.noise:
        name = _NOISES[random.integers(len(_NOISES))]
        peak = 20 * np.log10(max(float(np.abs(samples).max()), 1e-4))
        level = peak + random.uniform(*_NOISE_DB)
        noise = sounds.make(name, int(random.integers(1 << 31)), len(samples) / SAMPLE_RATE + 0.01, level)
        heard = np.clip(heard + noise[: len(heard)], -1, 1)
    if random.random() < arguments.telephone:
        heard = telephone(heard)[: len(samples)]
    return np.asarray(heard, np.float32)


def mask(
    mel: NDArray[np.float32], frames: int, arguments: AsrArguments, random: np.random.Generator
) -> NDArray[np.float32]:
    """Give log-mels [M, F] of which the first ``frames`` are speech, with bands and moments hidden.

    What is hidden is as loud as the speech's mean (SpecAugment; Park et al., Interspeech 2019).
    """
    masked = mel.copy()
    mean = mel[:, :frames].mean() if frames else 0.0
    moments = min(round(arguments.masked_seconds * FRAMES_PER_SECOND), frames // 10)
    for _ in range(_MASKS):
        width = int(random.integers(arguments.masked_bands + 1))
        begin = int(random.integers(mel.shape[0] - width + 1))
        masked[begin : begin + width, :frames] = mean
        width = int(random.integers(moments + 1))
        begin = int(random.integers(frames - width + 1))
        masked[:, begin : begin + width] = mean
    return masked
