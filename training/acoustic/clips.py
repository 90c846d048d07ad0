"""The real recordings that the acoustic encoder learns from and is probed on.

The public originals: AN4 (``an4_speech``) at github.com/cmusphinx/an4, the Free Spoken Digit Dataset
(``fsdd``) at github.com/Jakobovski/free-spoken-digit-dataset, AISHELL-3 (``aishell3_sample``) at
openslr.org/93.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000

_HELD_OUT_TAKES: Final = (5, 6)
"""Of each digit and speaker of fsdd: two in ten."""
_HELD_OUT_SPEAKERS: Final = 5
"""One in so many speakers of the other sets."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording: mono 16 kHz samples, -1 to 1, and what is known of it."""

    data_set: str
    speaker: str
    transcript: str
    take: int
    """Of the same speaker saying the same; 0 where there is one."""
    held_out: bool
    """The encoder never hears it in training."""
    samples: NDArray[np.float32]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.samples) / SAMPLE_RATE


def read_clips(data: Path) -> list[Clip]:
    """All recordings under the data sets' folder, in the same order every time.

    Raises:
        FileNotFoundError: a data set is not there.
    """
    return [
        *_described(data / "an4_speech"),
        *_digits(data / "fsdd" / "recordings"),
        *_described(data / "aishell3_sample"),
    ]


def _described(folder: Path) -> list[Clip]:
    """Recordings that a ``metadata.tsv`` names."""
    with (folder / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    held_out = sorted({row["speaker"] for row in rows})[::_HELD_OUT_SPEAKERS]
    return [
        Clip(
            folder.name,
            row["speaker"],
            row["transcript"],
            0,
            row["speaker"] in held_out,
            read(folder / row["path"]),
        )
        for row in rows
    ]


def _digits(folder: Path) -> list[Clip]:
    """Recordings of fsdd, whose names say all: ``<digit>_<speaker>_<take>``."""
    paths = sorted(path for path in folder.iterdir() if path.suffix in (".wav", ".flac"))
    if not paths:
        raise FileNotFoundError(f"{folder} has no recordings")
    clips = []
    for path in paths:
        digit, speaker, take = path.stem.split("_")
        clips.append(Clip("fsdd", speaker, digit, int(take), int(take) in _HELD_OUT_TAKES, read(path)))
    return clips


def read(path: Path) -> NDArray[np.float32]:
    """Give a file's samples at 16 kHz."""
    samples, rate = soundfile.read(path, dtype="float32")
    return np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)
