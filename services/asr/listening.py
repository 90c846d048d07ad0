"""What goes into a live stream, what comes out, and by which rules. Pure.

Times are seconds of the stream's audio, from its first sample.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.asr.acoustic import AcousticFeatures
from services.asr.transcriber import Word

Samples = NDArray[np.float32]
"""Mono, 16 kHz, -1 to 1."""


@dataclass(frozen=True, slots=True)
class Audio:
    """The next piece of the stream."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class Played:
    """What is being played to the speaker now."""

    samples: Samples


@dataclass(frozen=True, slots=True)
class EndUtterance:
    """The utterance that is being spoken is over."""


Input = Audio | Played | EndUtterance


@dataclass(frozen=True, slots=True)
class Started:
    """An utterance began at ``start``."""

    start: float


@dataclass(frozen=True, slots=True)
class Partial:
    """The words so far; the first ``stable`` of them never change. See PartialResult on the wire."""

    transcript: str
    words: tuple[Word, ...]
    stable: int
    end: float
    settled: bool
    language: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Whether somebody speaks at ``end``. See VoiceEvidence on the wire."""

    end: float
    speaking: bool
    voiced: float
    silence: float
    end_of_turn: float | None


@dataclass(frozen=True, slots=True)
class FinalWords:
    """An utterance from ``start`` to ``end`` is over. See FinalResult on the wire."""

    transcript: str
    language: str
    words: tuple[Word, ...]
    start: float
    end: float
    model: str
    features: AcousticFeatures | None

    @property
    def confidence(self) -> float:
        """Mean of the words' confidence; 0 without words."""
        return float(np.mean([word.confidence for word in self.words])) if self.words else 0.0


Event = Started | Partial | Evidence | FinalWords


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the client wants of a stream. ``language`` is "en", "zh" or "" (detected).

    ``end_silence`` seconds end an utterance; None leaves that to ``EndUtterance``.
    """

    language: str = ""
    with_features: bool = False
    end_silence: float | None = 0.8


@dataclass(frozen=True, slots=True)
class ListeningRules:
    """When a stream is decoded. Seconds."""

    first_partial: float = 0.25
    """Of speech, until it is decoded for the first time."""
    partial_period: float = 0.5
    """From one decoding to the next while somebody speaks, or longer:"""
    decoding_share: float = 0.25
    """decodings for partials take at most this share of the time. Each runs on two threads."""
    pause: float = 0.09
    """Of silence, until all that was spoken is decoded as it would be at the end of the utterance."""
    evidence_period: float = 0.1
    onset: float = 0.3
    """Of a run of speech, in which evidence comes with every frame: it may interrupt an answer."""
    sure_language: float = 0.7
    """Probability at which a detected language holds for the rest of the utterance,"""
    sure_language_after: float = 1.5
    """if so much was heard: of the first syllables any language may be believed."""
    first_partial_undetected: float = 1.0
    """Of speech, until it is decoded for the first time where the language is not known."""
    long_segment: float = 20.0
    """Where more is decoded at once, it is cut in a pause behind words that are stable,"""
    longest_segment: float = 27.0
    """and anywhere where it comes to this: with its padding it fills the encoder's window."""
    end_of_turn: float = 8.0
    """Of the last audio that the end-of-turn model hears."""
    kept: float = 40.0
    """Of audio that a stream keeps."""
    timeout: float = 10.0
    """For one decoding."""
