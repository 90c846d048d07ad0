import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.training.data.small import clip, example, example_set, picture
from training.data.examples import DataError, ExampleSet, Slot
from training.data.jsonl import Making, read_jsonl, write_jsonl

GOOD = [
    {"text": "Where is my parcel?", "intent": "tracking", "split": "train"},
    {"text": "My package has not come", "intent": "tracking", "split": "train"},
    {"text": "I want my money back", "intent": "refund", "split": "train"},
    {"text": "When does order 17 arrive?", "intent": "tracking", "split": "validation"},
    {"text": "Can I return these shoes?", "intent": "refund", "split": "test"},
]


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines), "utf-8")
    return path


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ExampleSet]:
    return lambda *lines: read_jsonl(write(tmp_path / "shop.jsonl", [*GOOD, *lines]))


def refusal(read: Callable[..., ExampleSet], *lines: Any) -> str:
    with pytest.raises(DataError) as refused:
        read(*lines)
    return str(refused.value)


def test_every_key_is_read(read: Callable[..., ExampleSet], tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    picture(tmp_path / "a.png")
    line: dict[str, Any] = {
        "text": "我的包裹呢？订单 99",
        "language": "zh",
        "audio": "a.wav",
        "image": "a.png",
        "intent": "tracking",
    }
    line |= {"slots": [{"name": "order", "start": 9, "end": 11}], "answer": "tracking#where", "group": "Ann"}
    examples = read(line | {"split": "train"}, {"text": "not labelled", "split": "train"})
    found = examples.train[-1]
    assert (found.language, found.answer, found.group) == ("zh", "tracking#where", "Ann")
    assert (found.audio, found.image) == (tmp_path / "a.wav", tmp_path / "a.png")
    assert found.slots == (Slot("order", 9, 11),)
    assert found.text[9:11] == "99"
    assert found.source == f"{tmp_path / 'shop.jsonl'}:6"
    assert examples.name == "shop"
    assert examples.labels == ("refund", "tracking")
    assert examples.slot_names == ("order",)
    assert examples.unlabelled == ("not labelled",)
    assert not examples.multi_label
    assert examples.out_of_scope is None


def test_lists_make_a_set_multi_label_and_out_of_scope_is_no_label(read: Callable[..., ExampleSet]) -> None:
    examples = read(
        {"text": "back with it, where is it", "intent": ["tracking", "refund"], "split": "train"},
        {"text": "nice day", "intent": [], "split": "train"},
        {"text": "who won", "intent": "out_of_scope", "split": "train"},
    )
    assert examples.multi_label
    assert examples.out_of_scope == "out_of_scope"
    assert examples.labels == ("refund", "tracking")
    assert [found.intents for found in examples.train[-3:]] == [("refund", "tracking"), (), ("out_of_scope",)]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    image = picture(tmp_path / "media" / "a.png")
    written = example_set(
        example("one 你好", "a", image=image, slots=(Slot("s", 0, 3),), group="g"),
        example("two", "b"),
        example("three", "a", "validation"),
        example("four", "b", "test", language="zh", answer="x"),
    )
    path = tmp_path / "sub" / "small.jsonl"
    path.parent.mkdir()
    write_jsonl(written, path)
    again = read_jsonl(path)
    for split in ("train", "validation", "test"):
        for before, after in zip(written.split(split), again.split(split), strict=True):
            assert after.source.startswith(str(path))
            assert (after.text, after.intents, after.slots, after.group, after.language, after.answer) == (
                before.text,
                before.intents,
                before.slots,
                before.group,
                before.language,
                before.answer,
            )
    assert again.train[0].image is not None
    assert again.train[0].image.samefile(image)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "x"', "is not JSON (Expecting ',' delimiter at character 13): one object a line"),
        ("[1]", "is not a JSON object"),
        ({"intent": "refund", "split": "train"}, "the text is missing"),
        ({"text": " ", "intent": "refund", "split": "train"}, "the text is missing"),
        ({"text": 5, "intent": "refund", "split": "train"}, "text is not a string"),
        ({"text": "x", "intent": "refund", "split": "dev"}, "the split 'dev' is unknown: name one of train"),
        (
            {"text": "x", "intent": "refund", "split": "train", "language": "de"},
            "the language 'de' is unknown",
        ),
        (
            {"text": "x", "intents": "refund", "split": "train"},
            "'intents' is unknown (do you mean 'intent'?)",
        ),
        ({"text": "x", "intent": 3, "split": "train"}, "the intent is neither a name nor a list"),
        ({"text": "x", "split": "test"}, "an example of test has no intent"),
        ({"text": "x", "intent": "refund"}, "has no split while line 1 has"),
        ({"text": "x", "intent": "new", "split": "test"}, "the intent 'new' is not in train"),
        (
            {"text": "x", "intent": "refund", "split": "train", "audio": "no.wav"},
            "audio no.wav: is not there",
        ),
        (
            {"text": "x", "intent": "refund", "split": "train", "image": "bad.png"},
            "image bad.png: cannot be opened",
        ),
        (
            {"text": "x", "intent": "refund", "split": "train", "audio": "bad.wav"},
            "audio bad.wav: cannot be opened",
        ),
    ],
)
def test_a_fault_is_named_with_file_and_line(
    read: Callable[..., ExampleSet], tmp_path: Path, line: Any, says: str
) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing")
    said = refusal(read, line)
    assert said.startswith(f"{tmp_path / 'shop.jsonl'}:6: ")
    assert says in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("slot", "says"),
    [
        ({"name": "a", "start": 0, "end": 5}, "is [0, 5) of a text of 4 characters"),
        ({"name": "a", "start": 2, "end": 2}, "is [2, 2) of"),
        ({"name": "a", "start": -1, "end": 2}, "is [-1, 2) of"),
        ({"name": "a", "start": True, "end": 2}, "is [True, 2) of"),
        ({"name": "a", "start": 0}, "slot 1 is not an object with name, start and end"),
    ],
)
def test_slots_lie_within_their_text(read: Callable[..., ExampleSet], slot: Any, says: str) -> None:
    assert says in refusal(read, {"text": "four", "intent": "refund", "split": "train", "slots": [slot]})


