"""Encoded audio → mono 16 kHz samples, or an error that says what is wrong with it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from services.asr.wav import check_wav
from services.serving.errors import InvalidArgument, ResourceExhausted

SAMPLE_RATE = 16_000
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000
MOST_CHANNELS = 8

_BLOCK_FRAMES = 1 << 15


class Encoding(StrEnum):
    """How bytes are coded."""

    SNIFF = "unspecified"
    LINEAR16 = "LINEAR16"
    MULAW = "MULAW"
    ALAW = "ALAW"
    WAV = "WAV"
    FLAC = "FLAC"
    OGG = "OGG_OPUS"
    MP3 = "MP3"
    OPUS = "OPUS"  # packets without a container: streams alone, see stream_audio


_RAW = {Encoding.LINEAR16: ("PCM_16", 2), Encoding.MULAW: ("ULAW", 1), Encoding.ALAW: ("ALAW", 1)}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What the caller knows: encoding, samples per second, channels; 0 means "as in the header"."""

    encoding: Encoding = Encoding.SNIFF
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono float32 samples from -1 to 1 at 16 kHz, and the seconds that they last."""

    samples: NDArray[np.float32]
    seconds: float


class AudioDecoder:
    """Decodes with libsndfile and resamples with soxr, block by block, never more than the limits."""

    def __init__(self, *, max_bytes: int, max_seconds: float) -> None:
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds

    def decode(self, audio: bytes, given: AudioFormat) -> Audio:
        """Decode whole audio.

        Raises:
            InvalidArgument: AUDIO_EMPTY, AUDIO_TRUNCATED, AUDIO_HEADER_WRONG, AUDIO_UNDECODABLE,
                AUDIO_NOT_FINITE, ENCODING_UNKNOWN, ENCODING_MISMATCH, ENCODING_STREAM_ONLY,
                SAMPLE_RATE_INVALID, SAMPLE_RATE_MISMATCH, CHANNEL_COUNT_INVALID or CHANNEL_COUNT_MISMATCH.
            ResourceExhausted: AUDIO_TOO_LARGE or AUDIO_TOO_LONG.
        """
        if not audio:
            raise InvalidArgument("AUDIO_EMPTY", "audio is empty: send at least one sample", field="audio")
        if len(audio) > self._max_bytes:
            raise ResourceExhausted(
                "AUDIO_TOO_LARGE",
                f"audio has {len(audio)} bytes: send at most {self._max_bytes}",
                metadata={"max_bytes": str(self._max_bytes)},
            )
        if given.encoding is Encoding.OPUS:
            raise InvalidArgument(
                "ENCODING_STREAM_ONLY",
                "Opus packets come without a container only in streams: send OGG_OPUS, or stream them",
                field="config.encoding",
            )
        _check_format(given)
        encoding = _agree(given.encoding, sniff(audio))
        if encoding is Encoding.WAV:
            check_wav(audio)
        try:
            with _open(audio, encoding, given) as file:
                _check_header(file, given)
                return self._read(file, whole=_says_its_length(audio, encoding))
        except soundfile.LibsndfileError as error:
            # libsndfile's own words; soundfile puts an object's address in front.
            reason = error.error_string.strip().rstrip(".")
            raise InvalidArgument(
                "AUDIO_UNDECODABLE",
                f"audio is not readable as {encoding}, damaged or cut off: {reason}",
                field="audio",
            ) from error

    def _read(self, file: soundfile.SoundFile, *, whole: bool) -> Audio:
        resampler = soxr.ResampleStream(file.samplerate, SAMPLE_RATE, 1, dtype="float32")
        frames = 0
        pieces = []
        for block in _blocks(file):
            frames += len(block)
            if frames > self._max_seconds * file.samplerate:
                raise ResourceExhausted(
                    "AUDIO_TOO_LONG",
                    f"audio is longer than {self._max_seconds:g} s: send shorter pieces",
                    metadata={"max_seconds": f"{self._max_seconds:g}"},
                )
            pieces.append(resampler.resample_chunk(block))
        if not frames:
            raise InvalidArgument("AUDIO_EMPTY", "audio has no samples", field="audio")
        if whole and frames < file.frames:
            raise InvalidArgument(
                "AUDIO_TRUNCATED",
                f"audio is cut off: its header announces {file.frames} samples, {frames} came; send it whole",
                field="audio",
            )
        pieces.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        return Audio(np.clip(np.concatenate(pieces), -1.0, 1.0), frames / file.samplerate)


def sniff(audio: bytes) -> Encoding:
    """The container that the first bytes show; ``SNIFF`` when they show none that is known."""
    if audio[:4] == b"RIFF" and audio[8:12] == b"WAVE":
        return Encoding.WAV
    if audio[:4] == b"fLaC":
        return Encoding.FLAC
    if audio[:4] == b"OggS":
        return Encoding.OGG
    # An ID3 tag, or the sync word of an MPEG frame of layer III.
    if audio[:3] == b"ID3" or (len(audio) > 3 and audio[0] == 0xFF and audio[1] & 0xE6 == 0xE2):
        return Encoding.MP3
    return Encoding.SNIFF


def _agree(named: Encoding, found: Encoding) -> Encoding:
    if named is Encoding.SNIFF:
        if found is Encoding.SNIFF:
            raise InvalidArgument(
                "ENCODING_UNKNOWN",
                "audio is neither WAV, FLAC, Ogg nor MP3: name the encoding of raw samples",
                field="config.encoding",
            )
        return found
    # Raw samples may by chance begin like an MPEG frame, but hardly with a container's four letters.
    chance = named in _RAW and found is Encoding.MP3
    if found is named or chance or (named in _RAW and found is Encoding.SNIFF):
        return named
    shown = "no known container" if found is Encoding.SNIFF else str(found)
    raise InvalidArgument(
        "ENCODING_MISMATCH",
        f"encoding says {named}, the bytes are {shown}: correct it, or leave it out to have it found",
        field="config.encoding",
    )


def _check_format(given: AudioFormat) -> None:
    if given.encoding in _RAW and not given.sample_rate:
        raise InvalidArgument(
            "SAMPLE_RATE_REQUIRED",
            f"raw {given.encoding} says nothing of its sample rate: set sample_rate_hertz",
            field="config.sample_rate_hertz",
        )
    if given.sample_rate and not LOWEST_RATE <= given.sample_rate <= HIGHEST_RATE:
        raise _bad_rate(given.sample_rate, "config.sample_rate_hertz")
    if given.channels and not 1 <= given.channels <= MOST_CHANNELS:
        raise _bad_channels(given.channels, "config.audio_channel_count")


def _open(audio: bytes, encoding: Encoding, given: AudioFormat) -> soundfile.SoundFile:
    stream = io.BytesIO(audio)
    if encoding not in _RAW:
        return soundfile.SoundFile(stream)
    subtype, width = _RAW[encoding]
    channels = given.channels or 1
    if len(audio) % (width * channels):
        raise InvalidArgument(
            "AUDIO_TRUNCATED",
            f"{len(audio)} bytes are no whole number of {encoding} samples of {channels} channels",
            field="audio",
        )
    return soundfile.SoundFile(
        stream,
        samplerate=given.sample_rate,
        channels=channels,
        format="RAW",
        subtype=subtype,
        endian="LITTLE",
    )


def _check_header(file: soundfile.SoundFile, given: AudioFormat) -> None:
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise _bad_rate(file.samplerate, "audio")
    if not 1 <= file.channels <= MOST_CHANNELS:
        raise _bad_channels(file.channels, "audio")
    # Opus always plays at 48 kHz; its header only remembers what was recorded.
    rates = {0, file.samplerate} | ({48_000} if file.subtype == "OPUS" else set())
    if given.sample_rate not in rates:
        raise InvalidArgument(
            "SAMPLE_RATE_MISMATCH",
            f"sample_rate_hertz is {given.sample_rate}, the audio's header says {file.samplerate}",
            field="config.sample_rate_hertz",
        )
    if given.channels not in (0, file.channels):
        raise InvalidArgument(
            "CHANNEL_COUNT_MISMATCH",
            f"audio_channel_count is {given.channels}, the audio's header says {file.channels}",
            field="config.audio_channel_count",
        )


def _says_its_length(audio: bytes, encoding: Encoding) -> bool:
    """Whether the header announces the number of samples; else libsndfile's figure is a guess."""
    if encoding is Encoding.MP3:
        return any(tag in audio[:8192] for tag in (b"Xing", b"Info", b"VBRI"))
    if encoding is Encoding.FLAC:
        return int.from_bytes(audio[21:26], "big") & 0xF_FFFF_FFFF != 0  # 0 in STREAMINFO: not known
    return True


def _blocks(file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    """Mono blocks."""
    while len(block := file.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)):
        if not np.isfinite(block).all():
            raise InvalidArgument(
                "AUDIO_NOT_FINITE", "audio has samples that are not numbers (NaN or infinite)", field="audio"
            )
        yield np.clip(block, -1.0, 1.0).mean(axis=1, dtype=np.float32)


def _bad_rate(rate: int, field: str) -> InvalidArgument:
    message = f"sample rate {rate} is outside {LOWEST_RATE} to {HIGHEST_RATE} Hz"
    return InvalidArgument("SAMPLE_RATE_INVALID", message, field=field)


def _bad_channels(channels: int, field: str) -> InvalidArgument:
    message = f"{channels} channels: send 1 to {MOST_CHANNELS}"
    return InvalidArgument("CHANNEL_COUNT_INVALID", message, field=field)
