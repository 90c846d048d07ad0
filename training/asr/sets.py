"""Recordings with transcripts: public sets, a folder with a ``metadata.tsv``, or a file of examples.

Public originals: AN4 (``an4_speech``) at github.com/cmusphinx/an4, the Free Spoken Digit Dataset (``fsdd``)
at github.com/Jakobovski/free-spoken-digit-dataset, AISHELL-3 (``aishell3_sample``) at openslr.org/93.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from training.asr.arguments import AsrArguments
from training.data.examples import DataError, Example, ExampleSet
from training.data.jsonl import SPLITS, Making, read_jsonl
from training.data.splits import carve

FOLDERS: Final[Mapping[str, tuple[str, str]]] = {
    "an4": ("an4_speech", "en"),
    "aishell3": ("aishell3_sample", "zh"),
    "fsdd": ("fsdd", "en"),
}
"""By the name of a public set: its folder, and the language spoken there."""
_COLUMNS: Final = ("path", "transcript")
_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def read_set(data: Path, name: str, arguments: AsrArguments) -> ExampleSet:
    """Read a set of recordings as ``read_examples`` does, and split it as the arguments say.

    Raises:
        DataError: as there; or there are too few speakers to split.
    """
    if name.endswith(".jsonl"):
        making = Making(arguments.validation, arguments.test, arguments.seed)
        return split(name, _with_clips(data / name, read_jsonl(data / name, making)), arguments)
    return split(name, read_examples(data, name), arguments)


def read_examples(data: Path, name: str) -> list[Example]:
    """Read all of a set's recordings, in their splits where they have some.

    Args:
        data: Folder of the sets.
        name: ``an4``, ``aishell3``, ``fsdd``; or, from ``data``, the path of a folder with a
            ``metadata.tsv`` (columns path, transcript and, where known, speaker, language, split), or of a
            ``.jsonl`` (``training.data.jsonl``), whose examples with a clip are taken.

    Raises:
        DataError: there is no such set, or it is not in its form.
    """
    if name.endswith(".jsonl"):
        return _with_clips(data / name, read_jsonl(data / name))
    folder, language = FOLDERS.get(name, (name, "en"))
    path = data / folder
    examples = _digits(path) if name == "fsdd" else _described(path, language)
    if not examples:
        raise DataError(f"{path}: has no recordings")
    return examples


def _with_clips(path: Path, found: ExampleSet) -> list[Example]:
    kept = [example for side in SPLITS for example in found.split(side) if example.audio]
    if not kept:
        raise DataError(f"{path}:1: no example has audio: name its clips")
    return kept


def split(name: str, examples: Sequence[Example], arguments: AsrArguments) -> ExampleSet:
    """Give the splits that the examples name; where they all are of ``train``, hold out whole speakers.

    Raises:
        DataError: too few speakers, or a speaker on two sides.
    """
    train, validation, test = (
        tuple(example for example in examples if example.split == side) for side in SPLITS
    )
    # The same sentence said by others is another recording: only speakers and clips must not be shared.
    if not test:
        train, test = carve(train, arguments.test, arguments.seed, "test", near_duplicate_texts=False)
    if not validation:
        share = arguments.validation / (1 - arguments.test)
        train, validation = carve(train, share, arguments.seed, near_duplicate_texts=False)
    sides: dict[str, Example] = {}
    for example in (*train, *validation, *test):
        other = sides.setdefault(example.group or example.source, example)
        if other.split != example.split:
            raise DataError(
                f"{example.source}: speaker {example.group!r} stands in {example.split} and, at"
                f" {other.source}, in {other.split}: let each speaker be on one side"
            )
    return ExampleSet(name, train, validation, test, labels=())


def _described(folder: Path, language: str) -> list[Example]:
    path = folder / "metadata.tsv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise DataError(f"{path}:1: has no column {', '.join(missing)}")
            return [_example(folder, f"{path}:{reader.line_num}", row, language) for row in reader]
    except FileNotFoundError as error:
        known = ", ".join(FOLDERS)
        raise DataError(
            f"{path}: is not there: name a set ({known}) or a folder with a metadata.tsv"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8") from error


def _example(folder: Path, source: str, row: Mapping[str, str | None], language: str) -> Example:
    told = {
        name: (row.get(name) or "").strip() for name in ("path", "transcript", "speaker", "language", "split")
    }
    if not told["path"]:
        raise DataError(f"{source}: names no clip in its column path")
    named = told["split"] or "train"
    if named not in SPLITS:
        raise DataError(f"{source}: split {named!r} is none of {', '.join(SPLITS)}")
    return Example(
        written(told["transcript"]),
        told["language"] or language,
        audio=folder / told["path"],
        split=named,
        group=told["speaker"],
        source=source,
    )


def _digits(folder: Path) -> list[Example]:
    """Recordings of fsdd, whose names say all: ``<digit>_<speaker>_<take>``."""
    recordings = folder / "recordings"
    if not recordings.is_dir():
        raise DataError(f"{recordings}: is not there")
    examples = []
    for path in sorted(path for path in recordings.iterdir() if path.suffix in (".wav", ".flac")):
        digit, speaker, _ = path.stem.split("_")
        examples.append(
            Example(_DIGITS[int(digit)].capitalize(), audio=path, group=speaker, source=str(path))
        )
    return examples


def written(transcript: str) -> str:
    """Give a transcript as one writes: one in capitals alone keeps them for spelled letters.

    "U M N SIX" → "U M N six", "ENTER TWO" → "Enter two". Whisper learns to write what it is shown, and a
    customer's words in capitals alone would mean something else to all that reads them.
    """
    if not transcript.isupper():
        return transcript
    words = transcript.split()
    letters = [len(word) == 1 for word in words]
    for index, word in enumerate(words):
        article = word == "A" and not any(letters[max(0, index - 1) : index] + letters[index + 1 : index + 2])
        if article or not letters[index]:
            words[index] = word.lower()
    return " ".join([words[0].capitalize(), *words[1:]])
