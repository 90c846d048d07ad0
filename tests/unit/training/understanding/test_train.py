from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.understanding import tiny
from training.data.examples import DataError
from training.understanding import predict
from training.understanding.train import train


def test_it_learns_intents_and_slots_and_comes_back_from_its_folder(tmp_path: Path) -> None:
    examples = tiny.examples(slots=True)
    trained = train(examples, tiny.arguments(epochs=8.0), tmp_path / "model", encoder=tiny.encoder())
    texts = [example.text for example in examples.test]
    found = trained.predict(texts)
    named = [trained.labels.intents[at] for at in found.probabilities.argmax(axis=1)]
    assert named == [example.intents[0] for example in examples.test]
    right = [
        set(example.slots) == set(slots) for example, slots in zip(examples.test, found.slots, strict=True)
    ]
    assert np.mean(right) > 0.7
    again = predict.load(tmp_path / "model").predict(texts)
    np.testing.assert_allclose(again.probabilities, found.probabilities, atol=1e-6)
    assert again.slots == found.slots


def test_several_labels_may_hold(tmp_path: Path) -> None:
    plain = tiny.examples()
    examples = replace(
        plain,
        multi_label=True,
        train=tuple(replace(e, intents=(*e.intents, "top_up")) for e in plain.train),
        validation=tuple(replace(e, intents=(*e.intents, "top_up")) for e in plain.validation),
    )
    trained = train(examples, tiny.arguments(epochs=12.0), tmp_path / "model", encoder=tiny.encoder())
    probabilities = trained.predict([e.text for e in examples.validation]).probabilities
    held = [
        {trained.labels.intents[at] for at in np.flatnonzero(row >= trained.threshold)}
        for row in probabilities
    ]
    assert held == [set(e.intents) for e in examples.validation]


def test_calibration_makes_probabilities_fit_how_often_they_are_right(tmp_path: Path) -> None:
    examples = tiny.examples()
    noisy = tuple(
        replace(e, intents=(examples.labels[(number + 1) % 3],)) if number % 4 == 0 else e
        for number, e in enumerate(examples.validation)
    )
    trained = train(
        replace(examples, validation=noisy),
        tiny.arguments(epochs=8.0),
        tmp_path / "m",
        encoder=tiny.encoder(),
    )
    assert trained.temperature > 1.5


def test_a_folder_without_a_whole_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train it again"):
        predict.load(tmp_path)


def test_fewer_layers_are_kept(tmp_path: Path) -> None:
    trained = train(tiny.examples(), tiny.arguments(keep_layers=1), tmp_path / "m", encoder=tiny.encoder())
    assert len(trained.model.encoder.encoder.layer) == 1
    with pytest.raises(ValueError, match="has 2 layers"):
        train(tiny.examples(), tiny.arguments(keep_layers=3), tmp_path / "n", encoder=tiny.encoder())


def test_an_encoder_that_was_trained_here_learns_on(tmp_path: Path) -> None:
    first = train(tiny.examples(), tiny.arguments(), tmp_path / "first", encoder=tiny.encoder())
    untouched = tiny.arguments(encoder=str(tmp_path / "first"), epochs=0.0)
    second = train(tiny.examples(), untouched, tmp_path / "second")
    texts = ["my card is lost", "how do i change the pin"]
    np.testing.assert_allclose(second.predict(texts).sentences, first.predict(texts).sentences, atol=1e-6)
    assert second.encoder == "tiny"
