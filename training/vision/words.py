"""Reads the words in photographs as the exported reader does, each photograph once. No Triton."""

import hashlib
import json
from pathlib import Path
from typing import Self

import numpy as np

from services.vision.model import OCR, OCR_MOST_PIXELS, OCR_MOST_SIDE
from training.export.backends.ocr.reader import Reader
from training.vision.photographs import opened


class CachedWords:
    """``ocr`` of a model repository; ``folder`` is one of its versions.

    Keeps what was read as one line of JSON for each photograph, in a file for each state
    of the reader. Raises ``FileNotFoundError`` when it was not exported yet.
    """

    def __init__(self, folder: Path, kept: Path, threads: int = 1) -> None:
        manifest = folder / "manifest.json"
        if not manifest.is_file():
            raise FileNotFoundError(f"{folder}: no reader; run `python -m training.export --only ocr` first")
        key = str(json.loads(manifest.read_text(encoding="utf-8"))["key"])
        self._file = kept / f"{key[:16]}.jsonl"
        self._folder = folder
        self._threads = threads
        self._reader: Reader | None = None
        self._known: dict[str, str] = {}
        if self._file.is_file():
            lines = self._file.read_text(encoding="utf-8").splitlines()
            self._known = dict(json.loads(line) for line in lines)

    @classmethod
    def beside(cls, repository: Path, threads: int = 1) -> Self:
        """Run the reader of a model repository, keeping what it reads in ``picture_words`` beside it."""
        return cls(repository / OCR.name / "1", repository.with_name("picture_words"), threads)

    def __call__(self, photograph: Path) -> str:
        """Give the lines that stand in a photograph, one each line; empty when there are none."""
        name = hashlib.sha256(photograph.read_bytes()).hexdigest()
        if name not in self._known:
            if self._reader is None:
                self._reader = Reader(self._folder, self._threads, OCR_MOST_SIDE, OCR_MOST_PIXELS)
            found = self._reader.read(np.asarray(opened(photograph), np.uint8))
            self._known[name] = "\n".join(found.texts)
            self._file.parent.mkdir(parents=True, exist_ok=True)
            # One short write, so that two trainings at the same time mix no lines.
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps([name, self._known[name]], ensure_ascii=False) + "\n")
        return self._known[name]
