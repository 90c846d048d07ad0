"""How well a model hears: the one in training, and the exported one exactly as Triton runs it."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from transformers import WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from services.asr import model as asr_model
from services.inference.spec import ModelSpec
from training.acoustic.augment import telephone
from training.asr.data import Batch, Heard, Utterance, collate, frames_of
from training.asr.errors import Errors, count
from training.asr.model import NOT_LEARNED, Texts, transcribe
from training.export.backends.whisper.features import WINDOW_SECONDS, LogMel
from training.export.backends.whisper.transcriber import Transcriber, read_settings
from training.export.backends.whisper.words import repeats

SPECS: Final = {spec.name: spec for spec in (asr_model.ASR_EN, asr_model.ASR_MULTILINGUAL)}
"""The models that can be fine-tuned, by name."""
_BATCH: Final = 8
_MOST_TOKENS_A_SECOND: Final = 15
_MOST_TOKENS_MORE: Final = 20


@dataclass(frozen=True, slots=True)
class Judged:
    """Of a model on some utterances, each heard as recorded and through a telephone."""

    loss: float
    """Mean negative log-likelihood of a transcript's token."""
    recorded: Errors
    telephone: Errors
    transcripts: tuple[str, ...]
    """As recorded, then through the telephone."""

    @property
    def errors(self) -> Errors:
        """Give both channels' errors."""
        return self.recorded + self.telephone


def hear(utterance: Utterance, through_telephone: bool) -> NDArray[np.float32]:
    """Give an utterance's samples as recorded, or through 8 kHz µ-law."""
    samples = utterance.samples()
    return telephone(samples) if through_telephone else samples


def judge(
    whisper: WhisperForConditionalGeneration, utterances: Sequence[Utterance], texts: Texts, spec: ModelSpec
) -> Judged:
    """Hear all utterances with the model in training as serving does.

    The window is serving's, and what breaks into a loop there is heard again through the window of thirty
    seconds.
    """
    log_mel = LogMel(whisper.config.num_mel_bins)

    def batch_of(rows: Sequence[int], padding_seconds: float) -> Batch:
        heard = []
        for utterance, through_telephone in (clips[row] for row in rows):
            samples = hear(utterance, through_telephone)
            mel = log_mel(samples, frames_of(len(samples), padding_seconds))
            prompt = texts.prompt(utterance.example.language)
            heard.append(Heard(utterance.example.source, mel, tuple(prompt), utterance.tokens))
        return collate(heard)

    def write_down(rows: Sequence[int], states: BaseModelOutput) -> list[int]:
        """Give the rows that must be heard again."""
        first, longest = clips[rows[0]][0], clips[rows[-1]][0]
        most = int(longest.seconds * _MOST_TOKENS_A_SECOND) + _MOST_TOKENS_MORE
        told = transcribe(whisper, states, texts.prompt(first.example.language), most)
        for row, tokens in zip(rows, told, strict=True):
            transcripts[row] = texts.decode(tokens)
        pairs = zip(rows, told, strict=True)
        return [row for row, tokens in pairs if len(tokens) == most or repeats(transcripts[row])]

    whisper.eval()
    clips = _both_channels(utterances)
    transcripts = [""] * len(clips)
    losses, tokens = 0.0, 0
    for rows in _alike(utterances):
        batch = batch_of(rows, float(spec.parameters["padding_seconds"]))
        with torch.no_grad():
            states = whisper.model.encoder(batch.mels.to(whisper.device))
            logits = whisper(encoder_outputs=states, decoder_input_ids=batch.given.to(whisper.device)).logits
        losses += float(loss_of(logits, batch, reduction="sum"))
        tokens += int((batch.labels != NOT_LEARNED).sum())
        if again := write_down(rows, states):
            with torch.no_grad():
                states = whisper.model.encoder(batch_of(again, WINDOW_SECONDS).mels.to(whisper.device))
            write_down(again, states)
    return Judged(losses / max(tokens, 1), *_errors(utterances, transcripts), tuple(transcripts))


def loss_of(
    logits: torch.Tensor, batch: Batch, label_smoothing: float = 0.0, reduction: str = "mean"
) -> torch.Tensor:
    """Give the cross-entropy of logits [B, T, V] with what a batch's decoder should say."""
    return functional.cross_entropy(
        logits.float().transpose(1, 2),
        batch.labels.to(logits.device),
        ignore_index=NOT_LEARNED,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def judge_exported(
    folder: Path, utterances: Sequence[Utterance], spec: ModelSpec, threads: int = 1
) -> Judged:
    """Hear all utterances with a folder's CTranslate2 model in int8, by Triton's backend. Its loss is 0.

    Raises:
        ValueError: the folder has no model that CTranslate2 can load.
    """
    settings = read_settings({**spec.parameters, "cpu_threads": str(threads)})
    try:
        transcriber = Transcriber(folder, settings)
    except RuntimeError as error:
        raise ValueError(f"{folder}: cannot be loaded: {error}") from error
    transcripts = [
        transcriber.transcribe(hear(*clip), clip[0].example.language).text
        for clip in _both_channels(utterances)
    ]
    return Judged(0.0, *_errors(utterances, transcripts), tuple(transcripts))


def _both_channels(utterances: Sequence[Utterance]) -> list[tuple[Utterance, bool]]:
    return [(utterance, narrow) for narrow in (False, True) for utterance in utterances]


def _alike(utterances: Sequence[Utterance]) -> Iterator[list[int]]:
    """Rows of ``_both_channels`` in one language, and of like length, the longest last."""
    clips = [utterance for utterance, _ in _both_channels(utterances)]
    keys = [(clip.example.language, clip.seconds) for clip in clips]
    for _, rows in itertools.groupby(
        sorted(range(len(clips)), key=keys.__getitem__), lambda row: keys[row][0]
    ):
        ordered = list(rows)
        yield from (ordered[begin : begin + _BATCH] for begin in range(0, len(ordered), _BATCH))


def _errors(utterances: Sequence[Utterance], transcripts: Sequence[str]) -> tuple[Errors, Errors]:
    references = [utterance.example.text for utterance in utterances]
    languages = [utterance.example.language for utterance in utterances]
    half = len(utterances)
    return (
        count(references, transcripts[:half], languages),
        count(references, transcripts[half:], languages),
    )
