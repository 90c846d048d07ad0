"""What is heard of a customer who is still speaking. Pure.

Offsets count the call's audio from its first sample.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from gateway.turn.features import AcousticFeatures
from gateway.turn.types import AudioEncoding, Transcript


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """Coding of a call's audio; ``encoding`` is LINEAR16, MULAW, ALAW or OPUS (then 48 kHz)."""

    encoding: AudioEncoding
    sample_rate_hertz: int
    language_code: str = ""


@dataclass(frozen=True, slots=True)
class CustomerAudio:
    """The next piece of the customer's audio."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class PlayedAudio:
    """What is being played to the customer now: its echo is not speech."""

    audio: bytes


@dataclass(frozen=True, slots=True)
class EndUtterance:
    """The utterance is over: its final is wanted."""


HearingInput = CustomerAudio | PlayedAudio | EndUtterance


@dataclass(frozen=True, slots=True)
class UtteranceStarted:
    """Somebody began to speak at ``start``."""

    start: timedelta


@dataclass(frozen=True, slots=True)
class PartialHeard:
    """The words so far. ``settled``: all that was spoken is in it, decoded in the pause after it."""

    text: str
    word_count: int
    stable_word_count: int
    end: timedelta
    settled: bool
    language_code: str = ""


@dataclass(frozen=True, slots=True)
class VoiceEvidence:
    """Whether somebody speaks at ``end``.

    ``voiced`` is the speech of the run that goes on or ended last; ``silence`` since then.
    ``end_of_turn_probability`` is None while it is not known of this pause.
    """

    end: timedelta
    speaking: bool
    voiced: timedelta
    silence: timedelta
    end_of_turn_probability: float | None = None


@dataclass(frozen=True, slots=True)
class FinalHeard:
    """All that was said in an utterance, from ``start`` to ``end``."""

    transcript: Transcript
    start: timedelta
    end: timedelta
    acoustic: AcousticFeatures | None = None


Heard = UtteranceStarted | PartialHeard | VoiceEvidence | FinalHeard


class LiveRecognizer(Protocol):
    """Speech to text while it is spoken."""

    def listen(
        self,
        audio: AsyncIterator[HearingInput],
        stream_format: StreamFormat,
        *,
        include_acoustic_features: bool = False,
    ) -> AsyncGenerator[Heard]:
        """Hear until ``audio`` ends; utterances end by ``EndUtterance`` alone.

        Raises ``services.serving.errors``. Closing the generator cancels the call at the peer.
        """
        ...
