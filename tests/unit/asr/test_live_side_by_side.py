"""Several streams at a time, and readers that are slow."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
from numpy.typing import NDArray

from services.asr.listening import Event, Evidence, FinalWords, Input, Partial, Wishes
from services.asr.live import LiveHearing
from services.asr.model import SAMPLE_RATE
from services.inference.port import Tensors
from tests.fakes.hearing import Hearing, counted_words, sound, spoken
from tests.fakes.inference import FakeInference
from tests.harness.virtual_time import run_virtually

CLIENT_ENDS = Wishes(language="en", end_silence=None)


async def hear(live: LiveHearing, samples: NDArray[np.float32]) -> list[tuple[float, Event]]:
    loop = asyncio.get_running_loop()
    return [(loop.time(), event) async for event in live.hear(spoken(samples), CLIENT_ENDS)]


class OneAfterTheOther:
    """A model that takes one request after the other, as Triton does, 0.2 s each."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()
        self.waiting = self.most_waiting = 0

    async def __call__(self, inputs: Tensors) -> Tensors:
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            async with self._free:
                await asyncio.sleep(0.2)
        finally:
            self.waiting -= 1
        return counted_words(inputs)


def test_partial_words_of_others_hardly_delay_the_words_in_a_pause() -> None:
    model = OneAfterTheOther()
    live = Hearing(FakeInference({"asr_en": model}), most_streams=8).live()
    talker, pausing = sound((0.3, 0), (12.0, 0.5), (1.0, 0)), sound((3.0, 0), (2.0, 0.5), (1.5, 0))

    async def run() -> list[list[tuple[float, Event]]]:
        return await asyncio.gather(*(hear(live, talker) for _ in range(5)), hear(live, pausing))

    *talkers, told = run_virtually(run())
    settled = next(time for time, event in told if isinstance(event, Partial) and event.settled)
    assert settled < 5.0 + 0.15 + 0.2 + 0.2 + 0.05  # the pause, one decoding before it, and its own
    assert all(any(isinstance(event, Partial) for _, event in one) for one in talkers)
    assert all(isinstance(one[-1][1], FinalWords) for one in talkers)


def test_streams_never_hear_each_other() -> None:
    live = Hearing(most_streams=3).live()
    lengths = [0.9, 1.8, 2.7]

    async def run() -> list[list[tuple[float, Event]]]:
        return await asyncio.gather(*(hear(live, sound((0.5, 0), (s, 0.5), (1.0, 0))) for s in lengths))

    words = [next(e for _, e in told if isinstance(e, FinalWords)).words for told in run_virtually(run())]
    assert [abs(len(some) - seconds / 0.3) <= 1 for some, seconds in zip(words, lengths, strict=True)] == [
        True
    ] * 3


def test_what_nobody_reads_stops_the_hearing() -> None:
    taken = 0

    async def inputs() -> AsyncIterator[Input]:
        nonlocal taken
        async for given in spoken(np.tile(sound((0.9, 0.5), (0.1, 0)), 3_600)):
            taken += 1
            yield given

    async def run() -> None:
        stream = Hearing().live().hear(inputs(), CLIENT_ENDS)
        assert await anext(stream)
        await asyncio.sleep(600)
        assert taken < 60 * 50  # messages of 20 ms
        events = [await anext(stream) for _ in range(1_000)]
        assert isinstance(events[-1], Evidence | Partial)
        assert taken > 30 * 50
        await stream.aclose()

    run_virtually(run())


def test_ten_minutes_of_talk_keep_no_more_audio_than_one() -> None:
    hearing = Hearing()
    turns = np.tile(sound((1.0, 0), (2.0, 0.5)), 200)
    events = run_virtually(hearing.run(spoken(turns), Wishes(language="en", end_silence=0.5)))
    assert sum(isinstance(event, FinalWords) for event in events) == 200
    assert max(len(inputs["samples"]) for _, inputs in hearing.inference.calls) < 4 * SAMPLE_RATE
