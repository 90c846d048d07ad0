"""What a stereo recording of a call says: when the customer fell silent, when the answer sounded. Pure.

Left is the customer, right is Frontdesk, both by one clock. A *voiced* stretch is at least 30 ms in which
each 10 ms are no more than 35 dB under the channel's loudest 10 ms, and 6 dB over its noise floor: breath,
room and coding noise do not count, on either side. On AN4's 148 clips speech so ends some 50 ms before the
last 32 ms that Silero takes for speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FRAME_SECONDS = 0.01
_LEAST_FRAMES = 3
_UNDER_PEAK = 10 ** (-35 / 20)
_OVER_FLOOR = 2.0
_FLOOR_PERCENTILE = 10
_AUDIBLE = 10 ** (-65 / 20)
"""Below this nothing is speech, whatever the peak: -65 dBFS."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something voiced, in seconds from the recording's start."""

    start: float
    end: float


def voiced(channel: Samples, rate: int) -> list[Stretch]:
    """The voiced stretches of one channel (-1 to 1), in order of time."""
    size = int(rate * _FRAME_SECONDS)
    count = len(channel) // size
    if not count:
        return []
    frames = channel[: count * size].reshape(count, size).astype(np.float64)
    levels = np.sqrt((frames**2).mean(axis=1))
    sounding = levels[levels > 0]
    floor = float(np.percentile(sounding, _FLOOR_PERCENTILE)) if len(sounding) else 0.0
    # Where all of the channel is speech its quietest tenth is no noise.
    floor = min(floor, float(levels.max()) * _UNDER_PEAK)
    loud = levels > max(float(levels.max()) * _UNDER_PEAK, floor * _OVER_FLOOR, _AUDIBLE)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    runs = zip(edges[::2], edges[1::2], strict=True)
    return [
        Stretch(begin * size / rate, end * size / rate) for begin, end in runs if end - begin >= _LEAST_FRAMES
    ]


def speech_end(customer: Samples, rate: int) -> float:
    """Where the customer's last voiced stretch ends, in seconds. ValueError where nothing is voiced."""
    stretches = voiced(customer, rate)
    if not stretches:
        raise ValueError("the customer's channel has no speech")
    return stretches[-1].end


def first_audio(customer: Samples, answer: Samples, rate: int) -> float | None:
    """Seconds from the customer's last voiced sample to the first voiced one of the answer behind it.

    None where no answer came. An answer that sounds already while the customer speaks, and never begins
    anew behind that, has none either: it is a cut-off, not a quick answer.
    """
    end = speech_end(customer, rate)
    starts = [stretch.start for stretch in voiced(answer, rate) if stretch.start >= end]
    return starts[0] - end if starts else None


def is_cut_off(decided: Sequence[float], customer: Samples, rate: int) -> bool:
    """Whether a turn was taken for over (times in seconds) before the customer had said everything."""
    end = speech_end(customer, rate)
    return any(time < end for time in decided)


def interruption(spoken_from: float, stops: Sequence[float]) -> float | None:
    """Seconds from the customer's first voiced sample to the stop of the answer; None where it went on."""
    behind = [time for time in stops if time >= spoken_from]
    return behind[0] - spoken_from if behind else None


def mix_echo(played: Samples, level_db: float) -> Samples:
    """The answer's own sound as the customer's line returns it: ``level_db`` (negative) quieter."""
    return np.asarray(played * np.float32(10 ** (level_db / 20)), np.float32)
