"""One long call in real time: ``python -m tests.load.call.soak --minutes 60``; memory must stay flat.

A customer asks one question after the other, hears most answers to their end and interrupts every third.
Writes build/bench/soak.json; returns 1 where a process grew, or a question was not answered.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gateway.cli.call_coding import Samples
from gateway.cli.call_playback import Playback
from gateway.cli.call_player import PlayedCall
from gateway.client import FrontdeskClient
from services.local.suite import LocalSuite
from tests.harness.suite import BUILD, connect, running_suite
from tests.load.call import recordings
from tests.load.call.holding import hold, of_kind
from tests.load.call.spoken import spoken_by
from tests.load.memory import memory_mebibytes
from tests.load.report import write_report

_QUESTIONS = 12
_PAUSE_SECONDS = 2.0
_PATIENCE_SECONDS = 8.0
_INTERRUPT_EVERY, _INTERRUPT_AFTER_SECONDS = 3, 1.5
_EVERY_SECONDS = 30.0
_WARM_SHARE = 0.2
"""Of the call, until every model, cache and buffer was used."""
_MOST_GROWTH_MIB = 24.0


class Talking:
    """Asks question after question until the time is over."""

    def __init__(self, questions: Sequence[Samples], most_seconds: float) -> None:
        self._questions, self._most = questions, most_seconds
        self.asked = 0
        self._from = 0

    async def frame(self, start: int, count: int, playback: Playback) -> Samples | None:
        """The question's next samples; silence while the answer is heard and for a while after it."""
        rate = playback.sample_rate_hertz
        question = self._questions[self.asked % len(self._questions)]
        said = start - self._from
        if said >= len(question):
            if start >= self._most * rate:
                return None
            if self._may_ask(start / rate, (self._from + len(question)) / rate, playback):
                self.asked += 1
                self._from, said = start, 0
                question = self._questions[self.asked % len(self._questions)]
        spoken = question[said : said + count]
        return np.pad(spoken, (0, count - len(spoken)))

    def _may_ask(self, now: float, asked: float, playback: Playback) -> bool:
        if playback.ends < asked:
            return now - asked >= _PATIENCE_SECONDS
        position = playback.position(now)
        if self.asked % _INTERRUPT_EVERY == 2 and position and position[1] >= _INTERRUPT_AFTER_SECONDS:
            return True
        return now - playback.ends >= _PAUSE_SECONDS


async def soak(
    suite: LocalSuite, client: FrontdeskClient, questions: Sequence[Samples], seconds: float
) -> tuple[PlayedCall, int, list[dict[str, float]]]:
    """Hold the call; return it, the number of questions, and each process's memory in MiB by time."""
    talking = Talking(questions, seconds)
    memory = []

    async def watch() -> None:
        while True:
            memory.append(await asyncio.to_thread(memory_mebibytes, suite))
            await asyncio.sleep(_EVERY_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        played = await hold(client, talking, timeout_seconds=seconds + 120)
    finally:
        watching.cancel()
    memory.append(memory_mebibytes(suite))
    return played, talking.asked + 1, memory


def growth(memory: Sequence[dict[str, float]]) -> dict[str, float]:
    """MiB by process, from the median of a middle third to that of the last third of the warm time."""
    warm = memory[int(len(memory) * _WARM_SHARE) :]
    third = max(1, len(warm) // 3)
    return {
        name: round(
            float(
                np.median([each[name] for each in warm[-third:]])
                - np.median([each[name] for each in warm[:third]])
            ),
            1,
        )
        for name in memory[0]
    }


def main() -> int:
    """Hold the call, write the report and judge it."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.call.soak")
    parser.add_argument("--minutes", type=float, default=60.0)
    seconds = 60 * parser.parse_args().minutes
    with TemporaryDirectory() as folder, running_suite(Path(folder)) as suite, connect(suite) as client:
        cache = recordings.SpokenCache(BUILD / "bench" / "call" / "spoken", spoken_by(client))
        questions = [each.samples for each in recordings.questions(cache, _QUESTIONS)]
        played, asked, memory = asyncio.run(soak(suite, client, questions, seconds))
    grown = growth(memory)
    turns = len(of_kind(played, "turn_completed"))
    write_report(
        "soak",
        {
            "minutes": round(seconds / 60, 1),
            "questions": asked,
            "turns_completed": turns,
            "playback_stops": len(of_kind(played, "playback_stop")),
            "client_lateness_ms": round(1000 * played.lateness_seconds, 1),
            "growth_mib": grown,
            "memory_mib_at_end": memory[-1],
            "failed": str(played.error or ""),
        },
    )
    flat = all(each <= _MOST_GROWTH_MIB for each in grown.values())
    return 0 if flat and not played.error and turns >= 0.9 * asked - 1 else 1


if __name__ == "__main__":
    sys.exit(main())
