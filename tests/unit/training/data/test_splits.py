from collections import Counter
from pathlib import Path

import pytest

from tests.unit.training.data.small import clip, example, picture
from training.data.examples import DataError, Example
from training.data.splits import carve, groups

SUBJECTS = "card order parcel refund invoice login password address phone contract".split()  # noqa: SIM905
THINGS = "lost broken late wrong missing blocked expired unknown".split()  # noqa: SIM905


def many() -> list[Example]:
    return [
        example(f"{thing} {subject} number {number * 7919}", subject)
        for subject in SUBJECTS
        for thing in THINGS
        for number in range(1, 4)
    ]


def test_a_tenth_is_held_out_of_every_label() -> None:
    examples = many()
    kept, held_out = carve(examples, 0.1, seed=3)
    assert len(held_out) == pytest.approx(24, abs=4)
    assert set(Counter(found.intents[0] for found in held_out)) == set(SUBJECTS)
    assert {found.split for found in held_out} == {"validation"}
    assert {found.text for found in kept} | {found.text for found in held_out} == {e.text for e in examples}


def test_a_seed_gives_its_split_and_another_another() -> None:
    examples = many()
    assert carve(examples, 0.2, 1) == carve(examples, 0.2, 1)
    assert carve(examples, 0.2, 1)[1] != carve(examples, 0.2, 2)[1]


def test_no_near_duplicate_is_parted() -> None:
    examples = [example(f"{thing} {subject}, please", subject) for subject in SUBJECTS for thing in THINGS]
    examples += [example(found.text.upper() + "!", found.intents[0]) for found in examples]
    for seed in range(5):
        kept, held_out = carve(examples, 0.2, seed)
        assert held_out
        assert not {e.text.lower().rstrip("!") for e in kept} & {e.text.lower().rstrip("!") for e in held_out}


def test_customers_clips_and_pictures_join_and_short_answers_do_where_wanted(tmp_path: Path) -> None:
    a, same = clip(tmp_path / "a.wav"), clip(tmp_path / "same.wav")
    b, c = picture(tmp_path / "b.png", 1), picture(tmp_path / "c.png", 2)
    examples = [
        example("one", audio=a, group="x"),
        example("two", audio=same),
        example("three", image=b, group="x"),
        example("four", image=c),
        example("thank you", group="y"),
        example("Thank you!", group="z"),
    ]
    assert groups(examples) == [0, 0, 0, 3, 4, 4]
    assert groups(examples, near_duplicate_texts=False) == [0, 0, 0, 3, 4, 5]


def test_a_missing_clip_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^x\.jsonl:one: .*gone\.wav cannot be read"):
        groups([example("one", audio=tmp_path / "gone.wav")])


def test_too_few_groups_are_refused() -> None:
    examples = [example(f"{thing}", "a", group="the only customer") for thing in THINGS]
    with pytest.raises(DataError, match=r"1 groups of examples cannot give a validation split of 10%"):
        carve(examples, 0.1, 0)
    with pytest.raises(DataError, match=r"share of 0\.9"):
        carve(many(), 0.9, 0)


def test_labels_rarer_than_folds_are_split_all_the_same() -> None:
    examples = [
        example(f"{thing} {subject}", f"{thing} {subject}") for subject in SUBJECTS for thing in THINGS
    ]
    _, held_out = carve(examples, 0.1, 0)
    assert len(held_out) == 8
