"""What of a spectrogram is hidden, for the encoder to tell from what is left."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Masking:
    """Spans of time, as in Mockingjay (Liu et al., 2020), and bands, as in TERA (Liu et al., 2021)."""

    time_share: float = 0.4
    """Of each example's spectra that are hidden, at least,"""
    span: tuple[int, int] = (10, 50)
    """in spans of so many: 0.1 to 0.5 s, so that no neighbour gives them away."""
    band_share: float = 0.5
    """Of examples that also lose a band,"""
    bands: tuple[int, int] = (4, 20)
    """this wide, of 64."""

    def draw(self, shape: tuple[int, int, int], random: np.random.Generator) -> NDArray[np.bool_]:
        """Give a mask ``[examples, spectra, pitches]``, True where hidden."""
        hidden = np.zeros(shape, np.bool_)
        _, spectra, pitches = shape
        for example in hidden:
            while example[:, 0].mean() < self.time_share:
                length = random.integers(*self.span, endpoint=True)
                begin = random.integers(max(1, spectra - length + 1))
                example[begin : begin + length] = True
            if random.random() < self.band_share:
                width = random.integers(*self.bands, endpoint=True)
                begin = random.integers(pitches - width + 1)
                example[:, begin : begin + width] = True
        return hidden
