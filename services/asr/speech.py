"""Where somebody speaks: probabilities of voice activity → spans → the pieces worth recognizing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Span:
    """From ``begin`` to ``end``, seconds from the start of the audio."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class SpeechRules:
    """When voice activity counts as speech, and how speech is cut into pieces. Seconds and probabilities."""

    threshold: float = 0.5
    """A span begins at this probability,"""
    release: float = 0.35
    """ends below this one,"""
    silence: float = 0.3
    """if it stays below for this long."""
    least: float = 0.12
    """Time at or above the threshold that a span needs: a short "yes" has 0.25,"""
    peak: float = 0.8
    """and the probability that it must reach once."""
    margin: float = 0.35
    """Kept around a piece: voice activity begins late, on soft consonants."""
    join: float = 2.0
    """Spans this near go into one piece, since each piece costs the encoder's padding."""
    longest: float = 22.0
    """Spans are not joined beyond this: with its padding a piece fills the encoder's window."""


def find_speech(
    probabilities: NDArray[np.float32], frame_seconds: float, rules: SpeechRules
) -> tuple[Span, ...]:
    """Spans of speech, in order, from one probability for each ``frame_seconds``."""
    spans = []
    begin: int | None = None
    last = 0  # the last frame that still counted as voice
    for frame, probability in enumerate(probabilities):
        if begin is None:
            if probability >= rules.threshold:
                begin = last = frame
        elif probability >= rules.release:
            last = frame
        elif (frame - last) * frame_seconds >= rules.silence:
            spans.append((begin, last + 1))
            begin = None
    if begin is not None:
        spans.append((begin, last + 1))
    return tuple(
        Span(first * frame_seconds, end * frame_seconds)
        for first, end in spans
        if (probabilities[first:end] >= rules.threshold).sum() * frame_seconds >= rules.least
        and probabilities[first:end].max() >= rules.peak
    )


def pieces(spans: Sequence[Span], rules: SpeechRules) -> tuple[tuple[Span, ...], ...]:
    """The spans in groups that are recognized together."""
    groups: list[list[Span]] = []
    for span in spans:
        if (
            groups
            and span.begin - groups[-1][-1].end <= rules.join
            and span.end - groups[-1][0].begin <= rules.longest
        ):
            groups[-1].append(span)
        else:
            groups.append([span])
    return tuple(tuple(group) for group in groups)


def around(group: Sequence[Span], seconds: float, rules: SpeechRules) -> Span:
    """The whole of a group with the margin, inside of ``seconds`` of audio."""
    return Span(max(0.0, group[0].begin - rules.margin), min(seconds, group[-1].end + rules.margin))
