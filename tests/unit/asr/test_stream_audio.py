"""Audio that comes in messages becomes the same samples as audio that comes whole, and at once."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
from av.audio.codeccontext import AudioCodecContext
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.asr.audio import SAMPLE_RATE, AudioDecoder, AudioFormat, Encoding
from services.asr.stream_audio import StreamDecoder
from services.serving.errors import FrontdeskError, InvalidArgument

SUBTYPES = {Encoding.LINEAR16: "PCM_16", Encoding.MULAW: "ULAW", Encoding.ALAW: "ALAW"}


def tone(rate: int, channels: int = 1, seconds: float = 1.0) -> NDArray[np.float32]:
    """440 Hz in the first channel, silence in the others."""
    samples = np.zeros((int(rate * seconds), channels), np.float32)
    samples[:, 0] = 0.4 * np.sin(2 * np.pi * 440 * np.arange(len(samples)) / rate)
    return samples


def raw(samples: NDArray[np.float32], rate: int, encoding: Encoding) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format="RAW", subtype=SUBTYPES[encoding], endian="LITTLE")
    return stream.getvalue()


def messages(audio: bytes, size: int) -> list[bytes]:
    return [audio[at : at + size] for at in range(0, len(audio), size)]


def opus(samples: NDArray[np.float32]) -> list[bytes]:
    """Packets of 20 ms; 48 kHz, one or two channels."""
    codec = AudioCodecContext.create("libopus", "w")
    assert isinstance(codec, AudioCodecContext)
    layout = "mono" if samples.shape[1] == 1 else "stereo"
    codec.sample_rate, codec.format, codec.layout = 48_000, "flt", layout
    codec.time_base = Fraction(1, 48_000)
    packets = []
    for at in range(0, len(samples), 960):
        frame = av.AudioFrame.from_ndarray(samples[at : at + 960].reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts = 48_000, at
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return packets


def amplitude(samples: NDArray[np.float32]) -> float:
    """Of 440 Hz, by the middle half second."""
    middle = samples[SAMPLE_RATE // 4 : 3 * SAMPLE_RATE // 4]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) == 220
    return float(2 * spectrum[220] / len(middle))


def refusal(decoder: StreamDecoder, data: bytes) -> str:
    with pytest.raises(InvalidArgument) as caught:
        decoder.decode(data)
    return caught.value.reason


@pytest.mark.parametrize("encoding", SUBTYPES)
@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_stream_is_the_whole_recording(encoding: Encoding, rate: int, channels: int) -> None:
    audio = raw(tone(rate, channels), rate, encoding)
    whole = AudioDecoder(max_bytes=1 << 20, max_seconds=10.0).decode(
        audio, AudioFormat(encoding, rate, channels)
    )
    decoder = StreamDecoder(encoding, rate, channels)
    width = len(audio) // rate
    pieces = [decoder.decode(piece) for piece in messages(audio, rate // 50 * width)]
    streamed = np.concatenate([*pieces, decoder.finish()])
    assert streamed.dtype == np.float32
    assert abs(len(streamed) - len(whole.samples)) <= 1
    middle = slice(800, 15_000)
    assert np.abs(streamed[middle] - whole.samples[middle]).max() < 2e-3  # and so nothing is shifted


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
def test_samples_come_within_four_milliseconds(rate: int) -> None:
    decoder = StreamDecoder(Encoding.LINEAR16, rate)
    heard = 0
    for number, piece in enumerate(messages(raw(tone(rate), rate, Encoding.LINEAR16), rate // 50 * 2), 1):
        heard += len(decoder.decode(piece))
        assert number * 0.02 - heard / SAMPLE_RATE <= 0.004


@given(sizes=st.lists(st.integers(1, 2_000), min_size=1, max_size=20))
def test_where_messages_are_cut_is_not_heard(sizes: list[int]) -> None:
    audio = raw(tone(8_000, seconds=0.5), 8_000, Encoding.MULAW)
    decoder = StreamDecoder(Encoding.MULAW, 8_000)
    pieces, at = [], 0
    for size in [*sizes, len(audio)]:
        pieces.append(decoder.decode(audio[at : at + size]))
        at += size
    at_once = StreamDecoder(Encoding.MULAW, 8_000)
    whole = np.concatenate([at_once.decode(audio), at_once.finish()])
    assert np.allclose(np.concatenate([*pieces, decoder.finish()]), whole, atol=1e-6)


@pytest.mark.parametrize(("channels", "heard"), [(1, 0.4), (2, 0.2)])
def test_opus_packets(channels: int, heard: float) -> None:
    decoder = StreamDecoder(Encoding.OPUS, channels=channels)
    samples = np.concatenate([decoder.decode(packet) for packet in opus(tone(48_000, channels))])
    assert abs(len(samples) / SAMPLE_RATE - 1.0) < 0.02
    assert amplitude(samples) == pytest.approx(heard, rel=0.05)


@pytest.mark.parametrize("bad", [b"\xff" * 50, b"OggS" + bytes(24)])
def test_a_bad_opus_packet_is_named_and_the_stream_goes_on(bad: bytes) -> None:
    packets = opus(tone(48_000))
    decoder = StreamDecoder(Encoding.OPUS)
    for packet in packets[:10]:
        decoder.decode(packet)
    assert refusal(decoder, bad) == "AUDIO_UNDECODABLE"
    assert len(decoder.decode(packets[10])) > 0


@given(data=st.binary(max_size=1_500))
def test_opus_of_any_bytes_is_samples_or_an_error_that_says_so(data: bytes) -> None:
    try:
        samples = StreamDecoder(Encoding.OPUS).decode(data)
    except InvalidArgument:
        return
    assert np.isfinite(samples).all()
    assert np.abs(samples).max(initial=0.0) <= 1.0


@pytest.mark.parametrize(
    ("encoding", "channels", "size"),
    [(Encoding.LINEAR16, 1, 321), (Encoding.LINEAR16, 2, 322), (Encoding.MULAW, 2, 161)],
)
def test_a_cut_sample_is_refused(encoding: Encoding, channels: int, size: int) -> None:
    assert refusal(StreamDecoder(encoding, 8_000, channels), bytes(size)) == "AUDIO_TRUNCATED"


def test_two_seconds_are_the_most() -> None:
    decoder = StreamDecoder(Encoding.LINEAR16, 8_000, 2)
    assert len(decoder.decode(bytes(2 * 8_000 * 4))) > 0
    assert refusal(decoder, bytes(2 * 8_000 * 4 + 4)) == "AUDIO_TOO_LONG"


@pytest.mark.parametrize("encoding", [Encoding.LINEAR16, Encoding.OPUS])
def test_an_empty_message_is_no_sound(encoding: Encoding) -> None:
    assert StreamDecoder(encoding, 48_000).decode(b"").shape == (0,)


@pytest.mark.parametrize(
    ("encoding", "rate", "channels", "reason"),
    [
        (Encoding.SNIFF, 8_000, 1, "ENCODING_NO_STREAM"),
        (Encoding.WAV, 8_000, 1, "ENCODING_NO_STREAM"),
        (Encoding.OGG, 48_000, 1, "ENCODING_NO_STREAM"),
        (Encoding.MULAW, 0, 1, "SAMPLE_RATE_REQUIRED"),
        (Encoding.MULAW, 7_999, 1, "SAMPLE_RATE_INVALID"),
        (Encoding.ALAW, 48_001, 1, "SAMPLE_RATE_INVALID"),
        (Encoding.OPUS, 16_000, 1, "SAMPLE_RATE_MISMATCH"),
        (Encoding.LINEAR16, 8_000, 3, "CHANNEL_COUNT_INVALID"),
        (Encoding.LINEAR16, 8_000, -1, "CHANNEL_COUNT_INVALID"),
    ],
)
def test_a_config_that_is_no_stream(encoding: Encoding, rate: int, channels: int, reason: str) -> None:
    with pytest.raises(FrontdeskError) as caught:
        StreamDecoder(encoding, rate, channels)
    assert caught.value.reason == reason
