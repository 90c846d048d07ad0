"""What a recognizer says of a turn while it is spoken, with the time at which it said so; kept in a file."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

from gateway.turn.hearing import (
    CustomerAudio,
    FinalHeard,
    Heard,
    HearingInput,
    LiveRecognizer,
    PartialHeard,
    StreamFormat,
    UtteranceStarted,
    VoiceEvidence,
)
from gateway.turn.ports import Clock
from gateway.turn.types import AudioEncoding
from services.serving.errors import DeadlineExceeded, Unavailable
from tests.load.turn_taking.recordings import RATE, Kind, Turn

FRAME_SECONDS = 0.02
_TRIES = 3


@dataclass(frozen=True, slots=True)
class TimedHeard:
    """What was heard, and when: seconds since the turn's first sample was spoken."""

    at: float
    heard: Heard


@dataclass(frozen=True, slots=True)
class HeardTurn:
    """A turn's labels and its evidence up to the end of the silence behind it."""

    name: str
    kind: Kind
    speaker: str
    end: float
    pause: float
    evidence: tuple[TimedHeard, ...]


async def record(recognizer: LiveRecognizer, clock: Clock, turn: Turn, stretch: float = 1.0) -> HeardTurn:
    """Speak a turn in frames of 20 ms, in real time, and note what is heard.

    With ``stretch`` above 1 it is spoken so many times slower, and the clock of the evidence with it.

    The utterance is never ended by the speaker's side, so that the evidence is the same
    whatever would be decided by it.
    """
    began = clock.monotonic()

    async def speak() -> AsyncIterator[HearingInput]:
        frame = round(FRAME_SECONDS * RATE)
        pcm = (np.clip(turn.samples, -1, 1) * 32_767).astype("<i2")
        for begin in range(0, len(pcm), frame):
            spoken_at = (begin + frame) / RATE  # a frame can be sent when its last sample is there
            await asyncio.sleep(max(began + spoken_at * stretch - clock.monotonic(), 0.0))
            yield CustomerAudio(pcm[begin : begin + frame].tobytes())

    stream_format = StreamFormat(AudioEncoding.LINEAR16, RATE, "en")
    evidence = [
        TimedHeard(round((clock.monotonic() - began) / stretch, 4), heard)
        async for heard in recognizer.listen(speak(), stream_format)
        if not isinstance(heard, FinalHeard)  # after the silence: nothing is left to decide
    ]
    return HeardTurn(turn.name, turn.kind, turn.speaker, turn.end, turn.pause, tuple(evidence))


async def record_all(
    recognizer: LiveRecognizer, clock: Clock, turns: Sequence[Turn], at_once: int, stretch: float = 1.0
) -> list[HeardTurn]:
    """Record every turn, ``at_once`` at a time, in the order of ``turns``.

    A turn that could not be heard, on a machine that is too busy, is spoken again, three times in all.
    """
    room = asyncio.Semaphore(at_once)

    async def one(turn: Turn) -> HeardTurn:
        async with room:
            for _ in range(_TRIES - 1):
                with suppress(DeadlineExceeded, Unavailable):
                    return await record(recognizer, clock, turn, stretch)
            return await record(recognizer, clock, turn, stretch)

    return list(await asyncio.gather(*(one(turn) for turn in turns)))


def save(turns: Sequence[HeardTurn], path: Path) -> None:
    """Write the turns, one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        json.dumps(
            {
                "name": turn.name,
                "kind": turn.kind,
                "speaker": turn.speaker,
                "end": turn.end,
                "pause": turn.pause,
                "evidence": [[timed.at, *_to_json(timed.heard)] for timed in turn.evidence],
            },
            ensure_ascii=False,
        )
        for turn in turns
    )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(path: Path) -> list[HeardTurn]:
    """Read what ``save`` wrote."""
    turns = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        evidence = tuple(TimedHeard(at, _from_json(name, fields)) for at, name, fields in row["evidence"])
        turns.append(
            HeardTurn(row["name"], Kind(row["kind"]), row["speaker"], row["end"], row["pause"], evidence)
        )
    return turns


def _to_json(heard: Heard) -> tuple[str, dict[str, Any]]:
    match heard:
        case UtteranceStarted(start=start):
            return "started", {"start": start.total_seconds()}
        case PartialHeard():
            return "partial", {
                "text": heard.text,
                "word_count": heard.word_count,
                "stable_word_count": heard.stable_word_count,
                "end": heard.end.total_seconds(),
                "settled": heard.settled,
                "language_code": heard.language_code,
            }
        case VoiceEvidence():
            return "voice", {
                "end": heard.end.total_seconds(),
                "speaking": heard.speaking,
                "voiced": heard.voiced.total_seconds(),
                "silence": heard.silence.total_seconds(),
                "end_of_turn_probability": heard.end_of_turn_probability,
            }
        case _:
            raise TypeError(f"{type(heard).__name__} is not kept")


def _from_json(name: str, fields: dict[str, Any]) -> Heard:
    times = {"start", "end", "voiced", "silence"}
    values = {key: timedelta(seconds=value) if key in times else value for key, value in fields.items()}
    kinds = {"started": UtteranceStarted, "partial": PartialHeard, "voice": VoiceEvidence}
    heard: Heard = kinds[name](**values)
    return heard
