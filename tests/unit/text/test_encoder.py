"""The encoder's own work: prefixes, order, batches, token vectors, deadlines."""

import numpy as np
import pytest

from services.inference.port import Tensors
from services.serving.errors import DeadlineExceeded, Unavailable
from services.text.encoder import InputType, TextEncoder
from services.text.model import TEXT_ENCODER
from tests.fakes.inference import FakeInference
from tests.fakes.text import WordTokenizer, encode


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def inference() -> FakeInference:
    return FakeInference({TEXT_ENCODER.name: encode})


@pytest.fixture
def encoder(inference: FakeInference) -> TextEncoder:
    return TextEncoder(WordTokenizer(), inference)


def words(count: int) -> str:
    return " ".join(["word"] * count)


async def test_the_input_type_decides_the_prefix(encoder: TextEncoder, inference: FakeInference) -> None:
    await encoder.embed(["a"], InputType.QUERY, timeout_seconds=1)
    await encoder.embed(["a"], InputType.PASSAGE, timeout_seconds=1)

    prefixes = [int(inputs["input_ids"][0, 1]) for _, inputs in inference.calls]
    assert prefixes == [len("query:"), len("passage:")]


async def test_embeddings_come_in_the_order_of_the_texts(encoder: TextEncoder) -> None:
    texts = [words(count) for count in (40, 1, 300, 2, 41, 1)]

    embeddings = await encoder.embed(texts, InputType.QUERY, timeout_seconds=1)

    # Two special tokens and the prefix.
    assert [embedding.token_count for embedding in embeddings] == [43, 4, 303, 5, 44, 4]
    assert [int(embedding.sentence[1]) for embedding in embeddings] == [43, 4, 303, 5, 44, 4]


async def test_padding_never_reaches_a_sentence(encoder: TextEncoder) -> None:
    alone = (await encoder.embed([words(3)], InputType.QUERY, timeout_seconds=1))[0]
    beside = (await encoder.embed([words(3), words(9)], InputType.QUERY, timeout_seconds=1))[0]

    np.testing.assert_array_equal(alone.sentence, beside.sentence)


async def test_long_and_short_texts_are_not_padded_together(
    encoder: TextEncoder, inference: FakeInference
) -> None:
    texts = [words(count) for count in (2, 90, 3, 91, 2, 2, 3)]

    await encoder.embed(texts, InputType.PASSAGE, timeout_seconds=1)

    read = sum(inputs["input_ids"].size for _, inputs in inference.calls)
    needed = sum(int(inputs["attention_mask"].sum()) for _, inputs in inference.calls)
    assert len(inference.calls) == 2
    assert read - needed <= 8


async def test_a_batch_stays_short_enough_for_others_to_get_their_turn(
    encoder: TextEncoder, inference: FakeInference
) -> None:
    random = np.random.default_rng(1)
    texts = [words(int(count)) for count in random.integers(1, 600, 200)]

    await encoder.embed(texts, InputType.PASSAGE, timeout_seconds=1)

    # Only a text that is longer by itself is sent as it is.
    assert all(
        inputs["input_ids"].size <= 256 or len(inputs["input_ids"]) == 1 for _, inputs in inference.calls
    )
    assert sum(len(inputs["input_ids"]) for _, inputs in inference.calls) == 200


async def test_many_short_texts_are_few_batches(encoder: TextEncoder, inference: FakeInference) -> None:
    await encoder.embed([words(2)] * 150, InputType.QUERY, timeout_seconds=1)

    assert [len(inputs["input_ids"]) for _, inputs in inference.calls] == [51, 51, 48]


async def test_token_vectors_leave_out_prefix_and_special_tokens(encoder: TextEncoder) -> None:
    one, other = await encoder.embed(["aa bbb", "c"], InputType.QUERY, include_tokens=True, timeout_seconds=1)

    assert one.pieces == ["aa", "bbb"]
    assert one.token_vectors[:, 0].tolist() == [2.0, 3.0]
    assert other.pieces == ["c"]
    assert other.token_vectors.shape == (1, 384)


async def test_token_vectors_are_neither_asked_for_nor_given_by_default(
    inference: FakeInference,
) -> None:
    def sentence_only(inputs: Tensors) -> Tensors:
        return {"sentence": encode(inputs)["sentence"]}

    encoder = TextEncoder(WordTokenizer(), FakeInference({TEXT_ENCODER.name: sentence_only}))

    (embedding,) = await encoder.embed(["aa bbb"], InputType.QUERY, timeout_seconds=1)

    assert list(embedding.pieces) == []
    assert embedding.token_vectors.shape == (0, 384)


async def test_what_exceeds_the_window_is_cut_and_said(encoder: TextEncoder) -> None:
    cut, whole = await encoder.embed([words(600), words(509)], InputType.QUERY, timeout_seconds=1)

    assert (cut.token_count, cut.truncated) == (512, True)
    assert (whole.token_count, whole.truncated) == (512, False)


async def test_no_inference_begins_after_the_deadline() -> None:
    clock = Clock()

    def slow(inputs: Tensors) -> Tensors:
        clock.now += 0.6
        return encode(inputs)

    inference = FakeInference({TEXT_ENCODER.name: slow})
    encoder = TextEncoder(WordTokenizer(), inference, clock)

    with pytest.raises(DeadlineExceeded):
        await encoder.embed([words(2)] * 200, InputType.QUERY, timeout_seconds=1.0)
    assert len(inference.calls) == 2


async def test_a_model_that_is_away_is_unavailable(encoder: TextEncoder, inference: FakeInference) -> None:
    inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "away")

    with pytest.raises(Unavailable):
        await encoder.embed(["a"], InputType.QUERY, timeout_seconds=1)
