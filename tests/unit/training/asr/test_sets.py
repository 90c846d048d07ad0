"""Sets of recordings: their forms, and their splits."""

import json
import os
import re
from pathlib import Path

import pytest

from tests.unit.training.asr import small
from training.asr.arguments import AsrArguments
from training.asr.errors import Errors, count
from training.asr.sets import read_examples, read_set, written
from training.data.examples import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of eight speakers with two clips each, without splits."""
    rows = ["path\tspeaker\ttranscript"]
    for speaker in range(8):
        for take in range(2):
            name = f"{speaker}-{take}.wav"
            small.clip(tmp_path / "calls" / name, hertz=200 + 50 * speaker + 10 * take)
            rows.append(f"{name}\ts{speaker}\tOrder {speaker}")
    (tmp_path / "calls" / "metadata.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_no_speaker_stands_on_two_sides(folder: Path) -> None:
    found = read_set(folder, "calls", AsrArguments(seed=3))
    speakers = [{example.group for example in side} for side in (found.train, found.validation, found.test)]
    assert [len(side) for side in speakers] == [4, 2, 2]
    assert len(set.union(*speakers)) == 8
    assert found.train[0].source.endswith(("metadata.tsv:2", "metadata.tsv:4", "metadata.tsv:6"))
    assert found.train == read_set(folder, "calls", AsrArguments(seed=3)).train
    others = [read_set(folder, "calls", AsrArguments(seed=seed)).test for seed in range(4)]
    assert any(other != found.test for other in others)


def test_splits_that_are_named_are_kept(folder: Path) -> None:
    file = folder / "calls" / "metadata.tsv"
    head, *rows = file.read_text().splitlines()
    sides = ["train"] * 8 + ["validation"] * 4 + ["test"] * 4
    file.write_text(
        "\n".join([f"{head}\tsplit", *(f"{row}\t{side}" for row, side in zip(rows, sides, strict=True))])
    )
    found = read_set(folder, "calls", AsrArguments())
    assert [len(side) for side in (found.train, found.validation, found.test)] == [8, 4, 4]
    file.write_text(file.read_text().replace("7-1.wav\ts7", "7-1.wav\ts0"))
    with pytest.raises(
        DataError, match=r"metadata\.tsv:17: speaker 's0' stands in test and, at .*:2, in train"
    ):
        read_set(folder, "calls", AsrArguments())


def test_the_clips_of_a_file_of_examples_are_taken(tmp_path: Path) -> None:
    texts = (
        "late;cracked;where is it;no sound;not here yet;smoke;lost parcel;torn;still waiting;bent;slow;wet"
    )
    lines = []
    for number, text in enumerate(texts.split(";")):
        told: dict[str, object] = {"text": text, "group": f"c{number}"}
        told["intent"] = ("delay", "damage")[number % 2]
        told["split"] = ("train", "validation", "test")[number // 4]
        if number % 4 < 3:
            told["audio"] = small.clip(tmp_path / f"{number}.wav", hertz=200 + 40 * number).name
        lines.append(json.dumps(told))
    (tmp_path / "calls.jsonl").write_text("\n".join(lines))
    found = read_set(tmp_path, "calls.jsonl", AsrArguments())
    assert found.name == "calls.jsonl"
    assert [len(side) for side in (found.train, found.validation, found.test)] == [3, 3, 3]
    assert found.test[0].text == "still waiting"
    (tmp_path / "typed.jsonl").write_text(
        "\n".join(re.sub(r', "audio": "[^"]*"', "", line) for line in lines)
    )
    with pytest.raises(DataError, match=r"typed\.jsonl:1: no example has audio"):
        read_set(tmp_path, "typed.jsonl", AsrArguments())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("path\tspeaker\n1.wav\ts1\n", ":1: has no column transcript"),
        ("path\ttranscript\n\tsix\n", ":2: names no clip"),
        ("path\ttranscript\tsplit\n1.wav\tsix\tdev\n", ":2: split 'dev' is none of train"),
        ("path\ttranscript\n", "calls: has no recordings"),
        ("path\ttranscript\n1.wav\tsix\n", ":2: .*1.wav cannot be read: No such file"),
    ],
)
def test_files_that_are_not_in_their_form_are_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "metadata.tsv").write_text(content)
    with pytest.raises(DataError, match=told):
        read_set(tmp_path, "calls", AsrArguments())


def test_all_of_a_set_can_be_read_however_few_its_speakers(folder: Path) -> None:
    assert len(read_examples(folder, "calls")) == 16
    small.clip(folder / "fsdd" / "recordings" / "7_ann_5.wav")
    digits = read_examples(folder, "fsdd")
    assert [(example.text, example.group) for example in digits] == [("Seven", "ann")]
    with pytest.raises(DataError, match="1 groups of examples cannot give a test split"):
        read_set(folder, "fsdd", AsrArguments())


def test_a_set_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"nothing/metadata\.tsv: is not there: name a set \(an4, aishell3, fsdd\)"
    ):
        read_set(tmp_path, "nothing", AsrArguments())


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [
        ("U M N Y H SIX", "U M N Y H six"),
        ("ENTER SIX TWO", "Enter six two"),
        ("M A R Y", "M A R Y"),
        ("SEND A LETTER", "Send a letter"),
        ("Where is my PIN?", "Where is my PIN?"),
        ("我相信", "我相信"),
        ("", ""),
    ],
)
def test_capitals_alone_become_what_one_writes(transcript: str, expected: str) -> None:
    assert written(transcript) == expected


def test_errors_are_counted_over_all_words() -> None:
    heard = count(["Enter six two", "U M N", "六七"], ["enter 63", "U-M-N.", "六八"], ["en", "en", "zh"])
    assert heard == Errors(2, 8)
    assert heard.percent == 25.0
    assert (heard + Errors(2, 0)).percent == 50.0
    assert Errors(0, 0).percent == 0.0


def test_an4_is_split_by_speaker() -> None:
    data = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    if not (data / "an4_speech").is_dir():
        pytest.skip("FRONTDESK_DATA has no an4_speech")
    found = read_set(data, "an4", AsrArguments())
    assert len(found.train) + len(found.validation) + len(found.test) == 148
    assert {len(found.validation), len(found.test)} <= set(range(18, 45))
    assert not {example.group for example in found.train} & {example.group for example in found.test}
    assert {example.text for example in found.train} >= {"Yes"}
