from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from tests.unit.training.data.small import clip, example, picture
from training.acoustic.clips import read as read_clip
from training.data.augmentation.pictures import PictureInput
from training.data.balance import balanced_sampler
from training.data.dataset import UNKNOWN, MultimodalDataset, MultimodalInput, MultimodalLoader, collate
from training.data.examples import DataError, Example
from training.data.sound_features import SoundFeatures, SoundInput

LABELS = ("refund", "tracking")
GIVEN = MultimodalInput(
    max_tokens=6, picture=PictureInput(size=32), sound=SoundInput(coefficients=13, bands=32), typos=0.5
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    words = ["[PAD]", "[UNK]", "where", "is", "my", "parcel", "money", "back"]
    made = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture
def examples(tmp_path: Path) -> list[Example]:
    return [
        example("where is my parcel", "tracking", audio=clip(tmp_path / "a.wav", 1)),
        example("my money back", "refund", image=picture(tmp_path / "a.png", 1)),
        example("", "refund", audio=clip(tmp_path / "b.wav", 2, 0.8), image=picture(tmp_path / "b.png", 2)),
        example("who are you and who am I to you"),
        *[example(f"where is parcel {number}", "tracking") for number in range(6)],
    ]


def test_an_example_becomes_its_tensors(tokenizer: PreTrainedTokenizerFast, examples: list[Example]) -> None:
    dataset = MultimodalDataset(examples, LABELS, tokenizer, GIVEN)
    spoken, shown, wordless, unknown = (dataset[position] for position in range(4))
    assert spoken["input_ids"].tolist() == [2, 3, 4, 5]
    assert spoken["attention_mask"].tolist() == [1, 1, 1, 1]
    assert spoken["mfcc"].shape == (13, 51)
    assert spoken["label"] == 1
    assert [item["present"].tolist() for item in (spoken, shown, wordless, unknown)] == [
        [True, True, False],
        [True, False, True],
        [False, True, True],
        [True, False, False],
    ]
    assert not spoken["image"].any()
    assert shown["image"].shape == (3, 32, 32)
    assert shown["image"].std() > 0.1
    assert not shown["mfcc"].any()
    assert wordless["attention_mask"].tolist() == [0]
    assert unknown["label"] == UNKNOWN
    assert len(unknown["input_ids"]) == 6


def test_labels_of_a_multi_label_set_are_ones(tokenizer: PreTrainedTokenizerFast) -> None:
    both = Example("x", intents=("refund", "tracking"))
    dataset = MultimodalDataset([both, Example("x")], LABELS, tokenizer, GIVEN, multi_label=True)
    assert [dataset[position]["label"].tolist() for position in (0, 1)] == [[1, 1], [0, 0]]


def test_a_batch_is_padded_to_its_longest(
    tokenizer: PreTrainedTokenizerFast, examples: list[Example]
) -> None:
    dataset = MultimodalDataset(examples, LABELS, tokenizer, GIVEN)
    batch = collate([dataset[position] for position in range(4)])
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (4, 6)
    assert batch["attention_mask"].sum(1).tolist() == [4, 3, 0, 6]
    assert batch["mfcc"].shape == (4, 13, 81)
    assert batch["frames"].tolist() == [51, 0, 81, 0]
    assert not batch["mfcc"][0, :, 51:].any()
    assert batch["image"].shape == (4, 3, 32, 32)
    assert batch["label"].tolist() == [1, 0, 0, UNKNOWN]


def test_workers_change_neither_order_nor_content(
    tokenizer: PreTrainedTokenizerFast, examples: list[Example]
) -> None:
    epochs = []
    for workers in (0, 2):
        dataset = MultimodalDataset(examples, LABELS, tokenizer, GIVEN, training=True, seed=5)
        loader = MultimodalLoader(dataset, batch_size=4, seed=5, workers=workers)
        assert len(loader) == 3
        epochs.append([list(loader), list(loader)])
    for alone, beside in zip(*epochs, strict=True):
        assert [len(batch["label"]) for batch in alone] == [4, 4, 2]
        for one, other in zip(alone, beside, strict=True):
            assert one.keys() == other.keys()
            assert all(torch.equal(one[name], other[name]) for name in one)
    first, second = epochs[0]
    assert any(
        not torch.equal(one["image"], other["image"]) for one, other in zip(first, second, strict=True)
    )


def test_a_stopped_run_goes_on_with_the_epoch_that_it_would_have_had(
    tokenizer: PreTrainedTokenizerFast, examples: list[Example]
) -> None:
    def loader() -> MultimodalLoader:
        return MultimodalLoader(MultimodalDataset(examples, LABELS, tokenizer, GIVEN, True), 4, seed=1)

    whole, resumed = loader(), loader()
    list(whole)
    resumed.epoch = 1
    for one, other in zip(whole, resumed, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_augmentation_is_for_training_alone_and_leaves_the_process_s_chance(
    tokenizer: PreTrainedTokenizerFast, examples: list[Example]
) -> None:
    plain = MultimodalDataset(examples, LABELS, tokenizer, GIVEN)
    plain.epoch = 1
    training = MultimodalDataset(examples, LABELS, tokenizer, GIVEN, training=True)
    before = torch.random.get_rng_state()
    assert not torch.equal(training[2]["image"], plain[2]["image"])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(plain[2]["image"], MultimodalDataset(examples, LABELS, tokenizer, GIVEN)[2]["image"])


def test_a_balanced_sampler_gives_the_order(
    tokenizer: PreTrainedTokenizerFast, examples: list[Example]
) -> None:
    dataset = MultimodalDataset(examples, LABELS, tokenizer, GIVEN)
    sampler = balanced_sampler(examples, LABELS, seed=3)
    order = list(balanced_sampler(examples, LABELS, seed=3))
    found = [
        int(label) for batch in MultimodalLoader(dataset, 3, sampler=sampler) for label in batch["label"]
    ]
    assert found == [int(dataset[position]["label"]) for position in order]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["audio", "image"])
def test_what_breaks_while_training_is_named(
    tokenizer: PreTrainedTokenizerFast, tmp_path: Path, kind: str, workers: int
) -> None:
    path = tmp_path / "broken"
    path.write_bytes(picture(tmp_path / "a.png").read_bytes()[:200])
    broken = replace(example("x", "refund"), source="shop.jsonl:7", **{kind: path})  # type: ignore[arg-type]
    loader = MultimodalLoader(MultimodalDataset([broken], LABELS, tokenizer, GIVEN), 1, workers=workers)
    with pytest.raises(DataError, match=rf"^shop\.jsonl:7: {kind} .*broken: "):
        list(loader)
    path.unlink()
    with pytest.raises(DataError, match=rf"^shop\.jsonl:7: {kind} .*broken: cannot be read"):
        list(loader)


def test_mel_bands_rise_where_a_tone_lies_and_a_click_is_long_enough(tmp_path: Path) -> None:
    features = SoundFeatures(SoundInput(kind="log_mel", bands=32))
    time = np.arange(16_000) / 16_000
    low, high = (features(np.sin(2 * np.pi * hertz * time).astype(np.float32)) for hertz in (300, 4_000))
    assert low.shape == high.shape == (32, 101)
    assert low.mean(axis=1).argmax() < high.mean(axis=1).argmax()
    assert SoundFeatures(SoundInput())(np.ones(1, np.float32)).shape == (40, 3)
    assert np.isfinite(features(np.zeros(8_000, np.float32))).all()
    assert len(read_clip(clip(tmp_path / "c.wav"))) == 8_000
