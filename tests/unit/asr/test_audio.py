"""Every kind of audio becomes the same samples; every lie about it is named."""

import io
import struct

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE, Audio, AudioDecoder, AudioFormat, Encoding
from services.serving.errors import FrontdeskError, InvalidArgument, ResourceExhausted

DECODER = AudioDecoder(max_bytes=1 << 20, max_seconds=10.0)
RAW = {"PCM_16": Encoding.LINEAR16, "ULAW": Encoding.MULAW, "ALAW": Encoding.ALAW}


def tone(rate: int, seconds: float = 1.0, channels: int = 1) -> NDArray[np.float32]:
    time = np.arange(int(rate * seconds)) / rate
    return np.repeat((0.4 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)[:, None], channels, axis=1)


def encode(
    samples: NDArray[np.float32], rate: int, container: str, subtype: str, endian: str = "FILE"
) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=container, subtype=subtype, endian=endian)
    return stream.getvalue()


def wav(rate: int = 16_000, subtype: str = "PCM_16", seconds: float = 1.0, channels: int = 1) -> bytes:
    return encode(tone(rate, seconds, channels), rate, "WAV", subtype)


def assert_is_the_tone(audio: Audio, tolerance: float = 0.03) -> None:
    assert audio.samples.dtype == np.float32
    assert abs(len(audio.samples) / SAMPLE_RATE - audio.seconds) < 0.002
    middle = slice(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4)
    spectrum = np.abs(np.fft.rfft(audio.samples[middle]))
    assert np.argmax(spectrum) == 220  # 440 Hz in half a second
    assert np.sqrt(np.mean(audio.samples[middle] ** 2)) == pytest.approx(0.4 / np.sqrt(2), rel=tolerance)


def refusal(audio: bytes, given: AudioFormat | None = None) -> FrontdeskError:
    with pytest.raises(FrontdeskError) as caught:
        DECODER.decode(audio, given or AudioFormat())
    return caught.value


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2, 8])
def test_wav_of_any_rate_and_channel_count(rate: int, channels: int) -> None:
    audio = DECODER.decode(wav(rate, channels=channels), AudioFormat())
    assert audio.seconds == pytest.approx(1.0)
    assert_is_the_tone(audio)


@pytest.mark.parametrize(
    ("container", "subtype", "rate", "encoding"),
    [
        ("WAV", "PCM_U8", 16_000, Encoding.WAV),
        ("WAV", "PCM_24", 16_000, Encoding.WAV),
        ("WAV", "FLOAT", 48_000, Encoding.WAV),
        ("WAV", "DOUBLE", 16_000, Encoding.WAV),
        ("WAV", "ULAW", 8_000, Encoding.WAV),
        ("WAVEX", "PCM_16", 16_000, Encoding.WAV),
        ("FLAC", "PCM_16", 44_100, Encoding.FLAC),
        ("OGG", "VORBIS", 16_000, Encoding.OGG),
        ("OGG", "OPUS", 16_000, Encoding.OGG),
        ("OGG", "OPUS", 48_000, Encoding.OGG),
        ("MP3", "MPEG_LAYER_III", 16_000, Encoding.MP3),
        ("MP3", "MPEG_LAYER_III", 44_100, Encoding.MP3),
    ],
)
@pytest.mark.parametrize("named", [False, True])
def test_containers_named_or_sniffed(
    container: str, subtype: str, rate: int, encoding: Encoding, named: bool
) -> None:
    encoded = encode(tone(rate), rate, container, subtype)
    given = AudioFormat(encoding, rate, 1) if named else AudioFormat()
    assert_is_the_tone(DECODER.decode(encoded, given), tolerance=0.06)


@pytest.mark.parametrize("subtype", RAW)
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("channels", [1, 3])
def test_raw_samples(subtype: str, rate: int, channels: int) -> None:
    encoded = encode(tone(rate, channels=channels), rate, "RAW", subtype, endian="LITTLE")
    audio = DECODER.decode(encoded, AudioFormat(RAW[subtype], rate, channels))
    assert audio.seconds == pytest.approx(1.0)
    assert_is_the_tone(audio, tolerance=0.06)


def test_raw_samples_have_one_channel_unless_said() -> None:
    encoded = encode(tone(8_000), 8_000, "RAW", "ULAW")
    assert_is_the_tone(DECODER.decode(encoded, AudioFormat(Encoding.MULAW, 8_000)), tolerance=0.06)


