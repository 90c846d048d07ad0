"""Speech with its transcript, for what the fusion model learns about sound."""

import csv
from pathlib import Path
from typing import Final

import soundfile

from training.acoustic.features import PRETRAINED, AcousticEncoder
from training.fusion.sources import Sound
from training.text.feature_cache import CachedTextFeatures

_AN4: Final = "an4_speech"
"""CMU AN4: https://github.com/cmusphinx/an4"""
_RATE: Final = 16_000
ACOUSTIC_MODEL: Final = "acoustic@1"
"""Space of the frames."""


def read_an4(data: Path, features: CachedTextFeatures, encoder: Path = PRETRAINED) -> list[Sound]:
    """Give the clips of AN4 with frames by the acoustic ``encoder``; none where one of both is absent."""
    folder = data / _AN4
    if not (folder / "metadata.tsv").is_file() or not (encoder / "model.onnx").is_file():
        return []
    acoustic = AcousticEncoder(encoder)
    with (folder / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    texts = features([row["transcript"].lower() for row in rows])
    sounds = []
    for row, text in zip(rows, texts, strict=True):
        samples, rate = soundfile.read(folder / row["path"], dtype="float32")
        if rate != _RATE:
            raise ValueError(f"{row['path']} has {rate} Hz instead of {_RATE}")
        sounds.append(Sound(text, acoustic.frames(samples)))
    return sounds
