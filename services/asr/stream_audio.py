"""A stream's audio, message by message → mono 16 kHz samples, a few milliseconds later. Pure."""

import io
from typing import Final

import av
import av.error
import numpy as np
import soundfile
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from services.asr.audio import HIGHEST_RATE, LOWEST_RATE, SAMPLE_RATE, Encoding
from services.serving.errors import InvalidArgument

STREAM_ENCODINGS: Final = (Encoding.LINEAR16, Encoding.MULAW, Encoding.ALAW, Encoding.OPUS)
OPUS_RATE: Final = 48_000
MOST_CHANNELS: Final = 2
LONGEST_MESSAGE_SECONDS: Final = 2.0

_WIDTHS = {Encoding.LINEAR16: 2, Encoding.MULAW: 1, Encoding.ALAW: 1}
_G711 = {Encoding.MULAW: "ULAW", Encoding.ALAW: "ALAW"}


class StreamDecoder:
    """Decodes one stream; the messages must come in order, from one thread at a time.

    Resampled with swresample, which holds back 1–2 ms (soxr would hold back 115 ms at 8 kHz, since it
    works in blocks), and shifts nothing: sample n of the output stands at n / 16000 s of the stream.
    """

    def __init__(self, encoding: Encoding, sample_rate: int = 0, channels: int = 1) -> None:
        """``encoding`` as in ``STREAM_ENCODINGS``; ``sample_rate`` 8000 to 48000, and 0 or 48000 for Opus;
        ``channels`` 1 (as 0) or 2, which are mixed to one.

        Raises:
            InvalidArgument: ENCODING_NO_STREAM, SAMPLE_RATE_REQUIRED, SAMPLE_RATE_INVALID,
                SAMPLE_RATE_MISMATCH or CHANNEL_COUNT_INVALID.
        """
        channels = channels or 1
        _check(encoding, sample_rate, channels)
        self._encoding = encoding
        self._channels = channels
        self._rate = sample_rate or OPUS_RATE
        self._opus = _opus_codec() if encoding is Encoding.OPUS else None
        self._values = _g711_values(_G711[encoding]) if encoding in _G711 else None
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def decode(self, data: bytes) -> NDArray[np.float32]:
        """Mono 16 kHz samples (-1 to 1) of the next message: whole samples of all channels, or one Opus
        packet; at most 2 s. An empty message is no sound and gives no samples.

        Raises:
            InvalidArgument: AUDIO_TRUNCATED, AUDIO_TOO_LONG or AUDIO_UNDECODABLE. The stream goes on
                as if the message had not been sent.
        """
        if not data:
            return np.zeros(0, np.float32)
        samples = self._raw(data) if self._opus is None else self._packet(self._opus, data)
        if self._rate == SAMPLE_RATE:
            return samples
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.sample_rate = self._rate
        return _clipped(self._resampler.resample(frame))

    def finish(self) -> NDArray[np.float32]:
        """The last milliseconds, once, when the stream has ended."""
        return _clipped(self._resampler.resample(None))

    def _raw(self, data: bytes) -> NDArray[np.float32]:
        width = _WIDTHS[self._encoding] * self._channels
        if len(data) % width:
            raise InvalidArgument(
                "AUDIO_TRUNCATED",
                f"{len(data)} bytes are no whole number of {self._encoding} samples of {self._channels} "
                "channels: cut the audio between samples",
                field="audio",
            )
        if len(data) > LONGEST_MESSAGE_SECONDS * self._rate * width:
            raise InvalidArgument(
                "AUDIO_TOO_LONG",
                f"a message has {len(data) / width / self._rate:.1f} s of audio: send at most "
                f"{LONGEST_MESSAGE_SECONDS:g} s, typically 0.02 s",
                field="audio",
                metadata={"max_seconds": f"{LONGEST_MESSAGE_SECONDS:g}"},
            )
        samples: NDArray[np.float32]
        if self._values is None:
            samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32_768)
        else:
            samples = self._values[np.frombuffer(data, np.uint8)]
        if self._channels > 1:
            samples = np.mean(samples.reshape(-1, self._channels), axis=1, dtype=np.float32)
        return samples

    def _packet(self, codec: AudioCodecContext, data: bytes) -> NDArray[np.float32]:
        try:
            frames = codec.decode(av.Packet(data))
        except av.error.FFmpegError as error:
            raise InvalidArgument(
                "AUDIO_UNDECODABLE",
                f"{len(data)} bytes are no Opus packet: send one packet a message, without a container",
                field="audio",
            ) from error
        return _joined(frames) / np.float32(32_768)


def _check(encoding: Encoding, sample_rate: int, channels: int) -> None:
    if encoding not in STREAM_ENCODINGS:
        raise InvalidArgument(
            "ENCODING_NO_STREAM",
            f"encoding is {encoding}: a stream is one of {', '.join(STREAM_ENCODINGS)}",
            field="config.encoding",
        )
    field = "config.sample_rate_hertz"
    if encoding is Encoding.OPUS:
        if sample_rate not in (0, OPUS_RATE):
            raise InvalidArgument(
                "SAMPLE_RATE_MISMATCH",
                f"sample_rate_hertz is {sample_rate}, Opus plays at {OPUS_RATE}: correct it or leave it out",
                field=field,
            )
    elif not sample_rate:
        raise InvalidArgument(
            "SAMPLE_RATE_REQUIRED",
            f"raw {encoding} says nothing of its sample rate: set sample_rate_hertz",
            field=field,
        )
    elif not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise InvalidArgument(
            "SAMPLE_RATE_INVALID",
            f"{sample_rate} samples per second: send {LOWEST_RATE} to {HIGHEST_RATE}",
            field=field,
        )
    if not 1 <= channels <= MOST_CHANNELS:
        raise InvalidArgument(
            "CHANNEL_COUNT_INVALID",
            f"{channels} channels: send 1 or {MOST_CHANNELS}",
            field="config.audio_channel_count",
        )


def _opus_codec() -> AudioCodecContext:
    """libopus gives the layout that it is told, whatever the packets have: mixing is its own."""
    codec = AudioCodecContext.create("libopus", "r")
    codec.sample_rate = OPUS_RATE
    codec.layout = "mono"
    return codec


def _g711_values(subtype: str) -> NDArray[np.float32]:
    """What each of the 256 bytes stands for, by libsndfile."""
    every = io.BytesIO(bytes(range(256)))
    values, _ = soundfile.read(
        every, dtype="float32", samplerate=8_000, channels=1, format="RAW", subtype=subtype
    )
    return np.asarray(values, np.float32)


def _clipped(frames: list[av.AudioFrame]) -> NDArray[np.float32]:
    """Filters overshoot where a sound is as loud as can be."""
    return np.clip(_joined(frames), np.float32(-1), np.float32(1))


def _joined(frames: list[av.AudioFrame]) -> NDArray[np.float32]:
    samples: NDArray[np.float32] = np.concatenate(
        [np.zeros(0, np.float32), *(frame.to_ndarray()[0] for frame in frames)], dtype=np.float32
    )
    return samples
