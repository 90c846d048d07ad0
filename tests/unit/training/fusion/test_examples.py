"""What is put together for training teaches what is meant, and nothing that is not known."""

from dataclasses import replace

import numpy as np

from services.dialogue.fused import TextFeatures
from tests.unit.training.fusion.small import PASSAGES, sources
from training.fusion.arguments import FusionArguments
from training.fusion.examples import Batch, Examples

ARGUMENTS = FusionArguments(utterances_per_step=12, showings_per_step=64, sounds_per_step=4)


def batches(seed: int = 0) -> tuple[Batch, Batch, Batch]:
    examples = Examples(sources(), replace(ARGUMENTS, seed=seed))
    return examples.utterances(), examples.showings(), examples.pictures()


def test_no_turn_is_answered_in_another_language() -> None:
    for batch in batches():
        assert not (batch.passages & ~batch.allowed).any()
        assert not ((batch.spread > 0) & ~batch.allowed).any()
        assert batch.allowed.any(axis=1).all()


def test_every_utterance_comes_once_before_one_comes_again() -> None:
    batch, _, _ = batches()
    found = {row.tobytes() for row in batch.inputs["text_tokens"][:, 0]}
    assert len(found) == len(sources().utterances)


def test_a_question_with_a_picture_is_answered_by_the_pictures_passage() -> None:
    _, batch, _ = batches()
    domain = sources().domain
    ids = np.array([passage.id for passage in domain.passages])
    asked = (batch.pictures < 2) & (batch.passages.sum(axis=1) == 1)
    assert asked.sum() > 10
    for row in np.flatnonzero(asked):
        wanted = list(PASSAGES.values())[batch.pictures[row]]
        assert set(ids[batch.passages[row]]) == {wanted}
        assert domain.labels[int(batch.intents[row].argmax())] == "order_change"


def test_what_shows_nothing_known_is_other_and_leaves_answers_open() -> None:
    _, shown, alone = batches()
    domain = sources().domain
    for batch in (shown, alone):
        unknown = batch.pictures == len(domain.picture_labels) - 1
        assert unknown.any()
        assert set(batch.products[unknown]) <= {-1, len(domain.product_labels) - 1}
        open_ones = batch.spread[unknown & (batch.spread.sum(axis=1) > 0)]
        assert len(open_ones)
        np.testing.assert_allclose(open_ones.sum(axis=1), 1.0, rtol=1e-5)
        assert (open_ones.max(axis=1) <= 0.5 + 1e-6).all()


def test_pictures_alone_are_all_different_and_have_no_text() -> None:
    *_, batch = batches()
    known = batch.pictures[batch.pictures < 2]
    assert len(set(known)) == len(known) == 2
    assert batch.inputs["text_mask"].sum() == 0


def test_any_part_is_missing_now_and_then() -> None:
    _, batch, _ = batches()
    for mask in ("region_mask", "word_mask"):
        present = batch.inputs[mask].sum(axis=1) > 0
        assert present.any()
        assert not present.all()


def test_hidden_frames_are_frames() -> None:
    batch, hidden = Examples(sources(), ARGUMENTS).heard()
    assert hidden.shape == batch.inputs["frame_mask"].shape
    assert hidden.any(axis=1).all()
    assert not (hidden & (batch.inputs["frame_mask"] == 0)).any()
    assert hidden.mean() < 0.6


def test_without_sound_there_is_none_to_learn_from() -> None:
    assert not Examples(sources(sounds=0), ARGUMENTS).sounds


def test_the_same_seed_gives_the_same_examples() -> None:
    for one, same, other in zip(batches(), batches(), batches(seed=1), strict=True):
        np.testing.assert_array_equal(one.inputs["regions"], same.inputs["regions"])
        assert (
            one.inputs["text_tokens"].shape != other.inputs["text_tokens"].shape
            or not np.array_equal(one.pictures, other.pictures)
            or not np.array_equal(one.inputs["text_tokens"], other.inputs["text_tokens"])
        )


def test_a_photographs_words_come_only_with_that_photograph() -> None:
    made = sources()
    first, second = made.training.pictures
    rng = np.random.default_rng(8)
    read = TextFeatures(np.full(384, 7.0, np.float32), rng.standard_normal((2, 384)).astype(np.float32))
    photographed = replace(first, own_words={1: ("Bravo", read)}, readings=())
    split = replace(made.training, pictures=(photographed, replace(second, readings=())))
    arguments = replace(ARGUMENTS, drop_words=0.0, drop_regions=0.0)
    examples = Examples(replace(made, training=split), arguments)

    with_words = 0
    for _ in range(12):
        batch = examples.pictures()
        worded = batch.inputs["word_mask"].any(axis=1)
        pooled = batch.inputs["regions"][:, 49]
        own = np.isclose(pooled, first.variants[1].pooled.astype(np.float32)).all(axis=1)
        assert (worded == own).all()
        assert (batch.inputs["word_tokens"][worded, 0] == 7.0).all()
        with_words += int(worded.sum())
    assert with_words
