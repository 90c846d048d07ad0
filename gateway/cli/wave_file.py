"""Saving speech as WAV."""

import wave
from pathlib import Path


def save_wave(path: Path, samples: bytes, sample_rate_hertz: int) -> float:
    """Write mono LINEAR16 samples; return their duration in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as opened, wave.open(opened, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hertz)
        file.writeframes(samples)
    return len(samples) / 2 / sample_rate_hertz
