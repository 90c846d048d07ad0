"""``python -m training.acoustic.probe --data DIR``: what the acoustic encoder knows, by linear probes.

The frames stay as they are; a clip's frames are averaged, and a linear model is fitted on labelled clips and
judged on others. Beside the frames stand baselines of the same clips: mean and deviation of the log-mel
spectrum, and of 20 MFCCs. "Unheard" are clips that the encoder was not trained on.

- digits: ten, of fsdd; by take (takes 5 and 6 judge, unheard) and by speaker (each left out in turn, heard);
- speakers: six, of fsdd; judged on takes 5 and 6 (unheard);
- channel: AN4 clips as recorded against the same through 8 kHz µ-law; judged on unheard speakers;
- speed: AN4 clips played at 0.9, 1 and 1.1 of their speed, pitch included, all then through 8 kHz µ-law (or
  the empty band at the top would tell); judged on unheard speakers;
- rate: words a second of AN4 clips, by ridge regression; ten folds of speakers (most heard).
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.fft import dct
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.acoustic.augment import faster, telephone
from training.acoustic.clips import Clip, read_clips
from training.acoustic.features import PRETRAINED, AcousticEncoder
from training.export.backends.whisper.features import LogMel

_SPEEDS: Final = (0.9, 1.0, 1.1)
_MFCCS: Final = 20
_STRENGTHS: Final = (0.1, 1.0, 10.0, 100.0)
"""Inverse regularizations, among which three folds of the clips that a probe is fitted on choose."""

Vector = NDArray[np.float64]
Describe = Callable[[NDArray[np.float32]], Vector]
"""A recording's samples → its fixed vector."""


@dataclass(frozen=True, slots=True)
class Task:
    """A question to a linear probe: recordings, their answers, and which of them judge it."""

    name: str
    samples: Sequence[NDArray[np.float32]]
    answers: Sequence[str]
    judges: NDArray[np.bool_]


def descriptions(encoder: AcousticEncoder) -> dict[str, Describe]:
    """The encoder's vector and the baselines', by name."""
    log_mel = LogMel(80)

    def spectrum(samples: NDArray[np.float32]) -> NDArray[np.float64]:
        count = -(-len(samples) // 160)
        return np.asarray(log_mel(samples, count), np.float64)

    def frames(samples: NDArray[np.float32]) -> Vector:
        return np.asarray(encoder.frames(samples).mean(axis=0), np.float64)

    def frame_statistics(samples: NDArray[np.float32]) -> Vector:
        found = encoder.frames(samples).astype(np.float64)
        return np.concatenate([found.mean(axis=0), found.std(axis=0)])

    def mel(samples: NDArray[np.float32]) -> Vector:
        return np.asarray(spectrum(samples).mean(axis=1))

    def mel_statistics(samples: NDArray[np.float32]) -> Vector:
        found = spectrum(samples)
        return np.concatenate([found.mean(axis=1), found.std(axis=1)])

    def mfcc_statistics(samples: NDArray[np.float32]) -> Vector:
        found = dct(spectrum(samples), axis=0, norm="ortho")[:_MFCCS]
        return np.concatenate([found.mean(axis=1), found.std(axis=1)])

    return {
        "acoustic frames, mean (64)": frames,
        "acoustic frames, mean and deviation (128)": frame_statistics,
        "log-mel, mean (80)": mel,
        "log-mel, mean and deviation (160)": mel_statistics,
        "MFCC, mean and deviation (40)": mfcc_statistics,
    }


def tasks(clips: Sequence[Clip]) -> list[Task]:
    """The probes that choose among answers and are judged once."""
    digits = [clip for clip in clips if clip.data_set == "fsdd"]
    spoken = [clip for clip in clips if clip.data_set == "an4_speech"]
    takes = np.array([clip.held_out for clip in digits])
    unheard = np.array([clip.held_out for clip in spoken])
    samples = [clip.samples for clip in digits]
    return [
        Task("digits, by take", samples, [clip.transcript for clip in digits], takes),
        Task("speakers, by take", samples, [clip.speaker for clip in digits], takes),
        Task(
            "channel",
            [clip.samples for clip in spoken] + [telephone(clip.samples) for clip in spoken],
            ["as recorded"] * len(spoken) + ["8 kHz µ-law"] * len(spoken),
            np.tile(unheard, 2),
        ),
        Task(
            "speed",
            [telephone(faster(clip.samples, speed)) for speed in _SPEEDS for clip in spoken],
            [str(speed) for speed in _SPEEDS for _ in spoken],
            np.tile(unheard, len(_SPEEDS)),
        ),
    ]


def accuracy(task: Task, describe: Describe) -> float:
    """Share of right answers among the recordings that judge."""
    vectors = np.stack([describe(samples) for samples in task.samples])
    answers = np.array(task.answers)
    probe = _classifier().fit(vectors[~task.judges], answers[~task.judges])
    return float(probe.score(vectors[task.judges], answers[task.judges]))


def digits_by_speaker(clips: Sequence[Clip], describe: Describe) -> float:
    """Share of right digits of speakers that the probe never saw, one left out at a time."""
    digits = [clip for clip in clips if clip.data_set == "fsdd"]
    vectors = np.stack([describe(clip.samples) for clip in digits])
    speakers = [clip.speaker for clip in digits]
    answers = np.array([clip.transcript for clip in digits])
    folds = GroupKFold(len(set(speakers)))
    return float(
        (cross_val_predict(_classifier(), vectors, answers, groups=speakers, cv=folds) == answers).mean()
    )


def speaking_rate(clips: Sequence[Clip], describe: Describe) -> float:
    """Share of the variance of words a second that the probe explains, in speakers that it never saw."""
    spoken = [clip for clip in clips if clip.data_set == "an4_speech"]
    vectors = np.stack([describe(clip.samples) for clip in spoken])
    rates = np.array([len(clip.transcript.split()) / clip.seconds for clip in spoken])
    probe = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11)))
    speakers = [clip.speaker for clip in spoken]
    told = cross_val_predict(probe, vectors, rates, groups=speakers, cv=GroupKFold(10))
    return float(1 - ((told - rates) ** 2).sum() / ((rates - rates.mean()) ** 2).sum())


