"""The fusion model's inputs, and passage probabilities."""

import numpy as np
import pytest

from services.dialogue.fused import (
    FRAME_ROWS,
    TEXT_ROWS,
    WORD_ROWS,
    FusionRow,
    PictureFeatures,
    RankingWeights,
    TextFeatures,
    fusion_inputs,
    fusion_row,
    fusion_rows,
    narrowed,
    passage_probabilities,
    passage_row,
    pictured_passages,
)
from services.dialogue.model import fusion_spec


def _text(tokens: int, value: float = 1.0) -> TextFeatures:
    return TextFeatures(np.full(384, -value, np.float32), np.full((tokens, 384), value, np.float32))


def _picture(value: float, words: TextFeatures | None = None) -> PictureFeatures:
    return PictureFeatures(np.full(1280, -value, np.float32), np.full((49, 1280), value, np.float32), words)


def test_a_turn_is_everything_together_then_each_picture_alone_with_its_words() -> None:
    frames = np.ones((3, 64), np.float32)
    whole, first, second = fusion_rows(_text(4), [_picture(1.0), _picture(2.0, _text(6, 5.0))], frames)

    assert whole.text_tokens.shape == (5, 384)
    assert whole.text_tokens[0, 0] == -1.0, "the sentence vector comes first"
    assert whole.regions.shape == (100, 1280)
    assert whole.regions[[0, 49, 50, 99], 0].tolist() == [1.0, -1.0, 2.0, -2.0]
    assert whole.word_tokens.shape == (7, 384)
    assert whole.frames.shape == (3, 64)
    assert (len(first.text_tokens), len(first.regions), len(first.word_tokens), len(first.frames)) == (
        (0, 50, 0, 0)
    )
    assert (len(second.text_tokens), len(second.regions), len(second.word_tokens)) == (0, 50, 7)


def test_rows_stay_within_the_limits_and_worded_pictures_share_them() -> None:
    pictures = [_picture(1.0, _text(300, 1.0)), _picture(2.0), _picture(3.0, _text(300, 3.0))]
    row = fusion_row(_text(500), pictures, np.ones((400, 64), np.float32))

    assert len(row.text_tokens) == TEXT_ROWS
    assert len(row.word_tokens) == WORD_ROWS
    assert sorted(set(row.word_tokens[:, 0])) == [-3.0, -1.0, 1.0, 3.0]
    assert len(row.frames) == FRAME_ROWS


def test_a_batch_is_padded_and_masked_and_never_empty() -> None:
    rows = [FusionRow(), fusion_row(_text(2), [], None), passage_row(np.ones(384, np.float32))]
    inputs = fusion_inputs(rows)

    spec = fusion_spec("shop")
    assert set(inputs) == {tensor.name for tensor in spec.inputs}
    for tensor in spec.inputs:
        array = inputs[tensor.name]
        assert array.dtype == np.float32
        assert array.ndim == 1 + len(tensor.shape)
        assert all(size in (-1, got) for size, got in zip(tensor.shape, array.shape[1:], strict=True))
    assert inputs["text_mask"].tolist() == [[0, 0, 0], [1, 1, 1], [1, 0, 0]]
    assert inputs["text_tokens"][2, 1].any() == np.False_
    assert inputs["regions"].shape == (3, 1, 1280)
    assert inputs["is_passage"].tolist() == [[0], [0], [1]]


def test_passage_probabilities_weigh_what_there_is() -> None:
    weights = RankingWeights(joint=2.0, cosine=1.0, bm25=0.5)
    joint, cosine = np.array([0.5, 0.0], np.float32), np.array([0.0, 0.5], np.float32)
    bm25 = np.array([0.0, 8.0], np.float32)

    everything = passage_probabilities(weights, joint, cosine, bm25)
    assert everything == pytest.approx([0.5, 0.5]), "1.0 against 0.5 + 0.5"
    assert passage_probabilities(weights, joint, None, bm25)[0] == pytest.approx(
        1.0 / (1.0 + np.exp(-0.5)), abs=1e-9
    )
    pictured = pictured_passages(
        np.array([[0.9, 0.0, 0.1], [0.2, 0.7, 0.1]], np.float32),
        [["a"], ["b", "a", "gone"], []],
        {"a": 0, "b": 1},
    )
    assert pictured == pytest.approx([0.9, 0.7]), "of several pictures the likeliest counts"
    shown = passage_probabilities(RankingWeights(0.0, 0.0, 0.0, 2.0), None, None, bm25, pictured)
    assert shown[0] / shown[1] == pytest.approx(np.exp(0.4))
    assert narrowed(np.array([0.1, 0.3, 0.6]), [0, 1], 0.8) == pytest.approx([0.2, 0.6, 0.2])
    nothing = passage_probabilities(weights, None, None, np.zeros(4, np.float32))
    assert nothing == pytest.approx([0.25] * 4), "no evidence, no preference"
