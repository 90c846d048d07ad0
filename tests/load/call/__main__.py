"""The figures of live calls: ``python -m tests.load.call``, on a machine that does nothing else.

Recordings are played in real time to a suite of its own (a real Triton, real models), and to a plain Pipecat
pipeline in its own environment; both are measured on the stereo recordings. Speech is not cached, so that
each answer is synthesised anew. Writes build/bench/call.json; the recordings stay in build/bench/call.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile
from rich.console import Console

from gateway.client import FrontdeskClient
from tests.harness.suite import BUILD, connect, running_suite
from tests.load.call import baseline, capacity, interrupting, recordings, streaming_wer
from tests.load.call.holding import Asked, ask_all
from tests.load.call.recordings import SAMPLE_RATE
from tests.load.call.spoken import spoken_by
from tests.load.call.summary import answered_figures, times
from tests.load.report import write_report

FOLDER = BUILD / "bench" / "call"
_MOST_CALLS = 12
"""More than two cores hold; the search for the capacity is not to be refused."""


def main() -> None:
    """Measure all, or the parts that are named, and write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.call")
    data = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data, help="folder of an4_speech")
    parser.add_argument("--share", type=float, default=1.0, help="of the recordings, for a quick look")
    arguments = parser.parse_args()
    if not (arguments.data / "an4_speech").is_dir():
        sys.exit(f"{arguments.data}/an4_speech is not there: name the data folder with --data")
    bench = Bench(arguments.data, arguments.share)
    figures = bench.run()
    write_report("call", figures)


class Bench:
    """All parts in order; says how long each took."""

    def __init__(self, data: Path, share: float) -> None:
        self._data, self._share = data, share
        self._console = Console(stderr=True)
        self._seconds: dict[str, float] = {}

    def run(self) -> Mapping[str, Any]:
        """The whole report."""
        load = os.getloadavg()[0]
        with self._timed("asking, capacity, word error rate"), _suite(_MOST_CALLS) as client:
            asked, levels = self._ask(client)
            wer = streaming_wer.run(client, self._data, self._count(44))
        calls = capacity.greatest(_held(levels))
        with self._timed("interruptions and echo"), _suite(max(calls, 1)) as client:
            questions = [
                each.recording.words for each in asked if each.recording.kind == recordings.Kind.QUESTION
            ]
            refusal = asyncio.run(capacity.refusal(client, max(calls, 1)))
            barge_in, echo = asyncio.run(self._interrupt(client, questions, lanes=min(max(calls, 1), 4)))
        with self._timed("pipecat"):
            played = [call.recording for call in asked]
            pipecat = baseline.run(played, {c.recording.name: c.answer for c in asked}, FOLDER / "pipecat")
        ours = self._ours(asked)
        return {
            **headline(ours, pipecat, barge_in, wer, calls),
            "load_before": round(load, 2),
            "seconds": self._seconds,
            "frontdesk": ours,
            "pipecat": pipecat,
            "levels": {str(lanes): level for lanes, level in sorted(levels.items())},
            "call_beyond_capacity": refusal,
            "barge_in": barge_in,
            "echo": echo,
            "wer": wer,
        }

    def _ask(self, client: FrontdeskClient) -> tuple[list[Asked], dict[int, Mapping[str, Any]]]:
        """Every recording once, one call at a time; then questions at more and more calls."""
        spoken = recordings.SpokenCache(FOLDER / "spoken", spoken_by(client))
        questions = recordings.questions(spoken, self._count(20))
        chosen = [
            *recordings.commands(self._data, self._count(12)),
            *questions[: self._count(12)],
            *recordings.two_sentences(spoken, self._count(8)),
            *recordings.real_pairs(self._data, self._count(8)),
        ]
        asyncio.run(ask_all(client, [*questions[-2:], *chosen[:1]], lanes=1))  # warms up what is lazy
        asked = asyncio.run(ask_all(client, chosen, lanes=1))
        _save(FOLDER / "frontdesk", asked)
        alone = [call for call in asked if call.recording.kind == recordings.Kind.QUESTION]
        levels: dict[int, Mapping[str, Any]] = {1: capacity.figures(alone)}
        while (lanes := capacity.next_level(_held(levels))) is not None and lanes <= _MOST_CALLS:
            levels[lanes] = asyncio.run(capacity.measure(client, questions, lanes))
        return asked, levels

    async def _interrupt(
        self, client: FrontdeskClient, questions: Sequence[str], lanes: int
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        real = recordings.interruptions(self._data, self._count(15))
        stop = await interrupting.barge_in(client, real, questions)
        return stop, await interrupting.echo(client, questions, self._count(52), lanes)

    @staticmethod
    def _ours(asked: Sequence[Asked]) -> Mapping[str, Any]:
        return {
            **answered_figures(asked),
            "first_partial": times([call.first_partial for call in asked if call.first_partial is not None]),
            "final_after_end_of_turn": times([c.final_delay for c in asked if c.final_delay is not None]),
            "silence": times([call.silence for call in asked if call.silence is not None]),
            "anticipated_share": round(float(np.mean([call.anticipated for call in asked])), 3),
            "failed": sorted({call.error for call in asked if call.error}),
        }

    def _count(self, whole: int) -> int:
        return max(2, round(whole * self._share))

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        self._console.rule(part)
        began = time.perf_counter()
        yield
        self._seconds[part] = round(time.perf_counter() - began, 1)


def headline(
    ours: Mapping[str, Any],
    pipecat: Mapping[str, Any],
    barge_in: Mapping[str, Any],
    wer: Mapping[str, Any],
    calls: int,
) -> Mapping[str, Any]:
    """The figures by which a call is judged."""
    p50, theirs = ours["first_audio"]["p50_ms"], pipecat["first_audio"]["p50_ms"]
    return {
        "first_audio_p50_ms": p50,
        "first_audio_p95_ms": ours["first_audio"]["p95_ms"],
        "pipecat_first_audio_p50_ms": theirs,
        "share_of_pipecat": round(p50 / theirs, 3) if p50 and theirs else None,
        "cutoff_rate": ours["cutoff_rate"],
        "pipecat_cutoff_rate": pipecat["cutoff_rate"],
        "barge_in_p95_ms": barge_in["stop"]["p95_ms"],
        "wer_streaming": wer.get("wer_streaming"),
        "wer_whole": wer.get("wer_whole"),
        "capacity_calls": calls,
    }


@contextmanager
def _suite(max_calls: int) -> Iterator[FrontdeskClient]:
    """A suite without a cache of speech that holds so many calls, and a client of it."""
    settings = {
        "FRONTDESK_TTS_CACHE_MAX_BYTES": "0",
        "FRONTDESK_GATEWAY_MAX_CALLS": str(max_calls),
        "FRONTDESK_ASR_MAX_STREAMS": str(_MOST_CALLS),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        with TemporaryDirectory() as folder, running_suite(Path(folder)) as suite, connect(suite) as client:
            yield client
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _held(levels: Mapping[int, Mapping[str, Any]]) -> dict[int, bool]:
    return {lanes: capacity.holds(level) for lanes, level in levels.items()}


def _save(folder: Path, asked: Sequence[Asked]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for call in asked:
        stereo = np.stack([call.played.customer, call.played.frontdesk], axis=1)
        soundfile.write(folder / f"{call.recording.name}.wav", stereo, SAMPLE_RATE, subtype="PCM_16")


if __name__ == "__main__":
    main()