def test_channels_are_averaged() -> None:
    both = np.concatenate([tone(16_000), -tone(16_000)], axis=1)
    audio = DECODER.decode(encode(both, 16_000, "WAV", "FLOAT"), AudioFormat())
    assert np.abs(audio.samples).max() < 1e-6


def test_opus_may_be_named_by_the_rate_it_plays_at() -> None:
    encoded = encode(tone(16_000), 16_000, "OGG", "OPUS")
    assert_is_the_tone(DECODER.decode(encoded, AudioFormat(Encoding.OGG, 48_000)), tolerance=0.06)


def test_samples_beyond_full_scale_are_clipped() -> None:
    audio = DECODER.decode(encode(tone(16_000) * 100, 16_000, "WAV", "FLOAT"), AudioFormat())
    assert np.abs(audio.samples).max() <= 1.0


def test_a_wav_that_was_streamed_has_no_sizes_and_is_read_to_its_end() -> None:
    streamed = changed(changed(wav(), 4, "I", 0xFFFFFFFF), 40, "I", 0xFFFFFFFF)
    whole = DECODER.decode(wav(), AudioFormat()).samples
    assert np.array_equal(DECODER.decode(streamed, AudioFormat()).samples, whole)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    samples = tone(16_000)
    samples[-1] = value
    assert refusal(encode(samples, 16_000, "WAV", "FLOAT")).reason == "AUDIO_NOT_FINITE"


def changed(audio: bytes, offset: int, kind: str, value: int) -> bytes:
    copy = bytearray(audio)
    struct.pack_into(f"<{kind}", copy, offset, value)
    return bytes(copy)


@pytest.mark.parametrize(
    ("audio", "reason"),
    [
        pytest.param(b"", "AUDIO_EMPTY", id="no bytes"),
        pytest.param(b"\x00" * 100, "ENCODING_UNKNOWN", id="no container"),
        pytest.param(wav()[:-1000], "AUDIO_TRUNCATED", id="samples cut off"),
        pytest.param(wav()[:44], "AUDIO_TRUNCATED", id="header alone"),
        pytest.param(wav()[:20], "AUDIO_TRUNCATED", id="half a header"),
        pytest.param(wav()[:12], "AUDIO_TRUNCATED", id="RIFF alone"),
        pytest.param(wav(seconds=0), "AUDIO_EMPTY", id="zero samples"),
        pytest.param(changed(wav(), 40, "I", 0xFFFFFFF0), "AUDIO_HEADER_WRONG", id="data size huge"),
        pytest.param(changed(wav(), 40, "I", 0), "AUDIO_EMPTY", id="data size zero"),
        pytest.param(changed(wav(), 40, "I", 31_999), "AUDIO_HEADER_WRONG", id="data size odd"),
        pytest.param(changed(wav(), 4, "I", 0xFFFFFFF0), "AUDIO_TRUNCATED", id="RIFF size huge"),
        pytest.param(changed(wav(), 4, "I", 0), "AUDIO_HEADER_WRONG", id="RIFF size zero"),
        pytest.param(changed(wav(), 16, "I", 0xFFFFFFF0), "AUDIO_HEADER_WRONG", id="fmt size huge"),
        pytest.param(changed(wav(), 16, "I", 2), "AUDIO_HEADER_WRONG", id="fmt size small"),
        pytest.param(changed(wav(), 22, "H", 0), "AUDIO_HEADER_WRONG", id="no channels"),
        pytest.param(changed(wav(), 22, "H", 2), "AUDIO_HEADER_WRONG", id="channels and block differ"),
        pytest.param(changed(wav(), 24, "I", 0), "AUDIO_UNDECODABLE", id="rate zero"),
        pytest.param(changed(wav(), 24, "I", 1_000), "SAMPLE_RATE_INVALID", id="rate low"),
        pytest.param(changed(wav(), 24, "I", 96_000), "SAMPLE_RATE_INVALID", id="rate high"),
        pytest.param(changed(wav(), 32, "H", 0), "AUDIO_HEADER_WRONG", id="block of no bytes"),
        pytest.param(changed(wav(), 34, "H", 1), "AUDIO_HEADER_WRONG", id="one bit"),
        pytest.param(changed(wav(), 20, "H", 0x7777), "AUDIO_UNDECODABLE", id="unknown codec"),
        pytest.param(wav(channels=9), "CHANNEL_COUNT_INVALID", id="nine channels"),
        pytest.param(wav()[:36], "AUDIO_TRUNCATED", id="no data chunk"),
        pytest.param(
            encode(tone(16_000), 16_000, "FLAC", "PCM_16")[:-2000], "AUDIO_UNDECODABLE", id="FLAC cut"
        ),
        pytest.param(encode(tone(16_000), 16_000, "OGG", "OPUS")[:1500], "AUDIO_UNDECODABLE", id="Opus cut"),
        pytest.param(
            encode(tone(16_000), 16_000, "MP3", "MPEG_LAYER_III")[:1000], "AUDIO_TRUNCATED", id="MP3 cut"
        ),
        pytest.param(b"fLaC" + b"\xff" * 400, "AUDIO_UNDECODABLE", id="FLAC garbage"),
        pytest.param(b"OggS" + b"\xff" * 400, "AUDIO_UNDECODABLE", id="Ogg garbage"),
        pytest.param(b"\xff\xfb" + b"\x00" * 400, "AUDIO_UNDECODABLE", id="MP3 garbage"),
    ],
)
def test_broken_audio_is_refused_with_a_reason(audio: bytes, reason: str) -> None:
    error = refusal(audio)
    assert isinstance(error, InvalidArgument)
    assert error.reason == reason
    assert error.violations


