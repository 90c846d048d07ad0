"""``python -m training.evaluate.end_of_turn --data DIR``: how well the end-of-turn model advises.

On all clips of AN4 (`an4_speech`, github.com/cmusphinx/an4), by Silero VAD:

- whole: the clip up to its last voiced frame, then silence: the speaker has finished;
- broken: clips of more than a second of speech, cut where it is quietest between 30 % and 70 % of it, then
  silence: the speaker has not;
- paused: the clip up to a pause within it that lasts as long as that silence: the speaker has not.

The silence is the clip's own quietest 0.1 s, repeated. Says how many of each were told rightly at 0.5, and
the time of a call on one thread.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.asr.end_of_turn import EndOfTurnModel
from services.asr.vad import FRAME_SAMPLES, SileroVad
from training.evaluate.asr import clips

_RATE = 16_000
_VOICED, _UNVOICED = 0.5, 0.35
_QUIET = _RATE // 10


def examples(
    samples: NDArray[np.float32], voice: NDArray[np.float32], silence_seconds: float
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Whole, broken and paused turns of one clip, given the probability of speech of its frames."""
    voiced = np.flatnonzero(voice >= _VOICED)
    if not len(voiced):
        return
    begin, end = voiced[0] * FRAME_SAMPLES, (voiced[-1] + 1) * FRAME_SAMPLES
    energy = np.convolve(samples**2, np.ones(_QUIET), "valid")
    quietest = samples[int(np.argmin(energy)) :][:_QUIET]
    silence = np.resize(quietest, round(silence_seconds * _RATE))
    yield "whole", np.concatenate([samples[:end], silence])
    if end - begin > _RATE:
        loudness = np.convolve(samples**2, np.ones(480), "same")
        first, last = (begin + int(part * (end - begin)) for part in (0.3, 0.7))
        cut = first + int(np.argmin(loudness[first:last]))
        yield "broken", np.concatenate([samples[:cut], silence])
    run = 0
    for frame in range(voiced[0], voiced[-1]):
        run = run + 1 if voice[frame] < _UNVOICED else 0
        if run == round(silence_seconds * _RATE / FRAME_SAMPLES):
            yield "paused", samples[: (frame + 1) * FRAME_SAMPLES]


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.end_of_turn", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--weights", type=Path, default=Path("build/weights"))
    parser.add_argument("--silence", type=float, nargs="+", default=[0.1, 0.2, 0.3], help="seconds")
    parser.add_argument("--out", type=Path, default=Path("build/bench/end_of_turn.json"))
    arguments = parser.parse_args()
    model = EndOfTurnModel(arguments.weights / "end_of_turn" / "smart_turn_cpu.onnx")
    vad = SileroVad(arguments.weights / "vad" / "silero_vad_16k_sequence.onnx")
    heard = [(clip.samples, vad(clip.samples)) for clip in clips(arguments.data / "an4_speech")]
    seconds: list[float] = []
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for silence in arguments.silence:
        told: dict[str, list[bool]] = {}
        for samples, voice in heard:
            for kind, turn in examples(samples, voice, silence):
                begin = time.thread_time()
                over = model(turn) >= 0.5
                seconds.append(time.thread_time() - begin)
                told.setdefault(kind, []).append(over == (kind == "whole"))
        figures[f"after {silence:g} s"] = {
            kind: {"count": len(right), "right": round(float(np.mean(right)), 3)}
            for kind, right in told.items()
        }
    report = {"cpu_ms_a_call": round(1e3 * float(np.median(seconds)), 1), **figures}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
