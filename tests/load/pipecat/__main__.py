"""``python -m tests.load.pipecat``, in its own environment: the baseline over a folder of recordings.

Reads ``calls.json`` in the folder: a list of {"name", "answer"}, each with the recording ``<name>.wav``
(mono, 16 kHz, LINEAR16). Leaves ``<name>.stereo.wav`` and ``baseline.json`` in --out, for
``tests.load.call.measuring``, which measures both systems alike.
"""

import argparse
import asyncio
import json
import sys
import wave
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from hibari import Hibari
from loguru import logger
from numpy.typing import NDArray
from pipecat.pipeline.worker import PipelineWorker
from pipecat.workers.runner import WorkerRunner

from tests.load.pipecat.line import SAMPLE_RATE, Line
from tests.load.pipecat.pipeline import BaselineSettings, KnownAnswer, build

_ENOUGH_SECONDS = 0.5
"""Of the answer, behind the recording's end: its first sound is in it."""


def read(path: Path) -> NDArray[np.int16]:
    """Samples of a mono 16 kHz LINEAR16 WAV."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2), path
        return np.frombuffer(file.readframes(file.getnframes()), np.int16)


def write(path: Path, samples: NDArray[np.int16]) -> None:
    """A stereo WAV of (samples, 2)."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(samples.tobytes())


async def call(
    samples: NDArray[np.int16],
    answer: str,
    whisper: WhisperModel,
    speech: Hibari,
    *,
    settings: BaselineSettings,
    listen_seconds: float,
) -> tuple[Line, KnownAnswer]:
    """Play one recording; listen until its answer has sounded for a moment, or for ``listen_seconds``."""
    line = Line(samples)
    known = KnownAnswer(answer, lambda: line.recording.now)
    worker = PipelineWorker(build(line, known, whisper, speech, settings), enable_rtvi=False)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    async def hang_up() -> None:
        spoken = len(samples) / SAMPLE_RATE
        while line.recording.now < spoken or line.recording.sounded_after(spoken) < _ENOUGH_SECONDS:
            if line.recording.now > spoken + listen_seconds:
                break
            await asyncio.sleep(0.05)
        await worker.cancel()

    await asyncio.gather(runner.run(), hang_up())
    return line, known


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """All calls, one after the other; the first one twice, since it loads what is loaded lazily."""
    settings = BaselineSettings()
    whisper = WhisperModel(str(arguments.whisper), device="cpu", compute_type=settings.compute_type)
    speech = Hibari()
    list(speech.stream("Good morning."))
    calls = json.loads((arguments.folder / "calls.json").read_text())
    reports = []
    for index, planned in enumerate([calls[0], *calls]):
        samples = read(arguments.folder / f"{planned['name']}.wav")
        line, known = await call(
            samples,
            planned["answer"],
            whisper,
            speech,
            settings=settings,
            listen_seconds=arguments.listen_seconds,
        )
        if index:
            write(arguments.out / f"{planned['name']}.stereo.wav", line.recording.stereo(samples))
            transcripts = [text for _, text in known.transcripts]
            reports.append(
                {"name": planned["name"], "turn_ends": known.turn_ends, "transcripts": transcripts}
            )
    return {"settings": asdict(settings), "calls": reports}


def main() -> None:
    """Play all and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--whisper", type=Path, default=Path("build/weights/asr_en"))
    parser.add_argument("--listen-seconds", type=float, default=4.0)
    arguments = parser.parse_args()
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = asyncio.run(run(arguments))
    (arguments.out / "baseline.json").write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
