"""The readers on the public sets, where they are; what is broken in small files of the same form."""

import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from training.data.examples import DataError, ExampleSet
from training.data.leakage import find_leaks
from training.data.sets import SETS, multidogo, read_set

DATA = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
SIZES = {
    "banking77": (9_002, 1_001, 3_080, 77),
    "banking77-10shot": (770, 1_540, 3_080, 77),
    "banking77-5shot": (385, 1_540, 3_080, 77),
    "banking77-oos": (5_905, 2_236, 4_080, 50),
    "clinc150": (15_100, 3_100, 5_500, 150),
    "clinc150-10shot": (1_500, 3_100, 5_500, 150),
    "hwu64": (8_954, 1_076, 1_076, 64),
    "hwu64-10shot": (640, 1_076, 1_076, 64),
    "multidogo-airline": (13_519, 1_966, 3_931, 14),
    "multidogo-insurance": (13_804, 1_983, 3_945, 11),
    "multidogo-software": (13_137, 1_847, 3_641, 17),
    "multidogo-media": (11_944, 1_689, 3_400, 16),
    "cold": (25_726, 6_431, 5_323, 2),
    "crosswoz": (3_627, 602, 4_238, 126),
    "nlupp": (1_658, 209, 204, 48),
    "dstc11": (546, 184, 183, 22),
    "other-intents": (23_954, 4_076, 5_576, 214),
}
FOLDERS = {"hwu64": "fewshot_intent", "multidogo": "multidogo_turn", "banking77-oos": "banking77_oos"}
FOLDERS |= {"dstc11": "dstc11_insurance", "other-intents": "fewshot_intent"}


@cache
def read(name: str) -> ExampleSet:
    return read_set(name, DATA)


def needs(name: str) -> None:
    folder = FOLDERS.get(name) or FOLDERS.get(name.split("-")[0]) or name.split("-")[0]
    if not (DATA / folder).is_dir() or ("shot" in name and not (DATA / "fewshot_intent").is_dir()):
        pytest.skip(f"{folder} is not in {DATA} (FRONTDESK_DATA names the folder of the sets)")


def test_every_set_is_checked() -> None:
    assert set(SIZES) == set(SETS)


@pytest.mark.parametrize("name", SIZES)
def test_a_set_has_its_published_sizes_and_is_whole(name: str) -> None:
    needs(name)
    examples = read(name)
    splits = {split: examples.split(split) for split in ("train", "validation", "test")}
    assert (*map(len, splits.values()), len(examples.labels)) == SIZES[name]
    assert examples.name == name
    assert list(examples.labels) == sorted(examples.labels)
    allowed = {*examples.labels, examples.out_of_scope}
    for split, found in splits.items():
        assert {example.split for example in found} == {split}
        assert {intent for example in found for intent in example.intents} <= allowed
        assert all(examples.multi_label or len(example.intents) == 1 for example in found)
        assert len({example.source for example in found}) == len(found)
        for example in found:
            assert {slot.name for slot in example.slots} <= set(examples.slot_names)
            assert all(example.text[slot.start : slot.end].strip() for slot in example.slots)


def test_the_validation_tenth_of_banking77_holds_no_text_of_train() -> None:
    needs("banking77")
    examples = read("banking77")
    assert not [leak for leak in find_leaks(examples) if leak.held_out.split == "validation"]
    counts = Counter(example.intents[0] for example in examples.validation)
    assert set(counts) == set(examples.labels)


def test_few_shots_are_even_and_what_is_unlabelled_is_held_out_nowhere() -> None:
    needs("banking77-10shot")
    examples = read("banking77-10shot")
    assert set(Counter(example.intents[0] for example in examples.train).values()) == {10}
    held_out = {example.text for example in (*examples.validation, *examples.test)}
    assert len(examples.unlabelled) > 8_000
    assert not held_out & set(examples.unlabelled)
    # In the official writing, not in lower case.
    assert any(example.text[0].isupper() for example in examples.train)


