"""Whisper's log-mel spectrogram (openai/whisper, `audio.py`) in numpy."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

SAMPLE_RATE = 16_000
FRAMES_PER_SECOND = 100
WINDOW_SECONDS = 30
"""What the encoder was trained on, and the most it takes."""

_HOP = SAMPLE_RATE // FRAMES_PER_SECOND
_FFT = 400
_DYNAMIC_RANGE = 8.0  # decades below the loudest bin that are kept
_FLOOR = 1e-10


class LogMel:
    """Samples → log-mel frames, as Whisper was trained on them."""

    def __init__(self, mels: int = 80) -> None:
        self._filters = _mel_filters(mels).astype(np.float32)
        self._window = np.hanning(_FFT + 1)[:-1].astype(np.float32)

    def __call__(self, samples: np.ndarray, frames: int) -> np.ndarray:
        """[mels, frames] float32 of mono 16 kHz samples (-1 to 1), as if silence followed them.

        Equals Whisper's spectrogram of the samples padded with zeros to ``frames`` x 10 ms, but computes
        only what is not silence. ``frames`` must reach at least to the end of the samples.
        """
        # The last sample is heard up to half a transform later; after that every frame is silence.
        padded = np.concatenate([samples, np.zeros(_FFT + _HOP, np.float32)])
        padded = np.pad(padded, (_FFT // 2, 0), mode="reflect")
        blocks = sliding_window_view(padded, _FFT)[::_HOP][:frames]
        power = np.abs(np.fft.rfft(blocks * self._window, axis=-1)).astype(np.float32) ** 2
        heard = np.log10(np.maximum(self._filters @ power.T, _FLOOR))
        lowest = max(float(heard.max()) - _DYNAMIC_RANGE, float(np.log10(_FLOOR)))
        mel = np.full((heard.shape[0], frames), lowest, np.float32)
        mel[:, : heard.shape[1]] = np.maximum(heard, lowest)
        return (mel + 4.0) / 4.0


def _mel_filters(mels):
    """Slaney's mel filter bank, 0 to 8 kHz, each filter of equal area (librosa.filters.mel)."""
    bins = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE)
    points = np.linspace(0.0, _hertz_to_mel(SAMPLE_RATE / 2), mels + 2)
    edges = np.where(
        points < 15.0, points * 200.0 / 3.0, 1000.0 * np.exp(np.log(6.4) / 27.0 * (points - 15.0))
    )
    slopes = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0.0, np.minimum(-slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]))
    return triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]


def _hertz_to_mel(hertz):
    return 15.0 + np.log(hertz / 1000.0) * 27.0 / np.log(6.4)
