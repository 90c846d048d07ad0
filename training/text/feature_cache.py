"""Keeps the token vectors of questions, so that training again embeds no text twice."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from services.dialogue.fused import TEXT_ROWS, TextFeatures
from services.dialogue.ports import Purpose
from services.text.model import TEXT_ENCODER
from training.text.encoder import ExportedTextEncoder


class CachedTextFeatures:
    """Embeds texts as questions, with their tokens; each text once.

    One file of ``folder`` for each state of the encoder's files, found by the SHA-256 of
    the text; float16, and no more tokens than the fusion model is given.
    """

    def __init__(self, encoder: ExportedTextEncoder, folder: Path) -> None:
        self.embedding_model = encoder.embedding_model
        self._encoder = encoder
        self._file = folder / f"{encoder.fingerprint[:16]}.tokens.npz"
        self._kept = self._read()

    @classmethod
    def beside(cls, repository: Path, threads: int = 2) -> Self:
        """Run the encoder of a model repository, keeping what it makes in ``text_vectors`` beside it."""
        encoder = ExportedTextEncoder(repository / TEXT_ENCODER.name / "1", threads)
        return cls(encoder, repository.with_name("text_vectors"))

    def __call__(self, texts: Sequence[str]) -> list[TextFeatures]:
        """Embed texts, in their order."""
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._kept}
        if missing:
            found = self._encoder.features(list(missing.values()), Purpose.QUERY)
            self._kept.update(zip(missing, map(_halved, found), strict=True))
            self._write()
        return [self._kept[key] for key in keys]

    def _read(self) -> dict[str, TextFeatures]:
        if not self._file.is_file():
            return {}
        with np.load(self._file) as arrays:
            tokens = np.split(arrays["tokens"].astype(np.float32), np.cumsum(arrays["lengths"])[:-1])
            sentences = arrays["sentences"].astype(np.float32)
            pairs = zip(sentences, tokens, strict=True)
            return {
                key: TextFeatures(*pair) for key, pair in zip(arrays["keys"].tolist(), pairs, strict=True)
            }

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        kept = list(self._kept.values())
        # Another training may read or write at the same time: what stands there is always whole.
        written = self._file.with_name(f".{self._file.stem}.{os.getpid()}.npz")
        np.savez(
            written,
            keys=np.array(list(self._kept)),
            lengths=np.array([len(features.tokens) for features in kept]),
            sentences=np.stack([features.sentence for features in kept]).astype(np.float16),
            tokens=np.vstack([features.tokens for features in kept]).astype(np.float16),
        )
        written.replace(self._file)


def _halved(features: TextFeatures) -> TextFeatures:
    """What the file gives back: the first training and the next see the same numbers."""
    rows = features.tokens[: TEXT_ROWS - 1]
    return TextFeatures(
        features.sentence.astype(np.float16).astype(np.float32),
        rows.astype(np.float16).astype(np.float32),
    )
