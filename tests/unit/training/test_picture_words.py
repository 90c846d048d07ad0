"""The words in photographs are read once, by the exported reader."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.export.backends.ocr.reader import Lines
from training.vision import words
from training.vision.words import CachedWords


class CountingReader:
    """Stands for the exported reader, whose models are not needed to test what is kept."""

    read_so_far = 0

    def __init__(self, folder: Path, threads: int, most_side: int, most_pixels: int) -> None:
        pass

    def read(self, pixels: NDArray[np.uint8]) -> Lines:
        type(self).read_so_far += 1
        texts = ["Bravo", "äpple"] if pixels.mean() < 128 else []
        return Lines(texts, np.empty((len(texts), 4), np.float32), np.ones(len(texts), np.float32))


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CachedWords:
    monkeypatch.setattr(words, "Reader", CountingReader)
    monkeypatch.setattr(CountingReader, "read_so_far", 0)
    folder = tmp_path / "repository" / "ocr" / "1"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"key": "a" * 64}), encoding="utf-8")
    return CachedWords.beside(tmp_path / "repository")


def test_a_photograph_is_read_once_even_by_the_next_training(reader: CachedWords, tmp_path: Path) -> None:
    dark, light = tmp_path / "dark.png", tmp_path / "light.png"
    Image.new("RGB", (40, 40)).save(dark)
    Image.new("RGB", (40, 40), "white").save(light)

    assert [reader(dark), reader(light), reader(dark)] == ["Bravo\näpple", "", "Bravo\näpple"]
    assert CountingReader.read_so_far == 2
    again = CachedWords.beside(tmp_path / "repository")
    assert [again(dark), again(light)] == ["Bravo\näpple", ""]
    assert CountingReader.read_so_far == 2


def test_another_state_of_the_reader_reads_anew(reader: CachedWords, tmp_path: Path) -> None:
    dark = tmp_path / "dark.png"
    Image.new("RGB", (40, 40)).save(dark)
    reader(dark)
    manifest = tmp_path / "repository" / "ocr" / "1" / "manifest.json"
    manifest.write_text(json.dumps({"key": "b" * 64}), encoding="utf-8")

    CachedWords.beside(tmp_path / "repository")(dark)

    assert CountingReader.read_so_far == 2


def test_a_missing_export_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--only ocr"):
        CachedWords.beside(tmp_path)
