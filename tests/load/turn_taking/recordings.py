"""Labelled turns made of real recordings: joined clips, pauses inside them and silence behind them.

A turn is one of AN4's clips as it is, one that is parted between two words, or two of the
same speaker; the pause is a piece of the clip's own background. Of each it is known when
somebody is heard and when the turn is over, by the clip's energy.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
TAIL_SECONDS = 3.0
"""Silence behind each turn: longer than any setting that is tried."""
SHORT_PAUSE_SECONDS = 0.5
_PAUSES = ((0.2, SHORT_PAUSE_SECONDS), (SHORT_PAUSE_SECONDS, 1.5))
_FRAME = 160
_ABOVE_FLOOR_DB = 12.0
_BELOW_PEAK_DB = 30.0
_LEAST_FRAMES = 4
"""Louder for less than 40 ms is a click."""
_WITHIN_SECONDS = 0.4
"""Speech that both parts of a parted clip have at least."""
_GAP_FRAMES = 5
"""Quiet for less than 50 ms is no place between words."""

Samples = NDArray[np.float32]


class Kind(StrEnum):
    """How a turn was made."""

    SINGLE = "SINGLE"
    """A clip as it is."""
    PARTED = "PARTED"
    """A clip with a pause between two of its words, where the voice tells that more follows."""
    JOINED = "JOINED"
    """Two clips with a pause between them: two sentences, the first sounds like an end."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn to be heard. Seconds count from the first sample."""

    name: str
    kind: Kind
    speaker: str
    samples: Samples
    end: float
    """Where the last voice ends."""
    pause: float = 0.0
    """Length of the pause that was put in; 0 without."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording with where its voice begins and ends, and where it is quiet between, in samples."""

    name: str
    speaker: str
    samples: Samples
    voiced: NDArray[np.bool_]
    """Of each 10 ms, whether somebody is heard."""

    @property
    def begin(self) -> int:
        return int(np.flatnonzero(self.voiced)[0]) * _FRAME

    @property
    def end(self) -> int:
        return (int(np.flatnonzero(self.voiced)[-1]) + 1) * _FRAME

    def gap(self) -> tuple[int, int] | None:
        """The longest quiet place between words that leaves speech on both sides."""
        loud = np.flatnonzero(self.voiced)
        gaps = [(before + 1, after) for before, after in pairwise(loud)]
        margin = round(_WITHIN_SECONDS * RATE / _FRAME)
        inside = [
            (int(begin) * _FRAME, int(end) * _FRAME)
            for begin, end in gaps
            if end - begin >= _GAP_FRAMES and begin - loud[0] >= margin and loud[-1] - end >= margin
        ]
        return max(inside, key=lambda gap: gap[1] - gap[0], default=None)


def labelled_turns(folder: Path, seed: int) -> list[Turn]:
    """Make the set: of each speaker a clip as it is, a parted one and two joined, as far as they allow.

    ``folder`` has a ``metadata.tsv`` with path and speaker, 16 kHz each. Half of the pauses
    are 0.2 to 0.5 s long, the other half up to 1.5 s.
    """
    generator = np.random.default_rng(seed)
    turns: list[Turn] = []
    by_speaker: dict[str, list[Clip]] = {}
    for clip in _clips(folder):
        by_speaker.setdefault(clip.speaker, []).append(clip)
    for clips in by_speaker.values():
        turns.append(_single(clips[int(generator.integers(len(clips)))], generator))
        turns += [_parted(clip, gap, generator) for clip in clips if (gap := clip.gap())][:1]
        if len(clips) > 1:
            turns.append(_joined(clips[0], clips[1], generator))
    return turns


def voiced_frames(samples: Samples) -> NDArray[np.bool_]:
    """Of each 10 ms, whether it is loud: well above the quietest tenth, not far below the loudest."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    level = 10 * np.log10(np.square(frames).mean(axis=1) + 1e-12)
    loud: NDArray[np.bool_] = level > max(
        float(np.percentile(level, 10)) + _ABOVE_FLOOR_DB, float(level.max()) - _BELOW_PEAK_DB
    )
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    for begin, end in edges.reshape(-1, 2):
        loud[begin:end] = end - begin >= _LEAST_FRAMES
    return loud


def background(
    clip: Samples, voiced: NDArray[np.bool_], count: int, generator: np.random.Generator
) -> Samples:
    """``count`` samples of a clip's own background: pieces of its quiet, overlapped at random."""
    length = 8 * _FRAME
    half = length // 2
    frames = clip[: len(voiced) * _FRAME].reshape(-1, _FRAME)
    order = np.argsort(np.square(frames).mean(axis=1))
    quiet = frames[np.sort(order[: max(len(order) // 10, 8)])].reshape(-1)
    window = np.sin(np.pi * (np.arange(length) + 0.5) / length).astype(np.float32)  # keeps the power
    made = np.zeros(count + 2 * length, np.float32)
    for at in range(0, count + length, half):
        begin = int(generator.integers(max(len(quiet) - length, 0) + 1))
        piece = quiet[begin : begin + length]
        made[at : at + len(piece)] += piece * window[: len(piece)]
    return made[half : half + count]


def _clips(folder: Path) -> Sequence[Clip]:
    with (folder / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file, delimiter="\t"), key=lambda row: row["path"])
    clips = []
    for row in rows:
        samples, rate = soundfile.read(folder / row["path"], dtype="float32")
        if rate != RATE:
            raise ValueError(f"{folder / row['path']} has {rate} Hz, not {RATE}")
        clips.append(Clip(Path(row["path"]).stem, row["speaker"], samples, voiced_frames(samples)))
    return [clip for clip in clips if clip.voiced.any()]


def _draw_pause(generator: np.random.Generator) -> float:
    return float(generator.uniform(*_PAUSES[int(generator.integers(len(_PAUSES)))]))


def _turn(name: str, kind: Kind, before: Clip, parts: Sequence[Samples], pause: float, rest: Samples) -> Turn:
    spoken = np.concatenate(parts)
    return Turn(name, kind, before.speaker, np.concatenate([spoken, rest]), len(spoken) / RATE, pause)


def _quiet(clip: Clip, seconds: float, generator: np.random.Generator) -> Samples:
    return background(clip.samples, clip.voiced, round(seconds * RATE), generator)


def _single(clip: Clip, generator: np.random.Generator) -> Turn:
    tail = _quiet(clip, TAIL_SECONDS, generator)
    return _turn(clip.name, Kind.SINGLE, clip, [clip.samples[: clip.end]], 0.0, tail)


def _parted(clip: Clip, gap: tuple[int, int], generator: np.random.Generator) -> Turn:
    """Put background into a gap, so that the pause is as long as drawn (or as long as the gap)."""
    begin, end = gap
    pause = max(_draw_pause(generator), (end - begin) / RATE)
    middle = (begin + end) // 2
    quiet = _quiet(clip, pause - (end - begin) / RATE, generator)
    parts = [clip.samples[:middle], quiet, clip.samples[middle : clip.end]]
    tail = _quiet(clip, TAIL_SECONDS, generator)
    return _turn(f"{clip.name}|", Kind.PARTED, clip, parts, pause, tail)


def _joined(first: Clip, second: Clip, generator: np.random.Generator) -> Turn:
    pause = _draw_pause(generator)
    quiet = _quiet(first, pause, generator)
    parts = [first.samples[: first.end], quiet, second.samples[second.begin : second.end]]
    tail = _quiet(second, TAIL_SECONDS, generator)
    return _turn(f"{first.name}+{second.name}", Kind.JOINED, first, parts, pause, tail)
