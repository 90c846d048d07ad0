"""Evidence as it would have come at a steady speed of computing.

Evidence of turns that were spoken slowly holds all that can be known of each pause; when it
was known says something of the machine's load alone. Here each piece comes when its audio
was there, and what is computed comes so much later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.turn.hearing import PartialHeard, UtteranceStarted, VoiceEvidence
from tests.load.turn_taking.evidence import HeardTurn, TimedHeard

_PAUSE_SECONDS = 0.096
"""Silence after which asr asks for words and for the probability: three of its frames."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds from the audio to what is told of it."""

    voice: float = 0.01
    words: float = 0.15
    sound: float = 0.05


def punctual(turn: HeardTurn, speed: Speed) -> HeardTurn:
    """The same evidence at the times at which it is due."""
    timed = [item for item in turn.evidence if isinstance(item.heard, UtteranceStarted)]
    for item in turn.evidence:
        if isinstance(item.heard, PartialHeard):
            timed.append(TimedHeard(item.heard.end.total_seconds() + speed.words, item.heard))
    voices = [item.heard for item in turn.evidence if isinstance(item.heard, VoiceEvidence)]
    timed += _voices(voices, speed)
    return replace(turn, evidence=tuple(sorted(timed, key=lambda item: item.at)))


def _voices(voices: Sequence[VoiceEvidence], speed: Speed) -> list[TimedHeard]:
    """Each when its audio was there; one more when the probability of its pause is known."""
    known = {
        _pause(voice): voice.end_of_turn_probability
        for voice in voices
        if voice.end_of_turn_probability is not None
    }
    timed = []
    for voice, following in zip(voices, [*voices[1:], None], strict=True):
        at = voice.end.total_seconds() + speed.voice
        probability = known.get(_pause(voice))
        due = _pause(voice) + _PAUSE_SECONDS + speed.sound
        timed.append(
            TimedHeard(at, replace(voice, end_of_turn_probability=probability if at >= due else None))
        )
        next_at = following.end.total_seconds() + speed.voice if following else due
        if probability is not None and not voice.speaking and at < due <= next_at:
            later = timedelta(seconds=due - at)
            told = replace(voice, end=voice.end + later, silence=voice.silence + later)
            timed.append(TimedHeard(due, replace(told, end_of_turn_probability=probability)))
    return timed


def _pause(voice: VoiceEvidence) -> float:
    """Where the pause began, in seconds; to a millisecond it is the same of all its evidence."""
    return round((voice.end - voice.silence).total_seconds(), 3)
