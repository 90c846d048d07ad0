"""The backend of fine-tuned encoders: what a text means, whatever stands beside it in a batch."""

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.understanding import LABELS, WIDTH, WINDOW, WORDS, expected, write_encoder
from training.export.backends.understanding.encoder import UnderstandingEncoder, runs


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> UnderstandingEncoder:
    folder = tmp_path_factory.mktemp("version")
    write_encoder(folder)
    return UnderstandingEncoder(folder, threads=1)


def test_a_text_is_understood_with_the_prefix(encoder: UnderstandingEncoder) -> None:
    found = encoder.understand(["order parcel"])
    intents, sentence = expected(["ask", "order", "parcel"])
    assert encoder.labels == LABELS
    assert found.intents.shape == (1, len(LABELS))
    assert found.sentence.shape == (1, WIDTH)
    np.testing.assert_allclose(found.intents[0], intents, atol=1e-5)
    np.testing.assert_allclose(found.sentence[0], sentence, atol=1e-5)


def test_each_text_of_many_is_understood_as_if_alone(encoder: UnderstandingEncoder) -> None:
    rng = np.random.default_rng(0)
    texts = [list(rng.choice(WORDS, count)) for count in rng.integers(1, 9, 60)]
    found = encoder.understand([" ".join(words) for words in texts])
    for row, words in enumerate(texts):
        intents, sentence = expected(["ask", *words])
        np.testing.assert_allclose(found.intents[row], intents, atol=1e-5)
        np.testing.assert_allclose(found.sentence[row], sentence, atol=1e-5)


def test_a_text_that_is_too_long_is_cut_to_the_window(encoder: UnderstandingEncoder) -> None:
    found = encoder.understand(["hello " + "parcel " * 5000])
    # The window holds [CLS], the prefix's token, and [SEP], too.
    intents, _ = expected(["ask", "hello", *["parcel"] * (WINDOW - 4)])
    np.testing.assert_allclose(found.intents[0], intents, atol=1e-5)


def test_words_that_it_never_saw_are_understood_somehow(encoder: UnderstandingEncoder) -> None:
    for text in ("zebra", "\x00", "​", "🦓🦓", "﷽"):
        found = encoder.understand([text])
        assert found.intents.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(
    "lengths", [[5], [5] * 64, [1, 2, 3, 40, 41], [64] * 64, list(range(1, 65)), [512, 3]]
)
def test_runs_take_each_text_once_and_pad_little(lengths: list[int]) -> None:
    cut = runs(lengths)
    assert sorted(place for run in cut for place in run) == list(range(len(lengths)))
    for run in cut:
        longest = max(lengths[place] for place in run)
        assert len(run) == 1 or len(run) * longest <= 512
        assert sum(longest - lengths[place] for place in run) <= 8


def test_texts_of_one_length_run_together() -> None:
    assert len(runs([6] * 64)) == 1
    assert len(runs([6] * 64 + [40] * 4)) == 2


def test_a_graph_of_other_labels_is_not_served(tmp_path: Path) -> None:
    write_encoder(tmp_path, labels=("hello", "order"))
    with pytest.raises(ValueError, match="gives 3 intents, the manifest names 2"):
        UnderstandingEncoder(tmp_path, threads=1)
