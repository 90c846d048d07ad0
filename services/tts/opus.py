"""Speech as Opus packets of 20 ms without a container (RFC 6716), as RTP carries them."""

from collections.abc import Iterator
from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

SAMPLE_RATE = 48_000
PACKET_SAMPLES = 960
"""Samples that a packet holds: 20 ms."""
_BITS_PER_SECOND = 32_000  # clear speech at full bandwidth: RFC 7587, 3.1.1 names 28 to 40 kbit/s

Samples = NDArray[np.float32]


class OpusPackets:
    """One stream of packets, each decoded with the state that those before it left (libopus).

    Samples are at 48 kHz, -1 to 1, in pieces of any length. What a decoder gives is some 312 samples (6.5 ms)
    later than what was put in.
    """

    def __init__(self) -> None:
        self._codec = AudioCodecContext.create("libopus", "w")
        self._codec.sample_rate = SAMPLE_RATE
        self._codec.layout = "mono"
        self._codec.format = "flt"
        self._codec.bit_rate = _BITS_PER_SECOND
        self._codec.options = {"application": "voip", "frame_duration": "20"}
        self._rest: Samples = np.zeros(0, np.float32)
        self._coded = 0

    def encode(self, samples: Samples) -> Iterator[bytes]:
        """The packets that ``samples`` fill, each made when it is asked for; ask for all of them."""
        waiting = np.concatenate([self._rest, samples])
        whole = waiting.size - waiting.size % PACKET_SAMPLES
        self._rest = waiting[whole:]
        for start in range(0, whole, PACKET_SAMPLES):
            yield from self._packets(waiting[start : start + PACKET_SAMPLES])

    def finish(self) -> Iterator[bytes]:
        """The packets of what is left, filled up with silence."""
        if not self._coded and not self._rest.size:
            return
        if self._rest.size:
            yield from self.encode(np.zeros(PACKET_SAMPLES - self._rest.size, np.float32))
        yield from map(bytes, self._codec.encode(None))

    def _packets(self, samples: Samples) -> Iterator[bytes]:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.time_base = Fraction(1, SAMPLE_RATE)
        frame.pts = self._coded
        self._coded += samples.size
        yield from map(bytes, self._codec.encode(frame))
