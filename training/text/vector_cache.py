"""Keeps the vectors of texts, so that changing a few utterances embeds those alone."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.dialogue.ports import Purpose
from services.text.model import TEXT_ENCODER
from training.text.encoder import ExportedTextEncoder


class CachedTextEncoder:
    """An ``ExportedTextEncoder`` that embeds no text twice.

    The vectors stand in one file of ``folder`` for each state of the encoder's
    files and purpose, found by the SHA-256 of the text.
    """

    def __init__(self, encoder: ExportedTextEncoder, folder: Path) -> None:
        self.embedding_model = encoder.embedding_model
        self._encoder = encoder
        self._folder = folder

    @classmethod
    def beside(cls, repository: Path) -> Self:
        """Run the encoder of a model repository, with the vectors kept in ``text_vectors`` beside it."""
        encoder = ExportedTextEncoder(repository / TEXT_ENCODER.name / "1")
        return cls(encoder, repository.with_name("text_vectors"))

    def __call__(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        """Embed texts: float32 ``[n, width]``, L2-normalized."""
        file = self._folder / f"{self._encoder.fingerprint[:16]}.{purpose.value}.npz"
        kept = _read(file)
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in kept}
        if missing:
            kept.update(zip(missing, self._encoder(list(missing.values()), purpose), strict=True))
            _write(file, kept)
        return np.stack([kept[key] for key in keys])


def _read(file: Path) -> dict[str, NDArray[np.float32]]:
    if not file.is_file():
        return {}
    with np.load(file) as arrays:
        return dict(zip(arrays["keys"].tolist(), arrays["vectors"], strict=True))


def _write(file: Path, kept: dict[str, NDArray[np.float32]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # Another export may read or write at the same time: what stands there is always whole.
    written = file.with_name(f".{file.stem}.{os.getpid()}.npz")
    np.savez(written, keys=np.array(list(kept)), vectors=np.stack(list(kept.values())))
    written.replace(file)
