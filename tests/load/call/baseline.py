"""The same recordings through a plain Pipecat pipeline, measured as our own calls are.

It runs in an environment of its own, which is made on first use. The answers are Frontdesk's own words to
each recording, handed over at no cost, so that both synthesise the same.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from tests.harness.suite import BUILD, ROOT
from tests.load.call import measuring
from tests.load.call.recordings import SAMPLE_RATE, Recording
from tests.load.call.summary import answered_figures

ENVIRONMENT = BUILD / "bench" / "pipecat-venv"
REQUIREMENTS = ROOT / "tests" / "load" / "pipecat" / "requirements.txt"
_UNANSWERED = "I am sorry, I did not understand that. Could you say it in other words?"


@dataclass(frozen=True, slots=True)
class BaselineCall:
    """One recording's call through Pipecat. Seconds."""

    recording: Recording
    first_audio: float | None
    cut_off: bool
    transcript: str


def ensure_environment() -> Path:
    """Make the baseline's environment where it lacks or is of other requirements; return its Python."""
    python, mark = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "requirements.txt"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if not (mark.is_file() and mark.read_text(encoding="utf-8") == wanted):
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run(
            [uv, "venv", "-q", "--clear", "--python", sys.executable, str(ENVIRONMENT)], check=True
        )
        install = [uv, "pip", "install", "-q", "--python", str(python), "-r", str(REQUIREMENTS)]
        subprocess.run(install, check=True)
        mark.write_text(wanted, encoding="utf-8")
    return python


def run(recordings: Sequence[Recording], answers: Mapping[str, str], folder: Path) -> Mapping[str, Any]:
    """Play all recordings, one call after the other, and return the figures; stereo files stay in ``folder``.

    ``answers`` has the words by the recording's name.
    """
    python = ensure_environment()
    folder.mkdir(parents=True, exist_ok=True)
    for recording in recordings:
        soundfile.write(folder / f"{recording.name}.wav", recording.samples, SAMPLE_RATE, subtype="PCM_16")
    planned = [{"name": each.name, "answer": answers.get(each.name) or _UNANSWERED} for each in recordings]
    (folder / "calls.json").write_text(json.dumps(planned, indent=2), encoding="utf-8")
    command = [str(python), "-m", "tests.load.pipecat", "--folder", str(folder), "--out", str(folder)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with (folder / "pipecat.log").open("w") as log:
        subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=log, check=True)
    report = json.loads((folder / "baseline.json").read_text(encoding="utf-8"))
    by_name = {recording.name: recording for recording in recordings}
    calls = [measured(by_name[call["name"]], call, folder) for call in report["calls"]]
    return {"settings": report["settings"], **answered_figures(calls)}


def measured(recording: Recording, call: Mapping[str, Any], folder: Path) -> BaselineCall:
    """Read one call's facts off its stereo file."""
    stereo, rate = soundfile.read(folder / f"{recording.name}.stereo.wav", dtype="float32")
    customer, answer = stereo[:, 0], stereo[:, 1]
    return BaselineCall(
        recording=recording,
        first_audio=measuring.first_audio(customer, answer, rate),
        cut_off=measuring.is_cut_off(call["turn_ends"], customer, rate),
        transcript=" ".join(call["transcripts"]),
    )
