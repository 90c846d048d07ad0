"""Opus packets hold 20 ms each, and any decoder makes the same sound of them."""

import av
import numpy as np
import pytest
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

from services.tts.opus import PACKET_SAMPLES, SAMPLE_RATE, OpusPackets

DELAY = 312


def tone(seconds: float) -> NDArray[np.float32]:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.asarray(0.5 * np.sin(2 * np.pi * 440 * time), np.float32)


def decoded(packets: list[bytes]) -> NDArray[np.float32]:
    codec = AudioCodecContext.create("libopus", "r")
    codec.sample_rate = SAMPLE_RATE
    codec.layout = "mono"
    frames = [frame.to_ndarray() for packet in packets for frame in codec.decode(av.Packet(packet))]
    assert all(frame.shape == (1, PACKET_SAMPLES) for frame in frames)
    return np.asarray(np.concatenate(frames, axis=1)[0] / 32768, np.float32)


def coded(pieces: list[NDArray[np.float32]]) -> list[bytes]:
    opus = OpusPackets()
    return [packet for piece in pieces for packet in opus.encode(piece)] + [*opus.finish()]


def test_a_packet_for_each_20_ms_that_a_decoder_turns_back() -> None:
    packets = coded([tone(1.0)])
    assert len(packets) == 51  # the last one holds what the coder delays
    assert max(map(len, packets)) < 1276
    heard = decoded(packets)[DELAY:][:SAMPLE_RATE]
    assert np.corrcoef(heard, tone(1.0))[0, 1] > 0.95


@pytest.mark.parametrize("pieces", [1, 7, 999])
def test_the_way_it_comes_does_not_matter(pieces: int) -> None:
    assert coded(np.array_split(tone(0.51), pieces)) == coded([tone(0.51)])


def test_the_end_is_heard() -> None:
    samples = np.concatenate([np.zeros(5_000, np.float32), tone(0.01)])
    heard = decoded(coded([samples]))[DELAY:]
    assert heard.size >= samples.size
    assert np.abs(heard[5_000 : samples.size]).max() > 0.3


def test_nothing_is_no_packet() -> None:
    assert coded([]) == []
    assert coded([np.zeros(0, np.float32)]) == []
