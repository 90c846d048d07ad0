"""A company's examples: a JSON object a line, checked as a whole (``docs/training-data.md``)."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import soundfile
from PIL import Image

from services.dialogue.domain.problems import nearest
from services.dialogue.domain.types import OUT_OF_SCOPE
from training.data.examples import DataError, Example, ExampleSet, Slot
from training.data.leakage import check_leakage
from training.data.splits import carve

LANGUAGES: Final = ("en", "zh")
SPLITS: Final = ("train", "validation", "test")
_KEYS: Final = ("text", "language", "audio", "image", "intent", "slots", "answer", "split", "group")
_NAMED: Final = 20
"""Faults that an error names, at most."""


@dataclass(frozen=True, slots=True)
class Making:
    """How splits are made where the file names none."""

    validation: float = 0.1
    """Share of the groups of examples,"""
    test: float = 0.1
    """and of these; see ``splits.carve``."""
    seed: int = 0


def read_jsonl(path: Path, making: Making = Making()) -> ExampleSet:
    """Read a file of examples; its name, without the ending, is the set's.

    Where no line has a ``split``, splits are made; else every line must have one, and
    nothing may stand on both sides (``leakage.check_leakage``). A line of train without
    an intent is one of ``unlabelled``. The set is multi-label where a line's intent is a
    list. ``out_of_scope`` is the intent of what belongs to none.

    Raises:
        DataError: the file has faults; up to 20 of them are named, each with file,
            line and what to do.
    """
    faults: list[str] = []
    labelled, unlabelled, several = _read(path, faults)
    if not faults and not labelled:
        faults.append(f"{path}:1: no line has an intent: add examples")
    _refuse(faults)
    if any(example.split for example in (*labelled, *unlabelled)):
        splits = {name: tuple(example for example in labelled if example.split == name) for name in SPLITS}
    else:
        splits = _made(labelled, making)
    labels = {intent for example in labelled for intent in example.intents}
    names = {slot.name for example in labelled for slot in example.slots}
    examples = ExampleSet(
        path.stem,
        **splits,
        labels=tuple(sorted(labels - {OUT_OF_SCOPE})),
        out_of_scope=OUT_OF_SCOPE if OUT_OF_SCOPE in labels else None,
        multi_label=several,
        slot_names=tuple(sorted(names)),
        unlabelled=tuple(example.text for example in unlabelled if example.text),
    )
    _refuse(_faults_of_set(path, examples))
    check_leakage(examples)
    return examples


def write_jsonl(examples: ExampleSet, path: Path) -> None:
    """Write a set as ``read_jsonl`` reads it; paths of clips and pictures become relative to the file."""
    base = path.parent.resolve()
    with path.open("w", encoding="utf-8") as file:
        for name in SPLITS:
            for example in examples.split(name):
                file.write(
                    json.dumps(_object(example, base, examples.multi_label), ensure_ascii=False) + "\n"
                )
        for text in examples.unlabelled:
            file.write(json.dumps({"text": text, "split": "train"}, ensure_ascii=False) + "\n")


def _object(example: Example, base: Path, several: bool) -> Mapping[str, Any]:
    intents: Any = list(example.intents) if several else next(iter(example.intents), None)
    found = {
        "text": example.text,
        "language": example.language,
        "audio": _relative(example.audio, base),
        "image": _relative(example.image, base),
        "intent": intents,
        "slots": [{"name": slot.name, "start": slot.start, "end": slot.end} for slot in example.slots],
        "answer": example.answer,
        "split": example.split,
        "group": example.group,
    }
    return {key: value for key, value in found.items() if value or (key == "intent" and value is not None)}


def _relative(path: Path | None, base: Path) -> str | None:
    return None if path is None else Path(os.path.relpath(path.resolve(), base)).as_posix()


def _read(path: Path, faults: list[str]) -> tuple[list[Example], list[Example], bool]:
    """Give what has an intent, what has none, and whether an intent is a list."""
    labelled: list[Example] = []
    unlabelled: list[Example] = []
    several = False
    places: dict[bool, int] = {}
    checked: dict[Path, str | None] = {}
    for number, line in _lines(path):
        place = f"{path}:{number}"
        try:
            content = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            faults.append(f"{place}: is not UTF-8: save the file as UTF-8")
            continue
        except json.JSONDecodeError as error:
            faults.append(
                f"{place}: is not JSON ({error.msg} at character {error.pos + 1}): one object a line"
            )
            continue
        if not isinstance(content, dict):
            faults.append(f"{place}: is not a JSON object: write {{…}} with the keys of an example")
            continue
        before = len(faults)
        faults.extend(f"{place}: {fault}" for fault in _faults(content))
        if len(faults) > before:
            continue
        example = _example(content, path.parent, place)
        faults.extend(f"{place}: {fault}" for fault in _media_faults(example, content, checked))
        places.setdefault("split" in content, number)
        several |= isinstance(content.get("intent"), list)
        (labelled if "intent" in content else unlabelled).append(example)
    if len(places) > 1:
        faults.append(f"{path}:{places[False]}: has no split while line {places[True]} has: name all or none")
    return labelled, unlabelled, several


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except FileNotFoundError as error:
        raise DataError(f"{path}: is not there: name the file of examples") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.strip():
            yield number, line


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Say what is wrong with one line's object, files apart."""
    for key in content:
        if key not in _KEYS:
            yield f"the key {key!r} is unknown{nearest(key, _KEYS)}: leave it out"
    for key in ("text", "audio", "image", "answer", "group"):
        if not isinstance(content.get(key, ""), str):
            yield f"{key} is not a string"
    text = content.get("text", "")
    if isinstance(text, str) and not text.strip() and not content.get("audio") and not content.get("image"):
        yield "the text is missing: add one, or a clip or a picture"
    if content.get("language", "en") not in LANGUAGES:
        yield f"the language {content['language']!r} is unknown: name one of {', '.join(LANGUAGES)}"
    if content.get("split", "train") not in SPLITS:
        yield f"the split {content['split']!r} is unknown: name one of {', '.join(SPLITS)}"
    intents = content.get("intent", "none")
    if not (_name(intents) or (isinstance(intents, list) and all(map(_name, intents)))):
        yield "the intent is neither a name nor a list of names: correct it, or leave it out"
    if "intent" not in content and content.get("split", "train") != "train":
        yield f"an example of {content['split']} has no intent: label it, or move it to train"
    yield from _slot_faults(content.get("slots", []), text if isinstance(text, str) else "")


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _slot_faults(slots: Any, text: str) -> Iterator[str]:
    if not isinstance(slots, list):
        yield "slots is not a list"
        return
    ends: list[tuple[int, int]] = []
    for number, slot in enumerate(slots, 1):
        if not isinstance(slot, dict) or set(slot) != {"name", "start", "end"} or not _name(slot["name"]):
            yield f"slot {number} is not an object with name, start and end"
            continue
        start, end = slot["start"], slot["end"]
        if not (type(start) is int and type(end) is int and 0 <= start < end <= len(text)):
            yield (
                f"slot {number} ({slot['name']}) is [{start}, {end}) of a text of {len(text)} characters: "
                "count characters from 0, the end not included"
            )
        elif any(start < other_end and other_start < end for other_start, other_end in ends):
            yield f"slot {number} ({slot['name']}) overlaps another: a character has one slot"
        else:
            ends.append((start, end))


