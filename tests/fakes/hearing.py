"""A world in which all that is loud is speech, and every 0.3 s of it is a word."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.asr.listening import Audio, EndUtterance, Event, Input, ListeningRules, Wishes
from services.asr.live import HearingModels, LiveHearing
from services.asr.model import SAMPLE_RATE
from services.asr.pause_sound import EndOfTurn
from services.asr.transcriber import Transcriber
from services.inference.port import Tensors
from tests.fakes.inference import FakeInference

FRAME = 512
WORD_SECONDS = 0.3
DECODING_SECONDS = 0.1


def sound(*parts: tuple[float, float]) -> NDArray[np.float32]:
    """(seconds, loudness) one after the other."""
    return np.concatenate([np.full(round(s * SAMPLE_RATE), loud, np.float32) for s, loud in parts])


class LoudIsSpeech:
    """Implements ``StreamVoiceActivity``."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        self._rest = np.concatenate([self._rest, samples])
        frames, rest = np.split(self._rest, [len(self._rest) // FRAME * FRAME])
        self._rest = rest
        return np.asarray(np.abs(frames).reshape(-1, FRAME).max(axis=1) > 0.1, np.float32)


class QuietEcho:
    """Implements ``Echo``: what is played is heard as its negative."""

    def __init__(self) -> None:
        self._played = np.zeros(0, np.float32)

    def played(self, samples: NDArray[np.float32]) -> None:
        self._played = np.concatenate([self._played, samples])

    def cancel(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        echo, self._played = np.split(self._played, [min(len(samples), len(self._played))])
        return samples - np.pad(echo, (0, len(samples) - len(echo)))


def counted_words(inputs: Tensors, language: str = "en", language_probability: float = 0.9) -> Tensors:
    """ "w1 w2 …", one for each 0.3 s of loud samples begun, where they are loud."""
    loud = np.flatnonzero(np.abs(inputs["samples"]) > 0.1)
    step = round(WORD_SECONDS * SAMPLE_RATE)
    places = [(loud[at], loud[min(at + step, len(loud)) - 1]) for at in range(0, len(loud), step)]
    words = [f"w{number}" for number in range(1, len(places) + 1)]
    return {
        "text": np.array([" ".join(words).encode()], object),
        "heard_language": np.array([language.encode()], object),
        "language_probability": np.array([language_probability], np.float32),
        "words": np.array([word.encode() for word in words], object),
        "word_times": np.array(places, np.float32).reshape(-1, 2) / SAMPLE_RATE,
        "word_probabilities": np.full(len(words), 0.9, np.float32),
        "confidence": np.array([0.9 if words else 0.0], np.float32),
        "no_speech_probability": np.array([0.0], np.float32),
    }


async def decode(inputs: Tensors) -> Tensors:
    """``counted_words`` after the time that decoding takes."""
    await asyncio.sleep(DECODING_SECONDS)
    return counted_words(inputs)


async def finished(samples: NDArray[np.float32]) -> float:
    """An end-of-turn model that is nearly always sure."""
    await asyncio.sleep(0.02)
    return 0.75


@dataclass
class Hearing:
    """``LiveHearing`` on fakes; ``heard`` are its events with the loop's time at which each came."""

    inference: FakeInference = field(
        default_factory=lambda: FakeInference({"asr_en": decode, "asr_multilingual": decode})
    )
    end_of_turn: EndOfTurn = finished
    most_streams: int = 4
    rules: ListeningRules = field(default_factory=ListeningRules)
    heard: list[tuple[float, Event]] = field(default_factory=list)

    def live(self) -> LiveHearing:
        models = HearingModels(
            voice_activity=LoudIsSpeech,
            frame_seconds=FRAME / SAMPLE_RATE,
            echo=QuietEcho,
            end_of_turn=self.end_of_turn,
            transcriber=Transcriber(self.inference, str),
            inference=self.inference,
        )
        return LiveHearing(models, most_streams=self.most_streams, rules=self.rules)

    async def run(self, inputs: AsyncIterator[Input], wishes: Wishes | None = None) -> list[Event]:
        """Hear all of it."""
        async for event in self.live().hear(inputs, wishes or Wishes(language="en")):
            self.heard.append((asyncio.get_running_loop().time(), event))
        return [event for _, event in self.heard]


async def spoken(
    samples: NDArray[np.float32], *, ends_at: Iterable[float] = (), real_time: bool = True
) -> AsyncIterator[Input]:
    """Frames of 20 ms in real time (or at once), with the utterance ended at these seconds."""
    ends = sorted(ends_at)
    size = SAMPLE_RATE // 50
    for begin in range(0, len(samples), size):
        while ends and begin / SAMPLE_RATE >= ends[0]:
            ends.pop(0)
            yield EndUtterance()
        if real_time:
            await asyncio.sleep(0.02)
        yield Audio(samples[begin : begin + size])
    for _ in ends:
        yield EndUtterance()
