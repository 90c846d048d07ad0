"""A call's audio: how long it is, what is kept of it, and how an answer is played."""

import io
from datetime import timedelta

import numpy as np
import pytest
import soundfile

from gateway.call.coding import AudioCoding, opus_seconds
from gateway.call.heard_words import heard_words
from gateway.call.playback import Playback
from gateway.call.recording import CustomerRecording
from gateway.cli.call_coding import CallFormat, Coding
from gateway.ogg_opus import pack_opus
from gateway.turn.types import AudioEncoding

MULAW = AudioCoding(AudioEncoding.MULAW, 8_000)
ANSWER = "Yes, you can. Returns take thirty days."


def seconds(audio: float) -> bytes:
    return b"\x01" * round(audio * 8_000)


def playing(audio: float, lead: float = 1.0) -> Playback:
    playback = Playback(MULAW, lead)
    playback.add(seconds(audio))
    playback.end()
    return playback


def test_raw_audio_lasts_as_long_as_its_samples() -> None:
    assert MULAW.seconds(b"\x00" * 160) == pytest.approx(0.02)
    assert AudioCoding(AudioEncoding.LINEAR16, 16_000).seconds(b"\x00" * 640) == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("first", "second", "lasts"),
    [
        (0b00000_000, 0, 0.01),  # SILK, 10 ms
        (0b00011_000, 0, 0.06),
        (0b01101_000, 0, 0.02),  # hybrid
        (0b10000_000, 0, 0.0025),  # CELT
        (0b11111_001, 0, 0.04),  # two frames of 20 ms
        (0b11111_011, 3, 0.06),  # as many as the second byte says
    ],
)
def test_an_opus_packet_says_how_long_it_is(first: int, second: int, lasts: float) -> None:
    assert opus_seconds(bytes([first, second])) == pytest.approx(lasts)
    assert opus_seconds(b"") == opus_seconds(b"\xff") == 0.0


def test_opus_packets_become_a_file_that_can_be_heard() -> None:
    tone = (8_000 * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)).astype(np.int16)
    encoder = CallFormat(Coding.OPUS, 48_000).encoder()
    packets = [
        packet for start in range(0, 48_000, 960) for packet in encoder.encode(tone[start : start + 960])
    ]
    samples, rate = soundfile.read(io.BytesIO(pack_opus(packets)))
    assert rate == 48_000
    assert len(samples) / rate == pytest.approx(1.0, abs=0.02)
    spectrum = np.abs(np.fft.rfft(samples[4_800:43_200]))
    assert np.argmax(spectrum) * rate / 38_400 == pytest.approx(440, abs=3)


def test_an_answer_runs_ahead_by_its_lead_and_no_further() -> None:
    playback = playing(3.0)
    assert sum(len(frame) for frame, _ in playback.take(0.0)) == len(seconds(1.02))
    assert not list(playback.take(0.0))
    assert playback.next_in(0.0) == pytest.approx(0.0)  # the first frames are about to sound
    assert len(list(playback.sounding(0.0))) == 2
    assert playback.next_in(0.0) == pytest.approx(0.02)
    assert len(list(playback.take(0.5))) == 9
    assert playback.position(0.5) == pytest.approx(0.5)


def test_an_answer_is_finished_when_its_end_was_played() -> None:
    playback = playing(0.5)
    list(playback.take(10.0))
    assert not playback.finished(10.49)
    assert playback.finished(10.5)
    assert playback.position(99.0) == pytest.approx(0.5)


def test_an_answer_that_is_made_too_slowly_goes_on_when_there_is_more() -> None:
    playback = Playback(MULAW, 1.0)
    playback.add(seconds(0.3))
    list(playback.take(0.0))
    assert playback.position(5.0) == pytest.approx(0.3)
    playback.add(seconds(0.3))
    list(playback.take(5.0))
    assert playback.position(5.1) == pytest.approx(0.4)


def test_reports_are_believed_as_far_as_audio_was_sent() -> None:
    playback = playing(3.0)
    list(playback.take(0.0))
    playback.report(0.4, 1.0)
    assert playback.position(1.1) == pytest.approx(0.5)
    playback.report(50.0, 1.2)
    assert playback.position(1.2) == pytest.approx(1.02)


def test_what_was_stopped_goes_on_where_it_was() -> None:
    playback = playing(2.0)
    sent = list(playback.take(0.0))
    assert playback.stop(0.5) == pytest.approx(0.5)
    assert not list(playback.take(3.0))
    assert playback.next_in(3.0) is None
    assert playback.position(3.0) == pytest.approx(0.5)
    assert len(b"".join(playback.heard(3.0))) == pytest.approx(len(seconds(0.5)), abs=480)
    playback.resume(4.0)
    _, again = next(iter(playback.take(4.0)))
    assert again == pytest.approx(0.48)  # the start of the frame that was cut
    assert again in [position for _, position in sent]


def test_an_opus_answer_is_played_packet_by_packet() -> None:
    playback = Playback(AudioCoding(AudioEncoding.OPUS, 48_000), 0.05)
    packets = [bytes([0b11111_000, number]) for number in range(5)]  # 20 ms each
    for packet in packets:
        playback.add(packet)
    assert [frame for frame, _ in playback.take(0.0)] == packets[:3]
    assert [position for _, position in playback.take(0.02)] == pytest.approx([0.06])


def test_the_words_that_were_heard_are_whole() -> None:
    spoken = 4.0
    assert heard_words(ANSWER, 0.0, spoken, all_spoken=True) == ""
    assert heard_words(ANSWER, spoken, spoken, all_spoken=True) == ANSWER
    assert heard_words(ANSWER, 1.5, spoken, all_spoken=True) == "Yes, you can."
    assert heard_words(ANSWER, 0.5, 0.6, all_spoken=False) == "Yes,"
    assert heard_words("可以退货。三十天之内。", 1.1, 2.2, all_spoken=True) == "可以退货。"


def test_the_recording_keeps_the_last_seconds_until_somebody_speaks() -> None:
    recording = CustomerRecording(MULAW, 1_000_000)
    for _ in range(100):
        recording.append(seconds(1.0))
    kept = recording.pieces(timedelta(), timedelta(seconds=100))
    assert len(kept) <= 11
    recording.keep_from(timedelta(seconds=95))
    for _ in range(60):
        recording.append(seconds(1.0))
    assert len(recording.pieces(timedelta(seconds=95), timedelta(seconds=160))) == 66
    recording.release()
    recording.append(seconds(1.0))
    assert len(recording.pieces(timedelta(), timedelta(seconds=200))) <= 11


def test_the_recording_is_bounded() -> None:
    recording = CustomerRecording(MULAW, 100_000)
    recording.keep_from(timedelta())
    for _ in range(1_000):
        recording.append(seconds(1.0))
    assert sum(map(len, recording.pieces(timedelta(), timedelta(seconds=1_000)))) <= 100_000
