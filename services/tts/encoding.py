"""Turns the models' samples into the bytes that were asked for, a chunk at a time and without seams."""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.tts import opus
from services.tts.model import SAMPLE_RATE

SAMPLE_RATES = (8_000, 16_000, 24_000, 48_000)
_UNKNOWN_LENGTH = 0xFFFFFFFF

Samples = NDArray[np.float32]


class Encoding(StrEnum):
    """How the bytes are coded."""

    LINEAR16 = "linear16"
    MULAW = "mulaw"
    ALAW = "alaw"
    WAV = "wav"
    OPUS = "opus"
    """Packets of 20 ms without a container; 48 kHz."""


_SUBTYPES = {
    Encoding.LINEAR16: "PCM_16",
    Encoding.WAV: "PCM_16",
    Encoding.MULAW: "ULAW",
    Encoding.ALAW: "ALAW",
}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One channel of ``encoding`` at ``sample_rate`` Hz (one of SAMPLE_RATES)."""

    encoding: Encoding = Encoding.LINEAR16
    sample_rate: int = SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that are sent together; ``start`` counts the samples before them, at the output's rate."""

    audio: bytes
    start: int


class AudioEncoder:
    """Encodes one stream of samples at 24 kHz, -1 to 1; louder ones are clipped.

    The resampler (soxr, high quality) keeps its state between chunks. ``samples`` counts what has been
    encoded, at the output's rate. An Opus packet is a piece; of other encodings a chunk is one.
    """

    def __init__(self, audio_format: AudioFormat, *, header: bool = True) -> None:
        self._format = audio_format
        self._header = header and audio_format.encoding is Encoding.WAV
        self._opus = opus.OpusPackets() if audio_format.encoding is Encoding.OPUS else None
        self._resampler = (
            soxr.ResampleStream(SAMPLE_RATE, audio_format.sample_rate, 1, dtype="float32", quality="HQ")
            if audio_format.sample_rate != SAMPLE_RATE
            else None
        )
        self.samples = 0

    def encode(self, samples: Samples) -> Iterator[Piece]:
        """The next samples, piece by piece; ask for all of them."""
        return self._encode(samples, last=False)

    def finish(self) -> Iterator[Piece]:
        """What the resampler and the encoder still hold."""
        return self._encode(np.zeros(0, np.float32), last=True)

    def _encode(self, samples: Samples, *, last: bool) -> Iterator[Piece]:
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        clipped = np.clip(np.nan_to_num(samples), -1.0, 1.0)
        if self._opus is not None:
            yield from self._packets(self._opus.encode(clipped))
            if last:
                yield from self._packets(self._opus.finish())
            return
        if clipped.size:
            start = self.samples
            self.samples += clipped.size
            header = wav_header(self._format.sample_rate, None) if self._header else b""
            self._header = False
            yield Piece(header + encode_samples(clipped, self._format.encoding), start)

    def _packets(self, packets: Iterator[bytes]) -> Iterator[Piece]:
        for packet in packets:
            yield Piece(packet, self.samples)
            self.samples += opus.PACKET_SAMPLES


def encode_samples(samples: Samples, encoding: Encoding) -> bytes:
    """Samples from -1 to 1 as bytes, without a header."""
    data = io.BytesIO()
    soundfile.write(data, samples, SAMPLE_RATE, format="RAW", subtype=_SUBTYPES[encoding], endian="LITTLE")
    return data.getvalue()


def wav_header(sample_rate: int, data_bytes: int | None) -> bytes:
    """The header of a mono 16-bit WAV file; unknown length where ``data_bytes`` is None."""
    data = _UNKNOWN_LENGTH if data_bytes is None else data_bytes
    riff = _UNKNOWN_LENGTH if data_bytes is None else data_bytes + 36
    form = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", data)
    )
