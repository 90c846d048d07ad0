"""Audio has the length and the bytes that were asked for, and no seams between chunks."""

import io
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.tts.encoding import SAMPLE_RATES, AudioEncoder, AudioFormat, Encoding, wav_header

SAMPLE_BYTES = {Encoding.LINEAR16: 2, Encoding.WAV: 2, Encoding.MULAW: 1, Encoding.ALAW: 1}


def tone(seconds: float = 1.0) -> NDArray[np.float32]:
    time = np.arange(int(seconds * 24_000)) / 24_000
    return np.asarray(0.5 * np.sin(2 * np.pi * 440 * time), np.float32)


def encoded(audio_format: AudioFormat, chunks: list[NDArray[np.float32]], header: bool = False) -> bytes:
    encoder = AudioEncoder(audio_format, header=header)
    pieces = [piece for chunk in chunks for piece in encoder.encode(chunk)] + [*encoder.finish()]
    return b"".join(piece.audio for piece in pieces)


@pytest.mark.parametrize("rate", SAMPLE_RATES)
@pytest.mark.parametrize("encoding", list(SAMPLE_BYTES))
def test_a_second_is_a_second(encoding: Encoding, rate: int) -> None:
    audio = encoded(AudioFormat(encoding, rate), np.array_split(tone(), 7))
    assert len(audio) == rate * SAMPLE_BYTES[encoding]


@pytest.mark.parametrize("encoding", list(Encoding))
def test_each_piece_says_where_it_starts(encoding: Encoding) -> None:
    encoder = AudioEncoder(AudioFormat(encoding, 48_000))
    pieces = [piece for chunk in np.array_split(tone(), 7) for piece in encoder.encode(chunk)]
    pieces += encoder.finish()
    assert len(pieces) > 5
    assert pieces[0].start == 0
    for before, after in pairwise(pieces):
        header = 44 if encoding is Encoding.WAV and before is pieces[0] else 0
        samples = 960 if encoding is Encoding.OPUS else (len(before.audio) - header) // SAMPLE_BYTES[encoding]
        assert after.start == before.start + samples


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_the_seams_between_chunks_cannot_be_found(rate: int) -> None:
    audio_format = AudioFormat(Encoding.LINEAR16, rate)
    whole = encoded(audio_format, [tone()])
    pieces = encoded(audio_format, np.array_split(tone(), 50))
    assert pieces == whole


@pytest.mark.parametrize(
    ("encoding", "subtype", "tolerance"),
    [(Encoding.LINEAR16, "PCM_16", 1e-4), (Encoding.MULAW, "ULAW", 0.03), (Encoding.ALAW, "ALAW", 0.03)],
)
def test_others_decode_it(encoding: Encoding, subtype: str, tolerance: float) -> None:
    audio = encoded(AudioFormat(encoding, 24_000), [tone()])
    samples, _ = soundfile.read(
        io.BytesIO(audio), samplerate=24_000, channels=1, format="RAW", subtype=subtype, endian="LITTLE"
    )
    assert np.abs(samples - tone()).max() < tolerance


def test_a_wav_of_known_length_is_a_file() -> None:
    data = encoded(AudioFormat(Encoding.WAV, 16_000), [tone()])
    samples, rate = soundfile.read(io.BytesIO(wav_header(16_000, len(data)) + data))
    assert (rate, len(samples)) == (16_000, 16_000)


def test_a_streamed_wav_starts_with_one_header_of_unknown_length() -> None:
    audio = encoded(AudioFormat(Encoding.WAV, 8_000), np.array_split(tone(), 3), header=True)
    assert audio[:4] == b"RIFF"
    assert audio[4:8] == audio[40:44] == b"\xff" * 4
    assert audio.count(b"RIFF") == 1
    assert len(audio) == 44 + 2 * 8_000


def test_too_loud_is_clipped_and_no_number_is_silence() -> None:
    samples = np.array([2.0, -2.0, np.nan], np.float32)
    audio = np.frombuffer(encoded(AudioFormat(), [samples]), "<i2")
    assert audio[0] == 32767
    assert audio[1] <= -32767
    assert audio[2] == 0
