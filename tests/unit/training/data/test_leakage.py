from pathlib import Path

import pytest

from tests.unit.training.data.small import clip, example, example_set, picture
from training.data.examples import DataError
from training.data.leakage import LeakageCount, check_leakage, find_leaks, report_leakage


def test_a_clean_set_passes() -> None:
    check_leakage(example_set(example("my card is lost", "a"), example("when do you open", "b", "test")))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("customer", "the same customer or conversation"),
        ("clip", "the same clip"),
        ("picture", "the same picture"),
        ("text", "the same text"),
        ("near text", "nearly the same text"),
    ],
)
def test_each_kind_of_leak_is_refused_with_its_place(kind: str, says: str, tmp_path: Path) -> None:
    held_out = "Where is the parcel that I ordered?"
    learned = "nothing of that sort"
    more: dict[str, object] = {}
    other: dict[str, object] = {}
    if kind == "customer":
        more = other = {"group": "Ann"}
    elif kind == "clip":
        more, other = {"audio": clip(tmp_path / "a.wav")}, {"audio": clip(tmp_path / "b.wav")}
    elif kind == "picture":
        more, other = {"image": picture(tmp_path / "a.png")}, {"image": picture(tmp_path / "b.png")}
    else:
        learned = "where is the parcel that i ordered" + ("" if kind == "text" else "s")
    examples = example_set(example(learned, "a", **more), example(held_out, "a", "validation", **other))  # type: ignore[arg-type]
    assert [leak.kind for leak in find_leaks(examples)] == [kind]
    with pytest.raises(DataError) as refused:
        check_leakage(examples)
    assert str(refused.value).startswith(f"x.jsonl:{held_out}: validation: {says} stands in train")


def test_texts_may_be_left_out_of_the_check() -> None:
    examples = example_set(example("Thank you!", "a"), example("thank you", "a", "test"))
    check_leakage(examples, texts=False)
    with pytest.raises(DataError):
        check_leakage(examples)


def test_many_leaks_are_counted() -> None:
    train = [example(f"the same question {number}", "a") for number in range(30)]
    test = [example(f"the same question {number}", "a", "test") for number in range(30)]
    with pytest.raises(DataError, match="and 10 more"):
        check_leakage(example_set(*train, *test))


def test_a_report_counts_held_out_examples_once_and_differing_labels() -> None:
    examples = example_set(
        example("where is my card", "a"),
        example("Where is my card?", "b"),
        example("where is my card", "b", "test"),
        example("WHERE IS MY CARD", "a", "test"),
        example("good morning to all of you", "c", "test"),
    )
    assert report_leakage(examples) == (LeakageCount("train", "test", "text", 2, 2 / 3, 1),)
