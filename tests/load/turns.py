"""How fast a turn is: ``python -m tests.load.turns``.

Starts a suite of its own, takes text and voice turns one after the other as a
client, and writes build/bench/turns.json. Times are
the client's: from sending the request to the arrival of the event.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.telephone import SAMPLE_RATE_HERTZ, over_the_telephone
from gateway.client import FrontdeskClient
from tests.harness.suite import ROOT, connect, running_suite
from tests.load.report import percentiles, write_report

CUSTOMER_VOICE = "am_michael"
WARM_UP_TURNS = 10
TEXT_TURNS = 100
VOICE_TURNS = 30


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from sending the request, None where the event did not come."""

    first_text: float | None
    first_audio: float | None
    total: float
    own: float
    """Of the total, what no call to a service explains."""


def take(
    client: FrontdeskClient,
    text: str = "",
    audio: bytes | None = None,
    *,
    images: Sequence[bytes] = (),
    speak: bool,
    language: str = "",
) -> Times:
    """Take one turn and time its events."""
    started = time.perf_counter()
    first_text = first_audio = None
    last: conversation_pb2.HandleTurnResponse | None = None
    for event in client.handle_turn(
        text=text, audio=audio, images=images, answer_audio=speak, language=language
    ):
        kind = event.WhichOneof("event")
        if kind == "answer_text" and first_text is None:
            first_text = time.perf_counter() - started
        if kind == "answer_audio" and first_audio is None:
            first_audio = time.perf_counter() - started
        last = event
    assert last is not None
    gateway_total = last.event_offset.ToTimedelta().total_seconds()
    called = _union(
        (timing.start_offset.ToTimedelta().total_seconds(), timing.duration.ToTimedelta().total_seconds())
        for timing in last.turn_completed.timings
        if timing.stage != conversation_pb2.STAGE_STORE
    )
    return Times(first_text, first_audio, time.perf_counter() - started, gateway_total - called)


def _union(intervals: Iterator[tuple[float, float]]) -> float:
    """Total length that the intervals (start, duration) cover."""
    covered = end = 0.0
    for start, duration in sorted(intervals):
        covered += max(0.0, start + duration - max(start, end))
        end = max(end, start + duration)
    return covered


def utterances(client: FrontdeskClient, questions: Sequence[str], count: int) -> list[bytes]:
    """Spoken questions of 3 to 5 s over the telephone, in another voice than Frontdesk's."""
    found: list[bytes] = []
    for question in questions:
        said = client.synthesize(
            question,
            voice=CUSTOMER_VOICE,
            audio_format=tts_pb2.OutputFormat(sample_rate_hertz=SAMPLE_RATE_HERTZ),
        )
        if 3.0 <= said.audio_duration.ToTimedelta().total_seconds() <= 5.0:
            found.append(over_the_telephone(said.audio))
        if len(found) == count:
            break
    return found


def main() -> None:
    """Measure and write the report."""
    questions = yaml.safe_load((ROOT / "domains/shop/evaluation.yaml").read_text())["questions"]
    english = [row["question"] for row in questions if row["language"] == "en" and row.get("passage")]
    mandarin = [row["question"] for row in questions if row["language"] == "zh" and row.get("passage")]
    with TemporaryDirectory() as folder, running_suite(Path(folder)) as suite, connect(suite) as client:
        spoken = utterances(client, english, VOICE_TURNS)
        for text in islice(cycle(english), WARM_UP_TURNS):
            take(client, text, speak=True)
        for audio in spoken[:3]:
            take(client, audio=audio, speak=True)
        texts = [take(client, text, speak=False) for text in islice(cycle([*english, *mandarin]), TEXT_TURNS)]
        voiced = {
            "voice_en": [take(client, audio=audio, speak=True, language="en") for audio in spoken],
            "voice_detected": [take(client, audio=audio, speak=True) for audio in spoken[: VOICE_TURNS // 2]],
            "text_zh_spoken": [take(client, text, speak=True) for text in mandarin[: VOICE_TURNS // 2]],
        }
        write_report(
            "turns",
            {
                "text": {
                    "first_text": percentiles([t.first_text for t in texts if t.first_text is not None]),
                    "own": percentiles([t.own for t in texts]),
                },
                **{
                    name: {
                        "first_audio": percentiles(
                            [t.first_audio for t in times if t.first_audio is not None]
                        ),
                        "total": percentiles([t.total for t in times]),
                        "own": percentiles([t.own for t in times]),
                    }
                    for name, times in voiced.items()
                },
            },
        )


if __name__ == "__main__":
    main()