@pytest.mark.parametrize(
    ("audio", "given", "reason", "field"),
    [
        (wav(), AudioFormat(Encoding.FLAC), "ENCODING_MISMATCH", "config.encoding"),
        (wav(), AudioFormat(Encoding.LINEAR16, 16_000), "ENCODING_MISMATCH", "config.encoding"),
        (b"\x01" * 100, AudioFormat(Encoding.WAV), "ENCODING_MISMATCH", "config.encoding"),
        (wav(), AudioFormat(sample_rate=8_000), "SAMPLE_RATE_MISMATCH", "config.sample_rate_hertz"),
        (wav(), AudioFormat(channels=2), "CHANNEL_COUNT_MISMATCH", "config.audio_channel_count"),
        (wav(), AudioFormat(sample_rate=-1), "SAMPLE_RATE_INVALID", "config.sample_rate_hertz"),
        (wav(), AudioFormat(sample_rate=7_999), "SAMPLE_RATE_INVALID", "config.sample_rate_hertz"),
        (wav(), AudioFormat(channels=-1), "CHANNEL_COUNT_INVALID", "config.audio_channel_count"),
        (wav(), AudioFormat(channels=9), "CHANNEL_COUNT_INVALID", "config.audio_channel_count"),
        (b"\x01" * 100, AudioFormat(Encoding.MULAW), "SAMPLE_RATE_REQUIRED", "config.sample_rate_hertz"),
        (b"\x01" * 101, AudioFormat(Encoding.LINEAR16, 8_000), "AUDIO_TRUNCATED", "audio"),
        (b"\x01" * 101, AudioFormat(Encoding.ALAW, 8_000, 2), "AUDIO_TRUNCATED", "audio"),
    ],
)
def test_what_the_caller_says_must_agree(audio: bytes, given: AudioFormat, reason: str, field: str) -> None:
    error = refusal(audio, given)
    assert isinstance(error, InvalidArgument)
    assert (error.reason, error.violations[0].field) == (reason, field)


def test_audio_over_the_limits_is_refused() -> None:
    assert isinstance(too_large := refusal(bytes(1 << 21)), ResourceExhausted)
    assert too_large.reason == "AUDIO_TOO_LARGE"
    assert isinstance(too_long := refusal(wav(8_000, seconds=10.1)), ResourceExhausted)
    assert too_long.reason == "AUDIO_TOO_LONG"
    assert DECODER.decode(wav(8_000, seconds=10.0), AudioFormat()).seconds == 10.0


def test_a_small_file_that_unpacks_to_hours_is_refused_before_it_is_unpacked() -> None:
    hours = encode(np.zeros((3600 * 8_000, 1), np.float32), 8_000, "FLAC", "PCM_16")
    assert len(hours) < 1 << 20
    decoder = AudioDecoder(max_bytes=1 << 20, max_seconds=1.0)
    with pytest.raises(ResourceExhausted, match="longer than 1 s"):
        decoder.decode(hours, AudioFormat())


def test_a_wav_with_other_chunks_and_a_padding_byte_is_read() -> None:
    plain = wav()
    chunk = b"LIST" + struct.pack("<I", 3) + b"abc\x00"
    body = plain[12:36] + chunk + plain[36:]
    audio = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
    assert_is_the_tone(DECODER.decode(audio, AudioFormat()))
