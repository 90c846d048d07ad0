"""What is told of a stream, and when, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pytest

from services.asr.listening import (
    Event,
    Evidence,
    FinalWords,
    Input,
    ListeningRules,
    Partial,
    Played,
    Started,
    Wishes,
)
from services.asr.model import SAMPLE_RATE
from services.inference.port import Tensors
from services.serving.errors import ResourceExhausted, Unavailable
from tests.fakes.hearing import DECODING_SECONDS, Hearing, counted_words, sound, spoken
from tests.fakes.inference import FakeInference
from tests.harness.virtual_time import run_virtually

CLIENT_ENDS = Wishes(language="en", end_silence=None)
Kind = TypeVar("Kind", Started, Partial, Evidence, FinalWords)


def only(kind: type[Kind], events: list[Event]) -> list[Kind]:
    return [event for event in events if isinstance(event, kind)]


def times(hearing: Hearing, kind: type[Kind]) -> list[float]:
    return [time for time, event in hearing.heard if isinstance(event, kind)]


def test_an_utterance_is_told_from_its_start_to_its_final() -> None:
    hearing = Hearing()
    events = run_virtually(hearing.run(spoken(sound((1.0, 0), (1.5, 0.5), (1.5, 0)))))
    assert [e.start for e in only(Started, events)] == [pytest.approx(1.0, abs=0.04)]
    (final,) = only(FinalWords, events)
    assert final.transcript == "w1 w2 w3 w4 w5"
    assert final.start == pytest.approx(1.0, abs=0.04)
    assert final.end == pytest.approx(2.5, abs=0.04)
    assert final.language == "en"
    assert final.model == "asr_en@1"
    assert times(hearing, FinalWords) == [pytest.approx(2.5 + 0.8, abs=0.1)]


def test_the_first_partial_comes_within_half_a_second() -> None:
    hearing = Hearing()
    run_virtually(hearing.run(spoken(sound((1.0, 0), (3.0, 0.5), (1.0, 0)))))
    assert 1.2 < times(hearing, Partial)[0] <= 1.5


def test_words_never_change_once_stable_and_settled_ones_are_the_finals() -> None:
    hearing = Hearing()
    events = run_virtually(
        hearing.run(spoken(sound((0.5, 0), (4.0, 0.5), (0.5, 0)), ends_at=[5.0]), CLIENT_ENDS)
    )
    partials, (final,) = only(Partial, events), only(FinalWords, events)
    assert max(p.stable for p in partials[:-1]) > 3
    followers: list[Partial | FinalWords] = [*partials[1:], final]
    for before, after in zip(partials, followers, strict=True):
        assert [w.text for w in after.words[: before.stable]] == [
            w.text for w in before.words[: before.stable]
        ]
    assert [p.settled for p in partials] == [False] * (len(partials) - 1) + [True]
    assert partials[-1].words == final.words
    assert partials[-1].transcript == final.transcript


def test_all_is_decoded_when_a_pause_begins_so_that_the_final_waits_for_nothing() -> None:
    hearing = Hearing()
    events = run_virtually(
        hearing.run(spoken(sound((0.5, 0), (2.0, 0.5), (1.0, 0)), ends_at=[2.9]), CLIENT_ENDS)
    )
    settled = next(time for time, event in hearing.heard if isinstance(event, Partial) and event.settled)
    assert settled == pytest.approx(2.5 + 0.1 + DECODING_SECONDS, abs=0.08)
    decodings = len(hearing.inference.calls)
    assert times(hearing, FinalWords) == [pytest.approx(2.92, abs=0.03)]
    assert len(only(FinalWords, events)) == 1
    assert decodings == len(hearing.inference.calls)


def test_an_utterance_that_is_ended_amid_speech_is_decoded_once_more() -> None:
    hearing = Hearing()
    events = run_virtually(
        hearing.run(spoken(sound((0.5, 0), (3.0, 0.5), (1.0, 0)), ends_at=[2.0]), CLIENT_ENDS)
    )
    first, second = only(FinalWords, events)
    assert first.transcript == "w1 w2 w3 w4 w5"
    assert times(hearing, FinalWords)[0] == pytest.approx(2.0 + DECODING_SECONDS, abs=0.05)
    assert len(second.words) in (5, 6)
    assert second.start >= first.end


def test_two_utterances_are_told_one_after_the_other() -> None:
    samples = sound((0.5, 0), (1.0, 0.5), (1.2, 0), (1.6, 0.5), (1.5, 0))
    events = run_virtually(Hearing().run(spoken(samples)))
    told = [type(event).__name__ for event in events if isinstance(event, Started | FinalWords)]
    assert told == ["Started", "FinalWords"] * 2
    assert [len(final.words) for final in only(FinalWords, events)] == [4, 6]


def test_a_pause_within_an_utterance_leaves_it_whole() -> None:
    samples = sound((0.5, 0), (1.0, 0.5), (0.6, 0), (1.1, 0.5), (1.5, 0))
    events = run_virtually(Hearing().run(spoken(samples)))
    (final,) = only(FinalWords, events)
    assert final.transcript == "w1 w2 w3 w4 w5 w6 w7"
    assert [p.settled for p in only(Partial, events)].count(True) == 2


@pytest.mark.parametrize("real_time", [True, False])
def test_a_long_pause_within_an_utterance_parts_what_is_decoded(real_time: bool) -> None:
    samples = sound((0.5, 0), (1.0, 0.5), (5.0, 0), (1.0, 0.5), (1.0, 0))
    hearing = Hearing()
    events = run_virtually(hearing.run(spoken(samples, real_time=real_time), CLIENT_ENDS))
    (final,) = only(FinalWords, events)
    assert len(final.words) in (7, 8)
    if real_time:  # audio that comes at once is decoded at once
        assert final.transcript == "w1 w2 w3 w4 w1 w2 w3 w4"  # each segment's are counted from 1
        assert max(len(inputs["samples"]) for _, inputs in hearing.inference.calls) < 2.0 * SAMPLE_RATE


def test_nobody_speaking_is_silence_without_events() -> None:
    hearing = Hearing()
    assert run_virtually(hearing.run(spoken(sound((5.0, 0.01)), ends_at=[2.0]), CLIENT_ENDS)) == []
    assert hearing.inference.calls == []


def test_a_click_gives_evidence_alone() -> None:
    hearing = Hearing()
    events = run_virtually(hearing.run(spoken(sound((0.5, 0), (0.06, 0.5), (2.0, 0)))))
    assert events
    assert all(isinstance(event, Evidence) for event in events)
    assert hearing.inference.calls == []


def test_evidence_comes_every_tenth_of_a_second_and_at_once_when_it_changes() -> None:
    hearing = Hearing()
    events = run_virtually(hearing.run(spoken(sound((1.0, 0), (1.0, 0.5), (1.5, 0)))))
    evidence = only(Evidence, events)
    assert max(np.diff([e.end for e in evidence])) <= 0.13
    assert max(np.diff([e.end for e in evidence if e.speaking and e.voiced < 0.3])) <= 0.033
    first, ended = evidence[0], next(e for e in evidence if not e.speaking)
    assert first.speaking
    assert first.end == pytest.approx(1.02, abs=0.04)
    assert ended.end == pytest.approx(2.05, abs=0.04)
    assert ended.voiced == pytest.approx(1.0, abs=0.05)
    assert [e.silence for e in evidence if e.speaking] == [0.0] * sum(e.speaking for e in evidence)
    silences = [e.silence for e in evidence if not e.speaking]
    assert silences == sorted(silences)
    assert silences[-1] == pytest.approx(0.8, abs=0.1)


def test_the_end_of_turn_is_judged_in_the_pause() -> None:
    events = run_virtually(Hearing().run(spoken(sound((1.0, 0), (1.0, 0.5), (0.5, 0), (1.0, 0.5), (1.5, 0)))))
    evidence = only(Evidence, events)
    assert {e.end_of_turn for e in evidence} == {None, 0.75}
    assert all(e.end_of_turn is None for e in evidence if e.speaking or e.silence < 0.09)
    assert all(e.end_of_turn == 0.75 for e in evidence if e.silence > 0.2)


def test_what_is_played_is_not_heard() -> None:
    async def inputs() -> AsyncIterator[Input]:
        yield Played(sound((0.5, 0), (1.0, 0.5)))
        async for given in spoken(sound((0.5, 0), (1.0, 0.5), (1.5, 0))):
            yield given

    assert run_virtually(Hearing().run(inputs())) == []


def test_a_detected_language_holds_for_the_rest_of_the_utterance() -> None:
    async def hear(inputs: Tensors) -> Tensors:
        await asyncio.sleep(0.1)
        return counted_words(inputs, "zh", 0.9 if len(inputs["samples"]) > SAMPLE_RATE else 0.5)

    hearing = Hearing(FakeInference({"asr_multilingual": hear}))
    samples = sound((0.5, 0), (3.0, 0.5), (1.5, 0), (1.0, 0.5), (1.0, 0))
    events = run_virtually(hearing.run(spoken(samples), Wishes()))
    asked = [inputs["language"][0] for _, inputs in hearing.inference.calls]
    changes = [asked[0], *(after for before, after in pairwise(asked) if after != before)]
    assert changes == [b"", b"zh", b"", b"zh"] or changes == [b"", b"zh", b""]
    assert all(p.stable == 0 for p in only(Partial, events) if p.end < 1.0)
    assert only(FinalWords, events)[0].language == "zh"
    assert only(FinalWords, events)[0].transcript == "w1 w2 w3 w4 w5 w6 w7 w8 w9 w10"


def test_the_first_syllables_do_not_decide_the_language() -> None:
    async def hear(inputs: Tensors) -> Tensors:
        await asyncio.sleep(0.1)
        found = "zh" if len(inputs["samples"]) < 1.5 * SAMPLE_RATE else "en"
        return counted_words(inputs, inputs["language"][0].decode() or found, 0.95)

    hearing = Hearing(FakeInference({"asr_multilingual": hear, "asr_en": hear}))
    samples = sound((0.5, 0), (0.6, 0.5), (0.2, 0), (1.5, 0.5), (1.0, 0))
    events = run_virtually(hearing.run(spoken(samples), Wishes()))
    assert only(FinalWords, events)[0].language == "en"


def test_decodings_take_no_more_than_their_share() -> None:
    async def slow(inputs: Tensors) -> Tensors:
        await asyncio.sleep(0.5)
        return counted_words(inputs)

    hearing = Hearing(FakeInference({"asr_en": slow}))
    run_virtually(hearing.run(spoken(sound((0.5, 0), (10.0, 0.5), (0.5, 0))), CLIENT_ENDS))
    assert 5 <= len(hearing.inference.calls) <= 7


def test_partials_fail_without_a_word_but_finals_tell() -> None:
    hearing = Hearing()
    hearing.inference.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "away")
    with pytest.raises(Unavailable):
        run_virtually(hearing.run(spoken(sound((0.5, 0), (3.0, 0.5), (1.5, 0)))))
    kinds = {type(event) for _, event in hearing.heard}
    assert kinds == {Started, Evidence}


def test_only_so_many_streams_are_heard() -> None:
    async def run() -> None:
        live = Hearing(most_streams=1).live()
        first = live.hear(spoken(sound((1.0, 0.5))), Wishes(language="en"))
        await anext(first)
        with pytest.raises(ResourceExhausted):
            await anext(live.hear(spoken(sound((1.0, 0.5))), Wishes()))
        await first.aclose()
        again = live.hear(spoken(sound((1.0, 0.5))), Wishes(language="en"))
        assert await anext(again)
        await again.aclose()

    run_virtually(run())


def test_closing_stops_the_decoding_under_way() -> None:
    stopped = []

    async def stuck(inputs: Tensors) -> Tensors:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.append(True)
            raise
        return counted_words(inputs)

    async def run() -> None:
        hearing = Hearing(FakeInference({"asr_en": stuck}))
        stream = hearing.live().hear(spoken(sound((0.5, 0), (9.0, 0.5))), Wishes(language="en"))
        async for event in stream:
            if isinstance(event, Evidence) and event.end > 2:
                break
        await stream.aclose()

    run_virtually(run())
    assert stopped == [True]


@pytest.mark.parametrize("real_time", [True, False])
@pytest.mark.parametrize("pauses", [True, False])
def test_long_speech_is_cut_and_never_decoded_whole(real_time: bool, pauses: bool) -> None:
    part = [(3.7, 0.5), (0.3 if pauses else 0.0, 0.0)]
    samples = sound((0.5, 0), *(part * 30), (1.0, 0))
    hearing = Hearing(rules=ListeningRules())
    events = run_virtually(hearing.run(spoken(samples, real_time=real_time), CLIENT_ENDS))
    longest = max(len(inputs["samples"]) for _, inputs in hearing.inference.calls) / SAMPLE_RATE
    assert longest < 29
    (final,) = only(FinalWords, events)
    assert len(final.words) == pytest.approx(3.7 * 30 / 0.3, abs=30)
    flat = [time for word in final.words for time in (word.begin, word.end)]
    assert flat == sorted(flat)
