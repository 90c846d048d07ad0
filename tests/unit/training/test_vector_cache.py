"""Vectors of texts are kept between exports."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from services.dialogue.ports import Purpose
from tests.fakes.dialogue import embedded
from training.text.encoder import ExportedTextEncoder
from training.text.vector_cache import CachedTextEncoder


class CountingEncoder:
    """Embeds letters, and remembers the texts that it was given."""

    embedding_model = "letters@1"

    def __init__(self, fingerprint: str = "a" * 64) -> None:
        self.fingerprint = fingerprint
        self.given: list[str] = []

    def __call__(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        self.given += texts
        return np.stack([embedded(f"{purpose.value} {text}") for text in texts])


def cached(encoder: CountingEncoder, folder: Path) -> CachedTextEncoder:
    return CachedTextEncoder(cast(ExportedTextEncoder, encoder), folder)


def test_only_new_texts_are_embedded(tmp_path: Path) -> None:
    first, second = CountingEncoder(), CountingEncoder()
    cached(first, tmp_path)(["one", "two", "one"], Purpose.QUERY)
    vectors = cached(second, tmp_path)(["three", "two", "one"], Purpose.QUERY)

    assert first.given == ["one", "two"]
    assert second.given == ["three"]
    expected = np.stack([embedded(f"query {text}") for text in ("three", "two", "one")])
    np.testing.assert_array_equal(vectors, expected)


def test_another_purpose_or_encoder_has_vectors_of_its_own(tmp_path: Path) -> None:
    cached(CountingEncoder(), tmp_path)(["one"], Purpose.QUERY)
    same, other = CountingEncoder(), CountingEncoder("b" * 64)

    as_passage = cached(same, tmp_path)(["one"], Purpose.PASSAGE)
    cached(other, tmp_path)(["one"], Purpose.QUERY)

    np.testing.assert_array_equal(as_passage, [embedded("passage one")])
    assert (same.given, other.given) == (["one"], ["one"])
