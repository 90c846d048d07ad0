"""``python -m training.evaluate.echo --data DIR``: what the echo canceller leaves of echoes and of speakers.

Answers are spoken by the exported English voice (hibari) and come back at -20 dB after 0 to 0.4 s, every
second time through 8 kHz µ-law, with noise at -80 dBFS. An echo is heard where Silero VAD finds speech by the
service's own rules. Speakers are clips of AN4 (`an4_speech`, github.com/cmusphinx/an4), laid over the answer
after 1 to 4 s of it, with the echo and without any; how much later (or earlier) speech begins is against the
same speaker without answer and echo.
"""

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from hibari import Hibari
from numpy.typing import NDArray

from services.asr.audio import Encoding
from services.asr.echo import EchoCanceller
from services.asr.speech import Span, SpeechRules, find_speech
from services.asr.stream_audio import StreamDecoder
from services.asr.vad import FRAME_SAMPLES, SileroVad
from training.evaluate.asr import clips, telephone

_RATE = 16_000
_MESSAGE = _RATE // 50
_ECHO_DB = -20.0
_ANSWERS = (
    "Your order left our warehouse on Tuesday and should arrive within two working days.",
    "You can return any item within thirty days, as long as it is unused and in its original box.",
    "I am sorry to hear that your lamp arrived broken. Could you tell me the order number, please?",
    "We accept all major credit cards, bank transfers, and payment by invoice for business customers.",
    "The blue backpack costs forty nine dollars and ninety cents, and it is in stock in our Boston store.",
    "To reset the router, hold the small button on the back for ten seconds until the light turns green.",
    "Shipping is free for orders above fifty dollars; otherwise it costs four dollars and ninety cents.",
    "Our shops are open from nine in the morning to eight in the evening, Monday to Saturday.",
)

Samples = NDArray[np.float32]


def spoken() -> list[Samples]:
    """The answers, at 16 kHz."""
    voice = Hibari()
    return [
        soxr.resample(np.concatenate([np.ravel(piece) for piece in voice.stream(text)]), 24_000, _RATE)
        for text in _ANSWERS
    ]


def by_telephone(samples: Samples) -> Samples:
    """As heard through 8 kHz µ-law."""
    line = StreamDecoder(Encoding.MULAW, 8_000)
    coded, _ = telephone(samples)
    return np.concatenate([*(line.decode(coded[at : at + 160]) for at in range(0, len(coded), 160))])


def cancelled(played: Samples, heard: Samples) -> Samples:
    """What the canceller leaves, fed with messages of 20 ms."""
    canceller = EchoCanceller()
    pieces = []
    for at in range(0, len(heard), _MESSAGE):
        canceller.played(played[at : at + _MESSAGE])
        pieces.append(canceller.cancel(heard[at : at + _MESSAGE]))
    return np.concatenate(pieces)


@dataclass(frozen=True)
class Scene:
    """An answer that is played, the same time of the customer's channel, and the customer alone in it."""

    played: Samples
    heard: Samples
    alone: Samples


def scene(random: np.random.Generator, answers: list[Samples], *, said: Samples, echo_db: float) -> Scene:
    """Two answers after 0.2 s, with their echo, and ``said`` (may be empty) over them."""
    first = int(random.integers(len(answers)))
    silence = np.zeros(_RATE // 5, np.float32)
    played = np.concatenate([silence, answers[first], answers[(first + 1) % len(answers)]])
    played = np.pad(played, (0, -len(played) % _MESSAGE + _RATE // _MESSAGE * _MESSAGE))
    alone = random.normal(scale=1e-4, size=len(played)).astype(np.float32)
    at = int(random.uniform(1.0, 4.0) * _RATE)
    said = said[: len(played) - at]
    alone[at : at + len(said)] += said
    delay = int(random.uniform(0.0, 0.4) * _RATE)
    echo = np.pad(played, (delay, 0))[: len(played)] * np.float32(10 ** (echo_db / 20))
    if random.integers(2):
        return Scene(played, by_telephone(alone + echo), by_telephone(alone))
    return Scene(played, alone + echo, alone)


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.echo", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--weights", type=Path, default=Path("build/weights"))
    parser.add_argument("--count", type=int, default=50, help="scenes of each kind")
    parser.add_argument("--seed", type=int, default=1001)
    parser.add_argument("--out", type=Path, default=Path("build/bench/echo.json"))
    arguments = parser.parse_args()
    vad = SileroVad(arguments.weights / "vad" / "silero_vad_16k_sequence.onnx")
    random = np.random.default_rng(arguments.seed)
    answers, people = spoken(), [clip.samples for clip in clips(arguments.data / "an4_speech")]
    nobody = np.zeros(0, np.float32)

    def speech(samples: Samples) -> tuple[Span, ...]:
        return find_speech(vad(samples), FRAME_SAMPLES / _RATE, SpeechRules())

    untreated = treated = 0
    seconds = cost = 0.0
    for _ in range(arguments.count):
        one = scene(random, answers, said=nobody, echo_db=_ECHO_DB)
        begin = time.thread_time()
        left = cancelled(one.played, one.heard)
        cost += time.thread_time() - begin
        seconds += len(one.heard) / _RATE
        untreated += bool(speech(one.heard))
        treated += bool(speech(left))
    report: dict[str, object] = {
        "scenes": arguments.count,
        "echo_heard_as_speech": treated,
        "without_canceller": untreated,
        "cpu_ms_a_second": round(1e3 * cost / seconds, 1),
    }
    for name, level in (("over_echo", _ECHO_DB), ("without_echo", -200.0)):
        later: list[float] = []
        unheard = 0
        for _ in range(arguments.count):
            said = people[int(random.integers(len(people)))]
            one = scene(random, answers, said=said, echo_db=level)
            expected, found = speech(one.alone), speech(cancelled(one.played, one.heard))
            if expected and found:
                later.append(found[0].begin - expected[0].begin)
            unheard += bool(expected and not found)
        report[name] = {
            "speakers_unheard": unheard,
            "begin_later_ms": [round(1e3 * float(np.percentile(later, part))) for part in (0, 50, 95, 100)],
            "within_100_ms": round(float(np.mean(np.abs(later) <= 0.1)), 3),
        }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
