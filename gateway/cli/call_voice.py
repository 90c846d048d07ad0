"""Where a customer's voice comes from in a call."""

from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
import soxr

from gateway.cli.call_coding import Samples
from gateway.cli.call_playback import Playback


class CustomerVoice(Protocol):
    """The customer's side of a call."""

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """Return the ``count`` samples from the call's sample ``start`` on, when they have been spoken.

        ``playback`` is what the customer hears meanwhile. None: says no more.
        """
        ...


class Recording:
    """A recording, played from the start of the call."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """Return the next samples, at the end with silence behind them."""
        if start >= len(self._samples):
            return None
        spoken = self._samples[start : start + count]
        return np.pad(spoken, (0, count - len(spoken)))


def read_recording(path: Path, sample_rate_hertz: int) -> Samples:
    """Read a WAV, FLAC, Ogg or MP3 file as mono audio of the rate.

    ValueError for what is no such file.
    """
    try:
        with path.open("rb") as file:
            audio, rate = soundfile.read(file, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path} cannot be read: give a WAV, FLAC, Ogg or MP3 file") from error
    mono = soxr.resample(audio.mean(axis=1), rate, sample_rate_hertz)
    samples: Samples = (np.clip(mono, -1.0, 1.0) * 32767).round().astype(np.int16)
    return samples