def test_questions_out_of_scope_are_in_every_split_of_clinc150() -> None:
    needs("clinc150")
    examples = read("clinc150")
    assert examples.out_of_scope == "oos"
    counts = [
        sum(example.intents == ("oos",) for example in examples.split(split))
        for split in ("train", "validation", "test")
    ]
    assert counts == [100, 100, 1_000]


def test_dialogues_of_crosswoz_are_on_one_side() -> None:
    needs("crosswoz")
    examples = read("crosswoz")
    assert not {e.group for e in examples.train} & {e.group for e in examples.validation}
    assert {len(example.intents) for example in examples.test} >= {0, 1, 2, 3}


def test_an_unknown_name_is_answered_with_those_known() -> None:
    with pytest.raises(DataError, match=r"there is no set 'banking': name one of banking77, "):
        read_set("banking", DATA)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for name in SETS:
        with pytest.raises(DataError, match=rf"^{tmp_path}.*(is not there|cannot be read)"):
            read_set(name, tmp_path)


HEAD = "conversationId\tturnNumber\tutteranceId\tutterance\tslot-labels\tintent\n"


def multidogo_files(folder: Path, train: str) -> None:
    (folder / "multidogo_turn" / "media").mkdir(parents=True)
    for split in ("train", "dev", "test"):
        row = train if split == "train" else "c\t1\tu\tbye\tO\tclosing\n"
        (folder / "multidogo_turn" / "media" / f"{split}.tsv").write_text(HEAD + row, encoding="utf-8")


def test_tags_of_words_become_characters_of_the_text(tmp_path: Path) -> None:
    row = 'a\t1\tu\t"i am ann\nlee  from ""york"" city"\tO O name O O city city\tcontentonly\n'
    multidogo_files(tmp_path, row + "b\t1\tu\t\tO\tclosing\n")
    examples = multidogo.read(tmp_path, "media")
    first, second = examples.train
    assert [(slot.name, first.text[slot.start : slot.end]) for slot in first.slots] == [
        ("name", "ann\nlee"),
        ("city", '"york" city'),
    ]
    assert first.source.endswith("train.tsv:2")
    assert second.source.endswith("train.tsv:4")
    assert second.text == ""
    assert examples.slot_names == ("city", "name")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a\t1\tu\ttwo words\tO\tx\n", r"train\.tsv:2: 2 words have 1 slot labels"),
        ("a\t1\tu\ttext\tO\n", r"train\.tsv:2: the row has not as many fields"),
        ('a\t1\tu\t"text\tO\tx\n', r"train\.tsv:2: "),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, row: str, says: str) -> None:
    multidogo_files(tmp_path, row)
    with pytest.raises(DataError, match=says):
        multidogo.read(tmp_path, "media")


def test_a_missing_column_and_another_encoding_are_named(tmp_path: Path) -> None:
    multidogo_files(tmp_path, "")
    path = tmp_path / "multidogo_turn" / "media" / "train.tsv"
    path.write_text("utterance\tintent\n")
    with pytest.raises(DataError, match=r"train\.tsv:1: the column 'conversationId' is missing"):
        multidogo.read(tmp_path, "media")
    path.write_bytes((HEAD + "a\t1\tu\tcaf\xe9\tO\tx\n").encode("latin-1"))
    with pytest.raises(DataError, match=r"train\.tsv:2: is not utf-8"):
        multidogo.read(tmp_path, "media")


def test_texts_and_labels_of_unequal_number_are_named(tmp_path: Path) -> None:
    for part in ("train", "valid", "test"):
        folder = tmp_path / "fewshot_intent" / "HWU64" / part
        folder.mkdir(parents=True)
        (folder / "seq.in").write_text("one\ntwo\n")
        (folder / "label").write_text("a\n")
    with pytest.raises(DataError, match=r"label:2: 1 labels for 2 texts"):
        read_set("hwu64", tmp_path)
