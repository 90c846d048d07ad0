"""Each way to fine-tune goes through the whole of training, and comes back from its folder the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.unit.training.understanding.small import small_encoder
from training.data.examples import Example, ExampleSet
from training.understanding.arguments import UnderstandingArguments
from training.understanding.methods.self_training import self_train
from training.understanding.predict import Trained, load
from training.understanding.train import train

TEXTS = {
    "fee": ("why was i charged a fee", "why was a fee charged", "a fee", "my fee"),
    "lost": ("i lost my card", "my card is lost", "where is my card", "lost card"),
    "pin": ("how do i change my pin", "change pin", "my pin", "how is pin"),
}
UNLABELLED = ("i lost it", "change it", "charged", "why fee", "top up", "where is it")


def examples(split: str = "train") -> tuple[Example, ...]:
    return tuple(
        Example(text, intents=(intent,), split=split, source=f"small:{number}")
        for number, (intent, texts) in enumerate(TEXTS.items())
        for text in texts
    )


def small_set() -> ExampleSet:
    return ExampleSet("small", examples(), (), examples("test"), tuple(sorted(TEXTS)), unlabelled=UNLABELLED)


@pytest.fixture
def small() -> ExampleSet:
    return small_set()


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lora": {"peft": "lora"},
    "ia3": {"peft": "ia3"},
    "adapter": {"peft": "adapter"},
    "prefix": {"peft": "prefix"},
    "setfit": {"contrastive_steps": 2, "contrastive_classes": 2, "contrastive_per_class": 2, "epochs": 0.0},
    "contrastive": {"contrastive_weight": 0.5},
    "prompt": {"prompt": "{text} about {mask} .", "masked_language_steps": 2},
    "masked language": {"masked_language_steps": 2},
    "language beside": {"language_weight": 0.1, "learn_task_weights": True, "contrastive_weight": 0.1},
    "adversarial": {"fgm_epsilon": 0.5},
    "lora and adversarial": {"peft": "lora", "fgm_epsilon": 0.5},
    "self-training": {"self_training_rounds": 1, "confidence": 0.0, "contrastive_weight": 0.1},
    "neighbours": {"self_training_rounds": 1, "confidence": 0.0, "self_training_neighbours": 2},
}


@pytest.mark.parametrize("way", WAYS)
def test_goes_through_training_and_comes_back_the_same(small: ExampleSet, way: str, tmp_path: Path) -> None:
    arguments = replace(
        UnderstandingArguments(encoder="small", epochs=1, max_steps=2, batch_size=6, threads=1), **WAYS[way]
    )
    encoder = small_encoder()
    before = {name: value.clone() for name, value in encoder.model.state_dict().items()}
    trained = train(small, arguments, tmp_path / "model", encoder=encoder)
    texts = ["where is my card", "why", *TEXTS["pin"]]
    wanted = trained.predict(texts)
    found = load(tmp_path / "model").predict(texts)
    assert np.allclose(found.logits, wanted.logits, atol=1e-5)
    assert np.allclose(found.sentences, wanted.sentences, atol=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir() if "training" not in path.name) == ["model"]

    report = trained.report
    if arguments.peft == "none":
        assert report["trainable"] > 0.8 * (report["parameters"] - 40 * 32 - 32 * 32 - 4 * 32)
    else:
        assert report["trainable"] < 0.2 * report["parameters"]
    if arguments.peft in ("none", "lora", "ia3"):
        state = trained.model.encoder.state_dict()
        assert set(state) == set(before)  # nothing of the method is left
        words = "embeddings.word_embeddings.weight"
        assert torch.equal(state[words], before[words])
    if arguments.self_training_rounds:
        assert report["self_training"] == [len(UNLABELLED)]
        assert report["steps"] == 2


def test_each_run_with_one_seed_is_the_same(small: ExampleSet, tmp_path: Path) -> None:
    arguments = UnderstandingArguments(
        encoder="small",
        epochs=1,
        batch_size=6,
        threads=1,
        masked_language_steps=2,
        contrastive_steps=2,
        language_weight=0.1,
        fgm_epsilon=0.1,
    )
    first = train(small, arguments, tmp_path / "first", encoder=small_encoder()).predict(["my card"])
    second = train(small, arguments, tmp_path / "second", encoder=small_encoder()).predict(["my card"])
    other = train(small, replace(arguments, seed=1), tmp_path / "third", encoder=small_encoder())
    assert np.array_equal(first.logits, second.logits)
    assert not np.array_equal(first.logits, other.predict(["my card"]).logits)


def test_self_training_needs_texts_without_labels(small: ExampleSet, tmp_path: Path) -> None:
    arguments = UnderstandingArguments(encoder="small", self_training_rounds=1, threads=1)
    with pytest.raises(ValueError, match="small: self-training needs texts without labels"):
        train(replace(small, unlabelled=()), arguments, tmp_path / "model", encoder=small_encoder())


def test_a_teacher_that_was_trained_before_a_kill_is_not_trained_again(
    small: ExampleSet, tmp_path: Path
) -> None:
    asked = UnderstandingArguments(
        encoder="small", self_training_rounds=2, confidence=0.0, epochs=1, max_steps=1, threads=1
    )
    whole = self_train(small, asked, tmp_path / "whole", train, small_encoder())

    trained: list[str] = []

    def killed(
        examples: ExampleSet, arguments: UnderstandingArguments, folder: Path, *, encoder: Any, soft: Any
    ) -> Trained:
        trained.append(folder.name)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return train(examples, arguments, folder, encoder=encoder, soft=soft)

    with pytest.raises(KeyboardInterrupt):
        self_train(small, asked, tmp_path / "again", killed, small_encoder())
    resumed = self_train(small, asked, tmp_path / "again", killed, small_encoder())
    assert [name.split("-")[0] for name in trained] == [
        "again.teacher",
        "again.round",
        "again.round",
        "again",
    ]
    assert np.array_equal(resumed.predict(["my card"]).logits, whole.predict(["my card"]).logits)
    assert resumed.report["self_training"] == whole.report["self_training"] == [6, 6]
