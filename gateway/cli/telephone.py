"""A telephone line: 8 kHz, G.711 µ-law, with noise on it."""

import io

import numpy as np
import soundfile

SAMPLE_RATE_HERTZ = 8000


def over_the_telephone(samples: bytes, *, signal_to_noise_db: float = 20.0, seed: int = 0) -> bytes:
    """Return a µ-law WAV of mono 8 kHz LINEAR16 ``samples`` with white noise added."""
    speech = np.frombuffer(samples, dtype="<i2").astype(np.float64) / 32768
    power = np.mean(speech**2) / 10 ** (signal_to_noise_db / 10)
    noise = np.random.default_rng(seed).normal(0.0, np.sqrt(power), len(speech))
    file = io.BytesIO()
    line = np.clip(speech + noise, -1.0, 1.0)
    soundfile.write(file, line, SAMPLE_RATE_HERTZ, format="WAV", subtype="ULAW")
    return file.getvalue()
