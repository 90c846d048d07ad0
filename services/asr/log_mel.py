"""Whisper's log-mel spectrogram (openai/whisper, ``audio.py``: Slaney's filters, 25 ms every 10 ms). Pure."""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000
HOP_SAMPLES: Final = 160
MELS: Final = 80

_FFT = 400
_FLOOR = 1e-10
_DECADES = 8.0  # below the loudest bin that are kept


class LogMel:
    """Samples → log-mel frames. Stateless, safe to use from several threads."""

    def __init__(self) -> None:
        self._filters = _mel_filters().astype(np.float32)
        self._window = np.hanning(_FFT + 1)[:-1].astype(np.float32)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """[80, len(samples) // 160] of mono 16 kHz samples (at least 201), roughly -1 to 1."""
        padded = np.pad(samples, _FFT // 2, mode="reflect")
        windows = sliding_window_view(padded, _FFT)[::HOP_SAMPLES][: len(samples) // HOP_SAMPLES]
        spectrum = np.fft.rfft(windows * self._window, axis=-1).astype(np.complex64)
        power = spectrum.real**2 + spectrum.imag**2
        mel = np.log10(np.maximum(self._filters @ power.T, np.float32(_FLOOR)))
        scaled: NDArray[np.float32] = (np.maximum(mel, mel.max() - _DECADES) + 4.0) / 4.0
        return scaled


def _mel_filters() -> NDArray[np.float64]:
    """[80, 201]: triangles of equal area between 0 and 8 kHz (librosa.filters.mel)."""
    bins = np.fft.rfftfreq(_FFT, 1.0 / SAMPLE_RATE)
    highest = 15.0 + np.log(SAMPLE_RATE / 2 / 1_000.0) * 27.0 / np.log(6.4)
    mels = np.linspace(0.0, highest, MELS + 2)
    # Slaney's scale: linear up to 1 kHz (15 mel), logarithmic above.
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1_000.0 * np.exp(np.log(6.4) / 27.0 * (mels - 15.0)))
    slopes = edges[:, None] - bins[None, :]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0.0, np.minimum(-slopes[:-2] / widths[:-1], slopes[2:] / widths[1:]))
    filters: NDArray[np.float64] = triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters
