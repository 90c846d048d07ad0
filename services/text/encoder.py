"""Texts to vectors: prefixes, tokens, batches of similar length.

Pure: no gRPC, no wire types.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.inference.port import InferenceClient
from services.serving.errors import DeadlineExceeded
from services.text.model import TEXT_ENCODER

# What one more inference costs beside its content, in tokens: texts are padded to a
# common length where that adds fewer.
_INFERENCE_COST: Final = 8
# Tokens of one inference. On a CPU larger batches are slower (caches), and a customer's
# question waits behind a batch of passages for a whole one.
_MOST_TOKENS: Final = 256


class InputType(Enum):
    """What texts are for; the value is the prefix that the encoder was trained with."""

    QUERY = "query: "
    PASSAGE = "passage: "


@dataclass(frozen=True, slots=True)
class Tokens:
    """A tokenized text.

    ``ends`` are the positions in the text behind each token, in characters;
    ``special`` is 1 for tokens that stand for no text; ``truncated`` says that
    the text went on beyond the encoder's window.
    """

    ids: Sequence[int]
    pieces: Sequence[str]
    ends: Sequence[int]
    special: Sequence[int]
    truncated: bool


class TextTokenizer(Protocol):
    """Cuts texts into the encoder's tokens."""

    def tokenize(self, texts: Sequence[str]) -> Sequence[Tokens]:
        """Tokenize each text, special tokens included."""
        ...


@dataclass(frozen=True, slots=True)
class Embedding:
    """An embedded text.

    ``sentence`` is float32[width] of length 1. ``pieces`` and ``token_vectors``
    (float32[len(pieces), width], not normalized) leave out the prefix and
    special tokens; both are empty unless asked for. ``token_count`` counts all
    tokens that the encoder read.
    """

    sentence: NDArray[np.float32]
    pieces: Sequence[str]
    token_vectors: NDArray[np.float32]
    token_count: int
    truncated: bool


class TextEncoder:
    """Embeds texts with the model ``text_encoder``.

    Raises what ``InferenceClient`` raises.
    """

    def __init__(
        self,
        tokenizer: TextTokenizer,
        inference: InferenceClient,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokenizer = tokenizer
        self._inference = inference
        self._clock = clock

    async def embed(
        self,
        texts: Sequence[str],
        input_type: InputType,
        *,
        include_tokens: bool = False,
        timeout_seconds: float,
    ) -> list[Embedding]:
        """Embed texts, in their order."""
        deadline = self._clock() + timeout_seconds
        tokenized = await self._tokenize([input_type.value + text for text in texts])
        embeddings: dict[int, Embedding] = {}
        for batch in _batches([len(tokens.ids) for tokens in tokenized]):
            remaining = deadline - self._clock()
            if remaining <= 0:
                raise DeadlineExceeded("DEADLINE_EXCEEDED", "the time ran out while texts were embedded")
            members = [tokenized[index] for index in batch]
            ids, mask = _padded(members)
            result = await self._inference.infer(
                TEXT_ENCODER,
                {"input_ids": ids, "attention_mask": mask},
                outputs=["sentence", "tokens"] if include_tokens else ["sentence"],
                timeout_seconds=remaining,
            )
            prefix = len(input_type.value)
            for row, (index, tokens) in enumerate(zip(batch, members, strict=True)):
                vectors = result["tokens"][row] if include_tokens else None
                embeddings[index] = _embedding(result["sentence"][row], vectors, tokens, prefix)
        return [embeddings[index] for index in range(len(texts))]

    async def _tokenize(self, texts: Sequence[str]) -> Sequence[Tokens]:
        # A short text takes less time than changing threads does; long ones would hold up other requests.
        if sum(map(len, texts)) < 4_000:
            return self._tokenizer.tokenize(texts)
        return await asyncio.to_thread(self._tokenizer.tokenize, texts)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of texts that are encoded together: similar in length, and not too many."""
    batch: list[int] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        padding = len(batch) * lengths[index] - tokens
        padded = (len(batch) + 1) * lengths[index]
        full = len(batch) == TEXT_ENCODER.max_batch_size or padded > _MOST_TOKENS
        if batch and (full or padding > _INFERENCE_COST):
            yield batch
            batch, tokens = [], 0
        batch.append(index)
        tokens += lengths[index]
    yield batch


def _padded(texts: Sequence[Tokens]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and mask, both int64[texts, longest]; padding is masked, whatever its id."""
    ids = np.zeros((len(texts), max(len(text.ids) for text in texts)), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = text.ids
        mask[row, : len(text.ids)] = 1
    return ids, mask


def _embedding(
    sentence: NDArray[np.float32], vectors: NDArray[np.float32] | None, tokens: Tokens, prefix: int
) -> Embedding:
    """``prefix`` is the length of the input type's prefix in characters."""
    own: list[int] = []
    if vectors is not None:
        own = [
            position
            for position, (end, special) in enumerate(zip(tokens.ends, tokens.special, strict=True))
            if end > prefix and not special
        ]
    return Embedding(
        sentence=sentence,
        pieces=[tokens.pieces[position] for position in own],
        token_vectors=sentence[None][:0] if vectors is None else vectors[own],
        token_count=len(tokens.ids),
        truncated=tokens.truncated,
    )
