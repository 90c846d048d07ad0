"""``python -m tests.load.turn_taking --data DIR``: how soon and how surely the end of a turn is told.

Labelled turns are made of AN4's recordings (``an4_speech``, github.com/cmusphinx/an4) and spoken
in real time to ``StreamingRecognize`` (the asr service before a real Triton); what it says, and when,
is kept in build/bench/turn_taking. Decisions are then replayed over many settings. Half of the
speakers serve to tune the defaults (``--tune``), the figures are of the other half.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from frontdesk.asr.v1 import asr_pb2_grpc
from rich.console import Console

from gateway.clients.live_asr import LiveAsrClient
from gateway.clock import SystemClock
from gateway.turn.hearing import Heard, HearingInput, StreamFormat
from gateway.turn.turn_end import TurnEndModel
from gateway.turn.turn_taking import TurnTaking
from services.asr.composition import asr_servicer
from services.asr.model import ASR_EN
from services.asr.settings import AsrSettings
from services.inference.client import TritonClient
from services.serving.identity import Caller, set_caller
from services.serving.server import Registration
from services.triton.local_server import LocalTriton
from tests.harness.grpc_server import Served, serving
from tests.harness.suite import BUILD
from tests.harness.triton import free_ports
from tests.load.report import FOLDER, write_report
from tests.load.turn_taking.curve import curves, cutoff_at_p50, draw, p50_at_cutoff
from tests.load.turn_taking.evidence import HeardTurn, load, record_all, save
from tests.load.turn_taking.punctual import Speed, punctual
from tests.load.turn_taking.recordings import SHORT_PAUSE_SECONDS, Turn, labelled_turns
from tests.load.turn_taking.replay import by_all, figures, outcomes
from tests.load.turn_taking.tuning import search

CUTOFF_RATE = 5.0
P50_MS = 450.0


class _Recognizer:
    """The client of a served asr, with a fresh credential for each stream."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._client = LiveAsrClient(served.bare_channel)

    def listen(
        self,
        audio: AsyncIterator[HearingInput],
        stream_format: StreamFormat,
        *,
        include_acoustic_features: bool = False,
    ) -> AsyncGenerator[Heard]:
        (_, credential), *_ = self._served.metadata()
        set_caller(Caller("demo", "gateway", token=credential.removeprefix("Bearer ")))
        return self._client.listen(audio, stream_format, include_acoustic_features=include_acoustic_features)


async def hear(turns: Sequence[Turn], at_once: int, stretch: float) -> list[HeardTurn]:
    """Speak all turns to a real ``StreamingRecognize``."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "triton.log"
        with LocalTriton(
            BUILD / "model_repository", log_file=log, models=[ASR_EN.name], **free_ports()
        ) as triton:
            client = TritonClient(triton.url)
            key_file = Path(folder) / "unused.pem"  # ``serving`` has keys of its own
            settings = AsrSettings(token_public_key_file=key_file, triton_url=triton.url, max_streams=at_once)
            registration = Registration(
                "frontdesk.asr.v1.AsrService",
                asr_pb2_grpc.add_AsrServiceServicer_to_server,
                asr_servicer(settings, client),
            )
            async with serving([registration]) as served:
                heard = await record_all(_Recognizer(served), SystemClock(), turns, at_once, stretch)
            await client.close()
    return heard


def halves(turns: Sequence[HeardTurn]) -> tuple[list[HeardTurn], list[HeardTurn]]:
    """Every other speaker: to tune on, and to report."""
    speakers = sorted({turn.speaker for turn in turns})
    tuning = set(speakers[::2])
    return [turn for turn in turns if turn.speaker in tuning], [
        turn for turn in turns if turn.speaker not in tuning
    ]


def report(turns: Sequence[HeardTurn]) -> dict[str, Any]:
    """The figures of some turns by the defaults, and what the curves say; draws them."""
    settings = TurnTaking()
    short = [turn for turn in turns if turn.pause <= SHORT_PAUSE_SECONDS]
    groups = {f"pauses up to {SHORT_PAUSE_SECONDS:g} s": short, "pauses up to 1.5 s": list(turns)}
    ways = {title: curves(group, settings) for title, group in groups.items()}
    draw(ways, FOLDER / "turn_taking" / "curve.png")
    told: dict[str, Any] = {}
    for title, group in groups.items():
        told[title] = {"defaults": figures(outcomes(group, by_all(settings)))}
        for way, points in ways[title].items():
            told[title][way] = {
                f"p50_ms at {CUTOFF_RATE:g} % cut off": p50_at_cutoff(points, CUTOFF_RATE),
                f"cutoff_rate at p50 {P50_MS:g} ms": cutoff_at_p50(points, P50_MS),
            }
    kinds = sorted({turn.kind for turn in turns})
    told["defaults by kind"] = {
        kind: figures(outcomes([turn for turn in turns if turn.kind is kind], by_all(settings)))
        for kind in kinds
    }
    (FOLDER / "turn_taking" / "curves.json").write_text(json.dumps(ways, indent=2))
    return told


def main() -> None:
    """Hear what was not heard before, replay, and write build/bench/turn_taking.json and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FRONTDESK_DATA", "../shared/data")))
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--at-once", type=int, default=2, help="turns that are spoken at the same time")
    parser.add_argument(
        "--stretch",
        type=float,
        default=1.0,
        help="speak so many times slower, on a machine that is busy; "
        "words and probabilities then count as known after --words-ms and --sound-ms",
    )
    parser.add_argument("--words-ms", type=float, default=150.0)
    parser.add_argument("--sound-ms", type=float, default=50.0)
    parser.add_argument("--turns", type=int, default=0, help="only so many of the set")
    parser.add_argument("--again", action="store_true", help="hear all anew, whatever is kept")
    parser.add_argument("--tune", type=int, default=0, help="try so many settings on the tuning half")
    arguments = parser.parse_args()

    name = f"evidence-{arguments.seed}-{arguments.turns}-{arguments.stretch:g}.jsonl"
    kept = FOLDER / "turn_taking" / name
    if arguments.again or not kept.is_file():
        turns = labelled_turns(arguments.data / "an4_speech", arguments.seed)
        chosen = turns[: arguments.turns or None]
        save(asyncio.run(hear(chosen, arguments.at_once, arguments.stretch)), kept)
    heard = load(kept)
    if arguments.stretch > 1:
        speed = Speed(words=arguments.words_ms / 1000, sound=arguments.sound_ms / 1000)
        heard = [punctual(turn, speed) for turn in heard]
    tuned_on, reported = halves(heard)
    if arguments.tune:
        best = search(tuned_on, arguments.tune, arguments.seed)
        Console().print("best on the tuning half:", best.found, best.settings, best.model)
        Console().print(
            "the same on the other:", figures(outcomes(reported, by_all(best.settings, best.model)))
        )
        return
    defaults = {
        name: value.total_seconds() if hasattr(value, "total_seconds") else value
        for name, value in asdict(TurnTaking()).items()
    }
    write_report(
        "turn_taking",
        {
            "seed": arguments.seed,
            "spoken": "in real time"
            if arguments.stretch <= 1
            else f"{arguments.stretch:g} times slower; words known after {arguments.words_ms:g} ms, "
            f"the probability after {arguments.sound_ms:g} ms",
            "settings": defaults,
            "model": asdict(TurnEndModel()),
            "tuned on": figures(outcomes(tuned_on, by_all(TurnTaking()))),
            **report(reported),
        },
    )


if __name__ == "__main__":
    main()
