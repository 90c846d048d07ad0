"""A call's audio on the wire, and the person at the microphone."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from gateway.cli.call_coding import CallFormat, Coding
from gateway.cli.call_microphone import Headset
from gateway.cli.call_playback import Playback
from gateway.cli.call_voice import read_recording
from gateway.cli.context import UsageError


@pytest.mark.parametrize(
    ("coding", "rate", "bytes_a_frame", "least_db"),
    [
        (Coding.LINEAR16, 16000, 640, 90.0),
        (Coding.MULAW, 8000, 160, 35.0),
        (Coding.ALAW, 8000, 160, 35.0),
        (Coding.OPUS, 48000, None, 10.0),
    ],
)
def test_what_was_coded_sounds_the_same(
    coding: Coding, rate: int, bytes_a_frame: int | None, least_db: float
) -> None:
    call_format = CallFormat(coding, rate)
    encoder, decoder = call_format.encoder(), call_format.decoder()
    times = np.arange(rate) / rate
    sound = (9000 * np.sin(2 * np.pi * 440 * times) * np.sin(np.pi * times)).astype(np.int16)
    length = rate // 50
    messages = [
        message for at in range(0, rate, length) for message in encoder.encode(sound[at : at + length])
    ]
    assert len(messages) == 50
    if bytes_a_frame:
        assert {len(message) for message in messages} == {bytes_a_frame}
    else:
        assert max(map(len, messages)) < 200
    heard = np.concatenate([decoder.decode(message) for message in messages]).astype(np.float64)
    assert len(heard) == rate
    delay = 312 if coding is Coding.OPUS else 0  # libopus looks 6.5 ms ahead
    error = heard[delay:] - sound[: rate - delay]
    assert 10 * np.log10((sound.astype(np.float64) ** 2).mean() / ((error**2).mean() + 1e-9)) > least_db


@pytest.mark.parametrize(("coding", "rate"), [("mulaw", 11025), ("opus", 16000), ("linear16", 0)])
def test_rates_that_no_call_has_are_refused(coding: str, rate: int) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        CallFormat(Coding(coding), rate)


def test_a_stereo_recording_of_another_rate_becomes_the_calls(tmp_path: Path) -> None:
    times = np.arange(44100) / 44100
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    soundfile.write(tmp_path / "stereo.flac", np.stack([tone, tone], axis=1), 44100)
    samples = read_recording(tmp_path / "stereo.flac", 8000)
    assert len(samples) == 8000
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() == 440
    assert np.abs(samples).max() == pytest.approx(16384, rel=0.03)


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match=r"noise\.wav"):
        read_recording(tmp_path / "noise.wav", 8000)


def test_the_playback_forgets_nothing_that_was_heard() -> None:
    playback = Playback(10)
    assert (playback.position(1.0), playback.ends) == (None, 0.0)
    playback.add(1.0, "t1", 0.0, np.full(10, 1, np.int16))
    playback.add(1.2, "t1", 1.0, np.full(10, 2, np.int16))
    assert playback.position(0.9) is None
    assert playback.position(2.5) == ("t1", 1.5)
    playback.stop(2.5)
    playback.stop(2.5)
    assert (playback.ends, playback.position(9.0)) == (2.5, ("t1", 1.5))
    playback.add(2.5, "t2", 0.0, np.full(10, 3, np.int16))
    assert playback.heard(18, 10).tolist() == [1, 1, 2, 2, 2, 2, 2, 3, 3, 3]
    assert playback.heard(33, 4).tolist() == [3, 3, 0, 0]
    assert playback.position(3.0) == ("t2", 0.5)


class PortAudioError(Exception):
    pass


class SoundCard:
    """A sound card as sounddevice shows it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, broken: bool = False) -> None:
        self.exchange: Callable[..., None] | None = None
        self.closed = False

        def open_stream(**options: Any) -> Any:
            if broken:
                raise PortAudioError("no device")
            self.exchange = options["callback"]
            return SimpleNamespace(start=lambda: None, close=lambda: setattr(self, "closed", True))

        module = SimpleNamespace(Stream=open_stream, PortAudioError=PortAudioError)
        monkeypatch.setitem(sys.modules, "sounddevice", module)

    def takes(self, spoken: int) -> list[int]:
        """Take a frame of 4 samples; return what sounds meanwhile."""
        assert self.exchange
        sounding = np.full((4, 1), 77, np.int16)
        self.exchange(np.full((4, 1), spoken, np.int16), sounding, 4, None, None)
        return [int(each) for each in sounding[:, 0]]


async def test_a_headset_speaks_and_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    card, playback = SoundCard(monkeypatch), Playback(200)
    with Headset(200, 4) as headset:
        headset.play(np.arange(1, 7, dtype=np.int16))
        assert card.takes(5) == [1, 2, 3, 4]
        frame = await headset.frame(4, 4, playback)
        assert frame is not None
        assert frame.tolist() == [5, 5, 5, 5]
        assert card.takes(6) == [5, 6, 0, 0]
        headset.play(np.arange(1, 7, dtype=np.int16))
        headset.stop()
        assert card.takes(7) == [0, 0, 0, 0]
    assert card.closed


def test_without_sounddevice_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UsageError, match="microphone"):
        Headset(16000, 320)


async def test_without_a_microphone_a_recording_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    SoundCard(monkeypatch, broken=True)
    with pytest.raises(UsageError, match="no device"), Headset(16000, 320):
        pass