def probe(data: Path, encoder: AcousticEncoder) -> dict[str, Any]:
    """All figures, by task and description; chance is the share of the judges' most frequent answer."""
    clips = read_clips(data)
    found: dict[str, Any] = {}
    for task in tasks(clips):
        judged = np.array(task.answers)[task.judges]
        found[task.name] = {
            "judged": len(judged),
            "chance": float(np.unique(judged, return_counts=True)[1].max() / len(judged)),
            "accuracy": {name: accuracy(task, each) for name, each in descriptions(encoder).items()},
        }
    described = descriptions(encoder)
    found["digits, by speaker"] = {
        "judged": sum(clip.data_set == "fsdd" for clip in clips),
        "chance": 0.1,
        "accuracy": {name: digits_by_speaker(clips, each) for name, each in described.items()},
    }
    found["rate"] = {
        "judged": sum(clip.data_set == "an4_speech" for clip in clips),
        "chance": 0.0,
        "explained_variance": {name: speaking_rate(clips, each) for name, each in described.items()},
    }
    return found


def _classifier() -> Any:
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return GridSearchCV(probe, {"logisticregression__C": list(_STRENGTHS)}, cv=3)


def main() -> None:
    """Probe, print a table and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m training.acoustic.probe")
    default_data = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=default_data, help="folder of the recordings' data sets")
    parser.add_argument("--model", type=Path, default=PRETRAINED, help="folder of model.onnx")
    parser.add_argument("--out", type=Path, default=Path("build/bench/acoustic_probes.json"))
    options = parser.parse_args()
    figures = probe(options.data, AcousticEncoder(options.model))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    first = next(iter(figures.values()))
    table = Table("probe", "judged", "chance", *first["accuracy"])
    for name, entry in figures.items():
        values = entry.get("accuracy") or entry["explained_variance"]
        table.add_row(
            name, str(entry["judged"]), f"{entry['chance']:.3f}", *(f"{v:.3f}" for v in values.values())
        )
    Console().print(table)


if __name__ == "__main__":
    main()
