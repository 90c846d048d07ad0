"""The encoder and, for its training, the decoder: torch modules, front end included."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchaudio.functional import melscale_fbanks

from services.asr.model import ACOUSTIC_FRAME_SAMPLES, ACOUSTIC_WIDTH, SAMPLE_RATE

HOP: Final = 160
"""Samples from one spectrum to the next: 10 ms."""
WINDOW: Final = 512
"""Samples that a spectrum is taken of: 32 ms."""
SPECTRA: Final = ACOUSTIC_FRAME_SAMPLES // HOP
"""Spectra that become one frame."""
_STEP: Final = 5
"""Spectra that become one position of the Transformer: 50 ms."""
_PITCHES: Final = 64
_FLOOR: Final = 1e-10
_WEAKEST: Final = 1e-3
"""Variance, as a share of the largest, up to which whitening strengthens a direction."""
_RANGE_BELS: Final = 8.0
"""What is this much softer than the loudest is not told apart, as in Whisper's features."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of the Transformer."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    feed_forward: int = 256


class LogMel(nn.Module):
    """Samples ``[batch, n]`` → standardized log-mel ``[batch, 10 · frames, 64]``, for each 0.1 s begun.

    The power spectrum comes from a convolution with the windowed Fourier basis, so that any runtime of
    ONNX computes it alike. Spectrum t is centred on the middle of its hop, 10 t + 5 ms.
    """

    basis: Tensor
    mel: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", _fourier_basis())
        self.register_buffer("mel", _mel_filters())
        self.register_buffer("mean", torch.zeros(_PITCHES))
        self.register_buffer("scale", torch.ones(_PITCHES))

    def forward(self, samples: Tensor) -> Tensor:
        """Give each band with mean 0 and deviation 1 over what training hears."""
        return (self.log_mel(samples) - self.mean) / self.scale

    def log_mel(self, samples: Tensor) -> Tensor:
        """Give the same before standardization: log10 of the power in each mel band."""
        frames = (samples.shape[1] + ACOUSTIC_FRAME_SAMPLES - 1) // ACOUSTIC_FRAME_SAMPLES
        filled = functional.pad(samples, (0, ACOUSTIC_FRAME_SAMPLES))[:, : frames * ACOUSTIC_FRAME_SAMPLES]
        edge = (WINDOW - HOP) // 2
        framed = functional.pad(filled, (edge, edge))
        parts = functional.conv1d(framed[:, None], self.basis, stride=HOP)
        real, imaginary = parts.chunk(2, dim=1)
        power = (real**2 + imaginary**2).transpose(1, 2) @ self.mel
        bels = power.clamp(min=_FLOOR).log10()
        return torch.maximum(bels, bels.amax(dim=(1, 2), keepdim=True) - _RANGE_BELS)


class Layer(nn.Module):
    """A Transformer layer, normalized first. Own code since torch's own cannot be exported for any length."""

    def __init__(self, sizes: Sizes, dropout: float) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.attention_norm = nn.LayerNorm(sizes.width)
        self.projections = nn.Linear(sizes.width, 3 * sizes.width)
        self.joined = nn.Linear(sizes.width, sizes.width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(sizes.width),
            nn.Linear(sizes.width, sizes.feed_forward),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(sizes.feed_forward, sizes.width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Read ``[batch, positions, width]`` and give the same shape."""
        queries, keys, values = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.projections(self.attention_norm(hidden)).chunk(3, dim=2)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        hidden = hidden + self.dropout(self.joined(attended.transpose(1, 2).flatten(2)))
        return torch.as_tensor(hidden + self.dropout(self.feed_forward(hidden)))


class Encoder(nn.Module):
    """Samples → frames ``[batch, frames, 64]``, one each 0.1 s, whitened and layer-normalized.

    Two convolutions make one position each 50 ms of the log-mel, a convolution says where each stands
    (Baevski et al., wav2vec 2.0, 2020), a Transformer reads them all, two positions become a frame.
    Whitening comes when the rest is trained: loudness would else outweigh all that frames also hold.
    """

    centre: Tensor
    whitening: Tensor

    def __init__(self, sizes: Sizes, dropout: float = 0.1) -> None:
        super().__init__()
        width = sizes.width
        self.front_end = LogMel()
        self.hidden_spectrum = nn.Parameter(torch.zeros(_PITCHES))
        self.near = nn.Sequential(
            nn.Conv1d(_PITCHES, width, 5, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, _STEP, stride=_STEP),
            nn.GELU(),
        )
        self.positions = nn.Conv1d(width, width, 31, padding=15, groups=16)
        self.layers = nn.ModuleList(Layer(sizes, dropout) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(width)
        self.frames = nn.Linear(SPECTRA // _STEP * width, ACOUSTIC_WIDTH)
        self.register_buffer("centre", torch.zeros(ACOUSTIC_WIDTH))
        self.register_buffer("whitening", torch.eye(ACOUSTIC_WIDTH))

    def forward(self, samples: Tensor) -> Tensor:
        """Give the frames of samples ``[batch, n]``, 16 kHz."""
        frames = (self.encode(self.front_end(samples)) - self.centre) @ self.whitening
        return functional.layer_norm(frames, (ACOUSTIC_WIDTH,))

    def encode(self, spectra: Tensor) -> Tensor:
        """Give the frames of standardized log-mel ``[batch, 10 · frames, 64]``, not yet whitened."""
        near = self.near(spectra.transpose(1, 2))
        hidden = (near + functional.gelu(self.positions(near))).transpose(1, 2)
        for layer in self.layers:
            hidden = layer(hidden)
        joined = self.norm(hidden).unflatten(1, (-1, SPECTRA // _STEP)).flatten(2)
        return functional.layer_norm(self.frames(joined), (ACOUSTIC_WIDTH,))

    def whiten(self, frames: Tensor) -> None:
        """Make uncorrelated and equally strong what varies in such frames ``[n, 64]`` (by ZCA)."""
        self.centre.copy_(frames.mean(dim=0))
        strengths, directions = torch.linalg.eigh(torch.cov(frames.T))
        # The weakest directions, one of which layer normalization leaves empty, are noise.
        gains = strengths.clamp(min=strengths.max().item() * _WEAKEST).rsqrt()
        self.whitening.copy_(directions @ torch.diag(gains) @ directions.T)


class Decoder(nn.Module):
    """Frames → the log-mel that they stand for. Linear, so that linear models find it in the frames too."""

    def __init__(self) -> None:
        super().__init__()
        self.spectra = nn.Linear(ACOUSTIC_WIDTH, SPECTRA * _PITCHES)

    def forward(self, frames: Tensor) -> Tensor:
        """Give ``[batch, 10 · frames, 64]``."""
        return torch.as_tensor(self.spectra(frames).unflatten(2, (SPECTRA, _PITCHES)).flatten(1, 2))


def _fourier_basis() -> Tensor:
    """``[2 · 257, 1, 512]``: cosines, then sines, each under a periodic Hann window."""
    time = np.arange(WINDOW)
    angle = 2 * np.pi * np.outer(np.arange(WINDOW // 2 + 1), time) / WINDOW
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / WINDOW)
    basis = np.concatenate([np.cos(angle), np.sin(angle)]) * window
    return torch.from_numpy(basis[:, None].astype(np.float32))


def _mel_filters() -> Tensor:
    """``[257, 64]``: triangles, evenly spaced on the mel scale (HTK's) from 0 to 8 kHz."""
    return torch.as_tensor(melscale_fbanks(WINDOW // 2 + 1, 0.0, SAMPLE_RATE / 2, _PITCHES, SAMPLE_RATE))