def _example(content: Mapping[str, Any], base: Path, place: str) -> Example:
    intents = content.get("intent", [])
    return Example(
        content.get("text", ""),
        content.get("language", "en"),
        tuple(sorted(set(intents))) if isinstance(intents, list) else (intents,),
        tuple(Slot(slot["name"], slot["start"], slot["end"]) for slot in content.get("slots", [])),
        base / content["audio"] if content.get("audio") else None,
        base / content["image"] if content.get("image") else None,
        content.get("answer"),
        content.get("split", ""),
        content.get("group", ""),
        place,
    )


def _media_faults(
    example: Example, content: Mapping[str, Any], checked: dict[Path, str | None]
) -> Iterator[str]:
    kinds: tuple[tuple[str, Path | None, Callable[[Path], None]], ...] = (
        ("audio", example.audio, _open_clip),
        ("image", example.image, _open_picture),
    )
    for key, path, open_file in kinds:
        if path is None:
            continue
        if path not in checked:
            checked[path] = _file_fault(path, open_file)
        fault = checked[path]
        if fault:
            yield f"{key} {content[key]}: {fault}"


def _file_fault(path: Path, open_file: Callable[[Path], None]) -> str | None:
    if not path.is_file():
        return "is not there: paths are relative to the file of examples"
    try:
        open_file(path)
    except Exception:  # codecs raise anything at all for broken bytes
        return "cannot be opened: it is broken, or of another kind than its key says; replace it"
    return None


def _open_clip(path: Path) -> None:
    if soundfile.info(str(path)).frames < 1:
        raise ValueError("empty")


def _open_picture(path: Path) -> None:
    with Image.open(path) as picture:
        picture.verify()


def _made(labelled: Sequence[Example], making: Making) -> dict[str, tuple[Example, ...]]:
    every = [replace(example, split="train") for example in labelled]
    rest, test = carve(every, making.test, making.seed, split="test")
    train, validation = carve(rest, making.validation / (1 - making.test), making.seed)
    return {"train": train, "validation": validation, "test": test}


def _faults_of_set(path: Path, examples: ExampleSet) -> Iterator[str]:
    for name in SPLITS:
        if not examples.split(name):
            yield f"{path}:1: the split {name} is empty: add examples of it, or name no splits"
    known = {intent for example in examples.train for intent in example.intents}
    if len(known - {OUT_OF_SCOPE}) < 2:
        yield f"{path}:1: train has fewer than two intents: there is nothing to tell apart"
    named: set[str] = set()
    for example in (*examples.validation, *examples.test):
        for intent in set(example.intents) - known - named:
            named.add(intent)
            yield f"{example.source}: the intent {intent!r} is not in train: add examples of it there"


def _refuse(faults: Iterable[str]) -> None:
    found = list(faults)
    if found:
        more = [f"and {len(found) - _NAMED} more faults"] if len(found) > _NAMED else []
        raise DataError("\n".join(found[:_NAMED] + more))
