"""The answer's own echo is not heard as speech, and a customer who speaks over it is."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from services.asr.echo import EchoCanceller
from services.asr.speech import Span, SpeechRules, find_speech
from services.asr.vad import FRAME_SAMPLES, SileroVad

RATE = 16_000
VAD = Path(__file__).parents[3] / "build/weights/vad/silero_vad_16k_sequence.onnx"
SPEECH = Path(os.environ.get("FRONTDESK_DATA", "../shared/data")) / "an4_speech" / "audio"

Samples = NDArray[np.float32]


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    if not VAD.is_file():
        pytest.skip("no Silero VAD: run `make weights`")
    return SileroVad(VAD)


@pytest.fixture(scope="module")
def clips() -> list[Samples]:
    found = [clip for clip in sorted(SPEECH.glob("**/*.flac")) if soundfile.info(clip).duration > 2.0][:8]
    if len(found) < 8:
        pytest.skip("no an4_speech: set FRONTDESK_DATA")
    return [soundfile.read(clip, dtype="float32")[0] for clip in found]


def spans(vad: SileroVad, samples: Samples) -> tuple[Span, ...]:
    return find_speech(vad(samples), FRAME_SAMPLES / RATE, SpeechRules())


def noise(count: int) -> Samples:
    return np.random.default_rng(3).normal(scale=1e-4, size=count).astype(np.float32)


def echo(played: Samples, seconds: float, decibels: float) -> Samples:
    quiet: Samples = played * np.float32(10 ** (decibels / 20))
    delayed: Samples = np.concatenate([np.zeros(round(seconds * RATE), np.float32), quiet])[: len(played)]
    return delayed


def live(played: Samples, heard: Samples, size: int = 320) -> Samples:
    canceller = EchoCanceller()
    pieces = []
    for at in range(0, len(heard), size):
        canceller.played(played[at : at + size])
        pieces.append(canceller.cancel(heard[at : at + size]))
    return np.concatenate(pieces)


def test_without_played_sound_nothing_is_touched(clips: list[Samples]) -> None:
    canceller = EchoCanceller()
    assert canceller.cancel(clips[0]) is clips[0]


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.25, 0.4])
def test_an_echo_is_no_speech(vad: SileroVad, clips: list[Samples], seconds: float) -> None:
    played = np.concatenate(clips[:3])
    heard = echo(played, seconds, -20.0) + noise(len(played))
    assert spans(vad, heard)
    assert not spans(vad, live(played, heard))


@pytest.mark.parametrize("decibels", [-20.0, -200.0])
def test_a_customer_is_heard_over_the_answer(vad: SileroVad, clips: list[Samples], decibels: float) -> None:
    """With an echo, and on a line without any, where AEC3 alone would swallow what is said."""
    played = np.concatenate(clips[:4])
    said = np.zeros(len(played), np.float32)
    at = 2 * RATE
    said[at : at + len(clips[5])] = clips[5]
    plain = spans(vad, said + noise(len(said)))
    heard = spans(vad, live(played, said + echo(played, 0.12, decibels) + noise(len(said))))
    assert heard
    assert abs(heard[0].begin - plain[0].begin) <= 0.1
    assert abs(heard[-1].end - plain[-1].end) <= 0.3


@pytest.mark.parametrize("size", [1, 100, 160, 333, 512, 4_000])
def test_pieces_of_any_size_give_all_samples_in_time(clips: list[Samples], size: int) -> None:
    heard = clips[0][:8_000]
    canceller = EchoCanceller()
    given = 0
    for at in range(0, len(heard), size):
        canceller.played(np.full(size, 0.01, np.float32))
        given += len(canceller.cancel(heard[at : at + size]))
        assert 0 <= min(at + size, len(heard)) - given < 320
    # When nothing sounds any more, the rest comes, and then sound passes untouched again.
    silence = np.zeros(RATE, np.float32)
    given += len(canceller.cancel(silence))
    given += len(canceller.cancel(silence))
    assert given == len(heard) + 2 * RATE
    assert canceller.cancel(heard) is heard


def test_what_waits_is_bounded() -> None:
    canceller = EchoCanceller()
    for _ in range(100):
        canceller.played(np.zeros(RATE, np.float32))
    # Half a second of it is left: after that and the time of an echo, nothing sounds.
    canceller.cancel(np.zeros(round(1.2 * RATE), np.float32))
    untouched = np.zeros(160, np.float32)
    canceller.cancel(untouched)
    assert canceller.cancel(untouched) is untouched


def test_streams_do_not_disturb_each_other(vad: SileroVad, clips: list[Samples]) -> None:
    played, said = clips[0], clips[6][: len(clips[0])]
    one, other = EchoCanceller(), EchoCanceller()
    heard = []
    for at in range(0, len(said), 320):
        one.played(played[at : at + 320])
        one.cancel(played[at : at + 320])
        heard.append(other.cancel(said[at : at + 320]))
    assert np.array_equal(np.concatenate(heard), said)