def test_overlapping_slots_are_refused(read: Callable[..., ExampleSet]) -> None:
    slots = [{"name": "a", "start": 0, "end": 3}, {"name": "b", "start": 2, "end": 4}]
    said = refusal(read, {"text": "four", "intent": "refund", "split": "train", "slots": slots})
    assert "slot 2 (b) overlaps another" in said


def test_all_faults_are_named_at_once_up_to_twenty(read: Callable[..., ExampleSet]) -> None:
    said = refusal(read, *["{"] * 3, {"text": "", "split": "train"}).split("\n")
    assert [line.split(": ")[0].rpartition(":")[2] for line in said] == ["6", "7", "8", "9"]
    assert refusal(read, *["{"] * 25).endswith("and 5 more faults")


def test_bytes_that_are_no_utf8_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", list(GOOD))
    path.write_bytes(path.read_bytes() + '{"text": "é"}'.encode("latin-1"))
    with pytest.raises(DataError, match=r"x\.jsonl:6: is not UTF-8"):
        read_jsonl(path)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split_is_refused(tmp_path: Path, split: str) -> None:
    path = write(tmp_path / "x.jsonl", [line for line in GOOD if line["split"] != split])
    with pytest.raises(DataError, match=rf"x\.jsonl:1: the split {split} is empty"):
        read_jsonl(path)


def test_one_class_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [line | {"intent": "refund"} for line in GOOD])
    with pytest.raises(DataError, match="fewer than two intents"):
        read_jsonl(path)


def test_a_missing_or_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.jsonl: is not there"):
        read_jsonl(tmp_path / "x.jsonl")
    with pytest.raises(DataError, match=r"x\.jsonl:1: no line has an intent"):
        read_jsonl(write(tmp_path / "x.jsonl", []))


def test_leakage_between_named_splits_is_refused(read: Callable[..., ExampleSet]) -> None:
    said = refusal(read, {"text": "where is my parcel", "intent": "tracking", "split": "test"})
    assert "the same text stands in train" in said


def test_splits_are_made_where_none_is_named(tmp_path: Path) -> None:
    things = [
        f"{word} {number * 7919}" for word in ("parcel", "order", "letter", "box") for number in range(30)
    ]
    lines = [{"text": thing, "intent": thing.split()[0]} for thing in things]
    path = write(tmp_path / "x.jsonl", lines)
    examples = read_jsonl(path, Making(validation=0.2, test=0.1, seed=1))
    sizes = [len(examples.split(name)) for name in ("train", "validation", "test")]
    assert sum(sizes) == 120
    assert sizes[1] == pytest.approx(24, abs=4)
    assert sizes[2] == pytest.approx(12, abs=3)
    assert {found.split for found in examples.train} == {"train"}
    assert read_jsonl(path, Making(validation=0.2, test=0.1, seed=1)) == examples
    assert read_jsonl(path, Making(validation=0.2, test=0.1, seed=2)) != examples
