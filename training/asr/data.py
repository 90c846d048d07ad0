"""From recordings and transcripts to batches: checked before training, disturbed while it runs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.asr.arguments import AsrArguments
from training.asr.model import NOT_LEARNED, Texts
from training.data.augmentation.sound import augmented
from training.data.examples import DataError, Example
from training.export.backends.whisper.features import (
    FRAMES_PER_SECOND,
    SAMPLE_RATE,
    WINDOW_SECONDS,
    LogMel,
)

MOST_TOKENS: Final = 220
"""Of a transcript; Whisper's text has 448 places, half of them for what was said before."""
_SHORTEST_SECONDS: Final = 0.05
_SORTED_BATCHES: Final = 8
"""Batches are of clips of like length, chosen among so many batches' clips."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording that is fit to learn from or to judge by."""

    example: Example
    seconds: float
    tokens: tuple[int, ...]
    """Of its transcript, with the end."""

    def samples(self) -> NDArray[np.float32]:
        """Read its mono 16 kHz samples, -1 to 1. Raises ``DataError``."""
        return read_clip(self.example)


def check(examples: Sequence[Example], texts: Texts) -> list[Utterance]:
    """Look at every clip's head and every transcript, so that no fault turns up after an hour.

    Raises:
        DataError: with file and line: no clip or one that cannot be read, is empty, has two channels or
            is longer than 30 s; a transcript that is empty or too long.
    """
    utterances = []
    for example in examples:
        if not example.text.strip():
            raise DataError(
                f"{example.source}: the transcript is empty: write what is said, or leave the clip out"
            )
        if example.audio is None:
            raise DataError(f"{example.source}: names no clip")
        try:
            head = soundfile.info(example.audio)
        except (OSError, soundfile.SoundFileError) as error:
            raise DataError(_unreadable(example, error)) from error
        seconds = head.frames / head.samplerate
        if head.channels != 1:
            raise DataError(
                f"{example.source}: {example.audio} has {head.channels} channels: make a clip of each"
            )
        if not _SHORTEST_SECONDS <= seconds <= WINDOW_SECONDS:
            raise DataError(
                f"{example.source}: {example.audio} lasts {seconds:.2f} s; Whisper hears up to"
                f" {WINDOW_SECONDS} s at once: cut it into clips of a sentence or two"
            )
        tokens = texts.tokens(example.text, example.language)
        if len(tokens) > MOST_TOKENS:
            raise DataError(
                f"{example.source}: the transcript has {len(tokens)} tokens, Whisper writes {MOST_TOKENS}:"
                " cut the clip"
            )
        utterances.append(Utterance(example, seconds, tuple(tokens)))
    return utterances


def read_clip(example: Example) -> NDArray[np.float32]:
    """Give a clip's mono samples at 16 kHz.

    Raises:
        DataError: with file and line: it cannot be decoded, or holds what is no number.
    """
    try:
        samples, rate = soundfile.read(str(example.audio), dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise DataError(_unreadable(example, error)) from error
    if not len(samples) or not np.isfinite(samples).all():
        raise DataError(f"{example.source}: {example.audio} holds no samples, or some that are no numbers")
    if rate != SAMPLE_RATE:
        samples = soxr.resample(samples, rate, SAMPLE_RATE)
    return np.asarray(samples[: WINDOW_SECONDS * SAMPLE_RATE], np.float32)


def _unreadable(example: Example, error: Exception) -> str:
    reason = "is not there" if example.audio and not example.audio.exists() else f"cannot be read: {error}"
    return f"{example.source}: {example.audio} {reason}"


@dataclass(frozen=True, slots=True)
class Heard:
    """One clip as it enters a batch."""

    source: str
    mel: NDArray[np.float32]
    """[mels, frames]."""
    prompt: tuple[int, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips of like length. B clips, M mels, F frames, T tokens."""

    sources: tuple[str, ...]
    mels: Tensor
    """[B, M, F] float."""
    given: Tensor
    """[B, T]: what the decoder is given: the prompt and the transcript."""
    labels: Tensor
    """[B, T]: what it should say next; ``NOT_LEARNED`` within the prompt and after the end."""


class DisturbedClips(Dataset[Heard]):
    """Training's clips as one epoch hears them: the same epoch, seed and place give the same sound."""

    def __init__(
        self, utterances: Sequence[Utterance], texts: Texts, mels: int, arguments: AsrArguments, epoch: int
    ) -> None:
        self._utterances = utterances
        self._texts = texts
        self._log_mel = LogMel(mels)
        self._arguments = arguments
        self._epoch = epoch
        random = np.random.default_rng((arguments.seed, epoch))
        # One for all clips of an epoch: a batch pays for the longest.
        self._padding_seconds = random.uniform(*arguments.padding_seconds)

    def __len__(self) -> int:
        return len(self._utterances)

    def __getitem__(self, index: int) -> Heard:
        utterance, arguments = self._utterances[index], self._arguments
        random = np.random.default_rng((arguments.seed, self._epoch, index))
        samples = augmented(utterance.samples(), random, arguments.chances)
        mel = self._log_mel(samples, frames_of(len(samples), self._padding_seconds))
        speech = math.ceil(len(samples) / SAMPLE_RATE * FRAMES_PER_SECOND)
        mel[:, :speech] = arguments.masks(mel[:, :speech], random)
        prompt = self._texts.prompt(utterance.example.language)
        return Heard(utterance.example.source, mel, tuple(prompt), utterance.tokens)


def frames_of(samples: int, padding_seconds: float) -> int:
    """Give the even number of mel frames for so many samples with silence after them, 3000 at most."""
    seconds = samples / SAMPLE_RATE + padding_seconds
    return min(WINDOW_SECONDS * FRAMES_PER_SECOND, 2 * math.ceil(seconds * FRAMES_PER_SECOND / 2))


def collate(clips: Sequence[Heard]) -> Batch:
    """Join clips; shorter ones get more silence, at each its own floor."""
    frames = max(clip.mel.shape[1] for clip in clips)
    length = max(len(clip.prompt) + len(clip.tokens) for clip in clips) - 1
    mels = torch.stack([torch.from_numpy(_longer(clip.mel, frames)) for clip in clips])
    given = torch.full((len(clips), length), clips[0].tokens[-1])
    labels = torch.full((len(clips), length), NOT_LEARNED)
    for row, clip in enumerate(clips):
        tokens = [*clip.prompt, *clip.tokens]
        given[row, : len(tokens) - 1] = torch.tensor(tokens[:-1])
        labels[row, len(clip.prompt) - 1 : len(tokens) - 1] = torch.tensor(clip.tokens)
    return Batch(tuple(clip.source for clip in clips), mels, given, labels)


def _longer(mel: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    return np.pad(mel, ((0, 0), (0, frames - mel.shape[1])), constant_values=float(mel.min()))


class LikeLengths:
    """An epoch's batches: all clips once, in an order of the epoch's own, those of like length together."""

    def __init__(self, seconds: Sequence[float], batch: int, seed: int, epoch: int) -> None:
        random = np.random.default_rng((seed, epoch))
        order = random.permutation(len(seconds)).tolist()
        pool = batch * _SORTED_BATCHES
        batches = []
        for begin in range(0, len(order), pool):
            near = sorted(order[begin : begin + pool], key=lambda index: seconds[index])
            batches += [near[start : start + batch] for start in range(0, len(near), batch)]
        self._batches = [batches[index] for index in random.permutation(len(batches))]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)

    def __len__(self) -> int:
        return len(self._batches)
