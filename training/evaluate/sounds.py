"""Sounds without words: noise, hum, clicks, music. What a recognizer must stay silent about."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000

Samples = NDArray[np.float64]
Sound = Callable[[np.random.Generator, float], Samples]
"""(generator, seconds) → samples at 16 kHz with a peak of 1."""


def make(name: str, seed: int, seconds: float, level_db: float) -> NDArray[np.float32]:
    """The named sound with its peak at ``level_db`` (0 dB is full scale), of a seed's own random numbers."""
    sound = SOUNDS[name](np.random.default_rng([seed, *name.encode()]), seconds)
    return np.asarray(sound / max(np.abs(sound).max(), 1e-9) * 10 ** (level_db / 20), np.float32)


def _coloured(exponent: float) -> Sound:
    """Noise whose power falls with frequency to the given exponent: 0 white, 1 pink, 2 brown."""

    def noise(random: np.random.Generator, seconds: float) -> Samples:
        count = int(seconds * SAMPLE_RATE)
        spectrum = np.fft.rfft(random.standard_normal(count))
        spectrum *= np.maximum(np.fft.rfftfreq(count, 1 / SAMPLE_RATE), 20.0) ** (-exponent / 2)
        return np.fft.irfft(spectrum, count)

    return noise


def _time(seconds: float) -> Samples:
    return np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _silence(random: np.random.Generator, seconds: float) -> Samples:
    return np.zeros(int(seconds * SAMPLE_RATE))


def _hum(random: np.random.Generator, seconds: float) -> Samples:
    """Mains hum: 50 or 60 Hz with harmonics, and a little noise."""
    time, base = _time(seconds), random.choice([50.0, 60.0])
    tones = sum(random.uniform(0.2, 1) / k * np.sin(2 * np.pi * base * k * time) for k in range(1, 12))
    return np.asarray(tones + 0.02 * random.standard_normal(len(time)))


def _clicks(random: np.random.Generator, seconds: float) -> Samples:
    """Keyboard-like bursts of a few milliseconds at random times."""
    sound = np.zeros(int(seconds * SAMPLE_RATE))
    for begin in random.integers(0, len(sound) - 800, int(seconds * random.uniform(2, 8))):
        length = int(random.integers(40, 800))
        sound[begin : begin + length] += random.standard_normal(length) * np.exp(-np.arange(length) / 80)
    return sound


def _swells(random: np.random.Generator, seconds: float) -> Samples:
    """Pink noise that swells and fades, as traffic does."""
    time = _time(seconds)
    envelope = 0.5 - 0.5 * np.cos(2 * np.pi * time / random.uniform(3, 9))
    return np.asarray(_coloured(1)(random, seconds) * envelope**2)


def _babble_hiss(random: np.random.Generator, seconds: float) -> Samples:
    """Noise in the band and the rhythm of speech, without its voice."""
    time = _time(seconds)
    spectrum = np.fft.rfft(random.standard_normal(len(time)))
    hertz = np.fft.rfftfreq(len(time), 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    return np.asarray(np.fft.irfft(spectrum, len(time)) * np.clip(np.sin(2 * np.pi * 4 * time), 0.05, 1))


def _note(frequency: float, seconds: float, vibrato: float = 0.0, attack: float = 0.02) -> Samples:
    time = _time(seconds)
    phase = 2 * np.pi * frequency * time + vibrato * np.sin(2 * np.pi * 5.5 * time)
    tone = sum(np.sin(k * phase) / k**1.5 for k in range(1, 8) if k * frequency < 7_500)
    return np.asarray(tone * np.minimum(1, time / attack) * np.minimum(1, (seconds - time) / 0.05))


def _chords(random: np.random.Generator, seconds: float) -> Samples:
    """Triads, changing every one to two seconds: music on hold."""
    pieces: list[Samples] = []
    while sum(len(piece) for piece in pieces) < seconds * SAMPLE_RATE:
        root, length = 110 * 2 ** (random.integers(0, 18) / 12), random.uniform(1, 2)
        third = random.choice([3, 4])
        notes = [_note(root * 2 ** (step / 12), length) for step in (0, third, 7, 12)]
        pieces.append(np.asarray(np.add.reduce(notes)))
    return np.concatenate(pieces)[: int(seconds * SAMPLE_RATE)]


def _melody(random: np.random.Generator, seconds: float) -> Samples:
    """One line with vibrato in the range of a voice: a flute or a violin."""
    pieces: list[Samples] = []
    while sum(len(piece) for piece in pieces) < seconds * SAMPLE_RATE:
        frequency = 220 * 2 ** (random.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
        pieces.append(
            _note(frequency, random.uniform(0.2, 0.9), vibrato=random.uniform(0.2, 1.0), attack=0.06)
        )
        if random.random() < 0.2:
            pieces.append(np.zeros(int(random.uniform(0.1, 0.5) * SAMPLE_RATE)))
    return np.concatenate(pieces)[: int(seconds * SAMPLE_RATE)]


def _drums(random: np.random.Generator, seconds: float) -> Samples:
    """Kick, snare and hi-hat at a steady beat."""
    sound = np.zeros(int(seconds * SAMPLE_RATE) + SAMPLE_RATE)
    step = int(SAMPLE_RATE * 60 / random.uniform(80, 150) / 2)
    time = _time(0.25)
    kick = np.sin(2 * np.pi * (50 * time + 20 * np.exp(-time * 30))) * np.exp(-time * 14)
    for index, begin in enumerate(range(0, len(sound) - 2 * len(time), step)):
        hiss = random.standard_normal(len(time))
        sound[begin : begin + len(time)] += 0.25 * hiss * np.exp(-time * 60)
        if index % 4 == 0:
            sound[begin : begin + len(time)] += kick
        if index % 4 == 2:
            sound[begin : begin + len(time)] += 0.7 * hiss * np.exp(-time * 18)
    return sound[: int(seconds * SAMPLE_RATE)]


def _band(random: np.random.Generator, seconds: float) -> Samples:
    """Chords, melody and drums together."""
    parts = [0.5 * _chords(random, seconds), 0.8 * _melody(random, seconds), 2.0 * _drums(random, seconds)]
    return np.asarray(np.add.reduce(parts))


def _ringing(random: np.random.Generator, seconds: float) -> Samples:
    """Telephone tones: ringing, busy or dialled."""
    time = _time(seconds)
    low, high, rhythm = [(440, 480, 6.0), (480, 620, 1.0), (350, 440, 1e6)][random.integers(3)]
    on = (time % rhythm) < rhythm / 2
    tone = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
    return np.asarray(tone * on + 0.01 * random.standard_normal(len(time)))


SOUNDS: Mapping[str, Sound] = {
    "silence": _silence,
    "white": _coloured(0),
    "pink": _coloured(1),
    "brown": _coloured(2),
    "hum": _hum,
    "clicks": _clicks,
    "swells": _swells,
    "speech_rhythm_hiss": _babble_hiss,
    "chords": _chords,
    "melody": _melody,
    "drums": _drums,
    "band": _band,
    "ringing": _ringing,
}
"""By name; ``make`` draws one."""
