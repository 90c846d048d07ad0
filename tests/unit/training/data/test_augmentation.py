import re

import numpy as np
import pytest
from pypinyin import lazy_pinyin
from rapidfuzz.distance import DamerauLevenshtein

from training.acoustic.clips import SAMPLE_RATE
from training.data.augmentation.sound import NOISES, SpecAugment, augmented, noisy, telephone
from training.data.augmentation.spoken import spoken
from training.data.augmentation.text import Rates, asr_errors, common_confusions, typos

TEXT = "Why has my new card not arrived yet, although I ordered it two weeks ago?"
QUESTION = "你好，我想找一家评分在4.5分以上的酒店，请给我推荐一下吧。"
NEVER = Rates(confused=0, dropped=0, ending=0, joined=0, split=0, apostrophe=0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("disturb", [typos, asr_errors])
def test_the_same_chance_gives_the_same_text(disturb: object, language: str) -> None:
    text = TEXT if language == "en" else QUESTION
    made = [disturb(text, rng(seed), language=language) for seed in (1, 1, 2)]  # type: ignore[operator]
    assert made[0] == made[1] != made[2]


def test_every_third_word_has_one_typo() -> None:
    words = TEXT.split()
    for seed in range(50):
        mistyped = typos(TEXT, rng(seed)).split()
        assert len(mistyped) == len(words)
        differing = [(one, other) for one, other in zip(words, mistyped, strict=True) if one != other]
        # "I" is too short for one.
        assert len(differing) == round((len(words) - 1) / 3)
        assert all(DamerauLevenshtein.distance(one, other) == 1 for one, other in differing)


def test_typos_are_of_every_kind_and_near_on_the_keyboard() -> None:
    made = {typos("card", rng(seed)) for seed in range(400)}
    assert {"acrd", "crd", "carrd", "czrd", "cartd"} <= made
    assert "cprd" not in made
    assert all(typos("CARD", rng(seed)).isupper() for seed in range(40))


def test_a_text_without_words_and_a_share_of_none_stay() -> None:
    assert typos("12 ? a", rng()) == "12 ? a"
    assert typos(TEXT, rng(), share=0) == TEXT
    assert asr_errors("?", rng()) == "?"


def test_what_is_said_has_no_case_no_punctuation_and_no_digits() -> None:
    assert spoken("My £20 top-up (from 3 May) didn’t work!", "en") == (
        "my twenty pounds top up from the third of may didn't work"
    )
    assert spoken(QUESTION, "zh") == "你好我想找一家评分在四点五分以上的酒店请给我推荐一下吧"


def test_without_errors_a_recognizer_writes_what_is_said() -> None:
    assert asr_errors(TEXT, rng(), rates=NEVER) == spoken(TEXT, "en")


def test_words_are_taken_for_others_of_the_table_alone() -> None:
    only = Rates(confused=1, dropped=0, ending=0, joined=0, split=0, apostrophe=0)
    heard = asr_errors(
        "the top up is new", rng(), confusions={"top up": ("tarp up",), "new": ("knew",)}, rates=only
    )
    assert heard == "the tarp up is knew"


def test_short_words_and_endings_are_lost_and_words_run_together() -> None:
    only = {"confused": 0.0, "dropped": 0.0, "ending": 0.0, "joined": 0.0, "split": 0.0, "apostrophe": 0.0}
    text = "the charges of my cards didn't come"
    assert asr_errors(text, rng(), rates=Rates(**only | {"dropped": 1})) == "charges cards didn't come"
    assert asr_errors(text, rng(), rates=Rates(**only | {"ending": 1})) == "the charge of my card didn't come"
    assert (
        asr_errors(text, rng(), rates=Rates(**only | {"apostrophe": 1}))
        == "the charges of my cards didnt come"
    )
    assert asr_errors("of the", rng(), rates=Rates(**only | {"dropped": 1})) == "of the"
    assert asr_errors("a card", rng(), rates=Rates(**only | {"joined": 1})) == "acard"
    assert asr_errors("statement", rng(), rates=Rates(**only | {"split": 1})).replace(" ", "") == "statement"


def test_the_table_takes_no_word_for_itself_and_holds_plain_words() -> None:
    table = common_confusions()
    assert len(table) > 250
    for entry, alike in table.items():
        assert alike
        assert entry not in alike
        assert all(re.fullmatch(r"[a-z'-]+( [a-z'-]+){0,2}", word) for word in (entry, *alike)), entry


def test_mandarin_typos_sound_the_same() -> None:
    mistyped = typos(QUESTION, rng(5), language="zh")
    assert len(mistyped) == len(QUESTION)
    pairs = [(one, other) for one, other in zip(QUESTION, mistyped, strict=True) if one != other]
    assert 2 <= len(pairs) <= 6
    assert all("\u4e00" <= other <= "\u9fff" for _, other in pairs)
    # Of a character with several readings, the one in its context counts.
    same = [lazy_pinyin(one) == lazy_pinyin(other) for one, other in pairs]
    assert sum(same) >= len(same) - 1


def test_noise_lies_as_far_under_the_speech_as_asked() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    speech = (0.1 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    for kind in NOISES:
        mixed = noisy(speech, 12, rng(3), kind)
        ratio = np.mean(speech**2) / np.mean((mixed - speech) ** 2)
        assert 10 * np.log10(ratio) == pytest.approx(12, abs=0.1), kind
    loud = noisy((speech * 10).astype(np.float32), 0, rng(3))
    assert np.abs(loud).max() <= 1
    assert not noisy(np.zeros(100, np.float32), 10, rng()).any()


def test_a_telephone_takes_the_highest_tones() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    high = (0.5 * np.sin(2 * np.pi * 6_000 * time)).astype(np.float32)
    assert np.abs(telephone(high)[100:-100]).max() < 0.05


def test_recordings_keep_their_length_and_follow_the_seed() -> None:
    speech = rng(1).normal(0, 0.1, 12_345).astype(np.float32)
    made = [augmented(speech, rng(seed)) for seed in range(12)]
    assert {len(samples) for samples in made} == {len(speech)}
    assert any((samples != speech).any() for samples in made)
    assert (augmented(speech, rng(4)) == made[4]).all()


def test_spec_augment_masks_bands_and_spans_within_its_limits() -> None:
    spectra = rng(1).normal(5, 1, (40, 200)).astype(np.float32)
    before = spectra.copy()
    hidden = [SpecAugment()(spectra, rng(seed)) == spectra.mean() for seed in range(30)]
    assert (spectra == before).all()
    assert max(mask.all(axis=1).sum() for mask in hidden) in range(5, 17)
    assert max(mask.all(axis=0).sum() for mask in hidden) in range(10, 41)
    assert SpecAugment()(np.zeros((40, 1), np.float32), rng()).shape == (40, 1)
