"""How a call's audio is coded on the wire: G.711, LINEAR16 and Opus, mono, both ways."""

import io
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol, cast

import numpy as np
import soundfile
from frontdesk.asr.v1 import asr_pb2
from numpy.typing import NDArray

Samples = NDArray[np.int16]
"""Mono audio, int16 ``[n]``."""

RATES = (8000, 16000, 24000, 48000)
OPUS_RATE = 48000
_OPUS_BITS_PER_SECOND = 24_000


class Coding(StrEnum):
    """Codings that a call may have."""

    LINEAR16 = "linear16"
    MULAW = "mulaw"
    ALAW = "alaw"
    OPUS = "opus"

    @property
    def on_the_wire(self) -> asr_pb2.AudioEncoding.ValueType:
        """The same in ``ConverseConfig.encoding``."""
        return asr_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{self.name}")


@dataclass(frozen=True, slots=True)
class CallFormat:
    """Coding and rate of a call's audio, the same in both directions.

    ValueError for a rate that no call has.
    """

    coding: Coding
    sample_rate_hertz: int

    def __post_init__(self) -> None:
        if self.coding is Coding.OPUS and self.sample_rate_hertz != OPUS_RATE:
            raise ValueError(
                f"Opus has {OPUS_RATE} samples per second in a call, not {self.sample_rate_hertz}"
            )
        if self.sample_rate_hertz not in RATES:
            known = ", ".join(map(str, RATES))
            raise ValueError(f"a call has {known} samples per second, not {self.sample_rate_hertz}")

    def encoder(self) -> "Encoder":
        """Return an encoder for one stream."""
        if self.coding is Coding.OPUS:
            return _OpusEncoder()
        return _SampleCoder(self.coding)

    def decoder(self) -> "Decoder":
        """Return a decoder for one stream."""
        if self.coding is Coding.OPUS:
            return _OpusDecoder()
        return _SampleCoder(self.coding)


class Encoder(Protocol):
    """Writes the audio of one stream."""

    def encode(self, samples: Samples) -> list[bytes]:
        """Return the messages that carry ``samples``; Opus takes frames of 20 ms only."""
        ...


class Decoder(Protocol):
    """Reads the audio of one stream."""

    def decode(self, audio: bytes) -> Samples:
        """Return the samples of the next message."""
        ...


class _SampleCoder:
    """Codings where each sample stands for itself."""

    def __init__(self, coding: Coding) -> None:
        self._subtype = {Coding.LINEAR16: "PCM_16", Coding.MULAW: "ULAW", Coding.ALAW: "ALAW"}[coding]

    def encode(self, samples: Samples) -> list[bytes]:
        file = io.BytesIO()
        # libsndfile wants a rate; raw bytes do not hold it.
        soundfile.write(file, samples, RATES[0], format="RAW", subtype=self._subtype, endian="LITTLE")
        return [file.getvalue()]

    def decode(self, audio: bytes) -> Samples:
        if not audio:
            return np.zeros(0, np.int16)
        samples, _ = soundfile.read(
            io.BytesIO(audio),
            dtype="int16",
            format="RAW",
            subtype=self._subtype,
            samplerate=RATES[0],
            channels=1,
            endian="LITTLE",
        )
        return cast(Samples, samples)


class _OpusEncoder:
    """Opus for speech at 24 kbit/s (RFC 6716), a packet for each 20 ms."""

    def __init__(self) -> None:
        import av

        self._new_frame = av.AudioFrame.from_ndarray
        self._codec = av.CodecContext.create("libopus", "w")
        self._codec.sample_rate = OPUS_RATE
        self._codec.layout = "mono"
        self._codec.format = "s16"
        self._codec.bit_rate = _OPUS_BITS_PER_SECOND
        self._codec.options = {"application": "voip", "frame_duration": "20"}
        self._written = 0

    def encode(self, samples: Samples) -> list[bytes]:
        frame = self._new_frame(samples[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate = OPUS_RATE
        frame.time_base = Fraction(1, OPUS_RATE)
        frame.pts = self._written
        self._written += len(samples)
        return [bytes(packet) for packet in self._codec.encode(frame)]


class _OpusDecoder:
    def __init__(self) -> None:
        import av

        self._new_packet = av.Packet
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.sample_rate = OPUS_RATE
        self._codec.layout = "mono"

    def decode(self, audio: bytes) -> Samples:
        frames = self._codec.decode(self._new_packet(audio))  # libopus gives int16, ``[1, n]``
        return np.concatenate([frame.to_ndarray()[0] for frame in frames] or [np.zeros(0, np.int16)])
