"""The benchmark's customers in virtual time, and what is said of their calls."""

from dataclasses import dataclass

import numpy as np
import pytest
from frontdesk.gateway.v1 import conversation_pb2

from gateway.cli.call_coding import Samples
from gateway.cli.call_player import CallEnd, PlayedCall, play_call
from gateway.cli.call_voice import CustomerVoice
from tests.fakes.live_call import Event, ScriptedCall, seconds
from tests.harness.virtual_time import run_virtually
from tests.load.call import capacity
from tests.load.call.customers import Asking, Interrupting, Listening
from tests.load.call.holding import FORMAT, facts
from tests.load.call.recordings import SAMPLE_RATE, Kind, Recording, joined
from tests.load.call.summary import answered_figures

Script = list[tuple[float, Event]]
AT_ONCE = CallEnd(quiet_seconds=0.0, limit_seconds=0.0)


def tone(length: float, amplitude: int = 8000) -> Samples:
    time = np.arange(int(length * SAMPLE_RATE)) / SAMPLE_RATE
    samples: Samples = (amplitude * np.sin(2 * np.pi * 200 * time)).astype(np.int16)
    return samples


def silence(length: float) -> Samples:
    return np.zeros(int(length * SAMPLE_RATE), np.int16)


def answer(position: float, samples: Samples) -> Event:
    audio = conversation_pb2.CallAudio(audio=samples.astype("<i2").tobytes(), position=seconds(position))
    return Event(session_id="s", turn_id="t", answer_audio=audio)


def end_of_turn(silent: float, *, anticipated: bool = False) -> Event:
    ended = conversation_pb2.EndOfTurn(silence=seconds(silent), anticipated=anticipated)
    return Event(session_id="s", turn_id="t", end_of_turn=ended)


def partial(text: str) -> Event:
    return Event(session_id="s", partial_transcript=conversation_pb2.PartialTranscript(text=text))


def final(text: str) -> Event:
    return Event(session_id="s", turn_id="t", final_transcript=conversation_pb2.Transcript(text=text))


def held(voice: CustomerVoice, script: Script) -> PlayedCall:
    async def hold() -> PlayedCall:
        return await play_call(ScriptedCall(script), voice, FORMAT, end=AT_ONCE)

    return run_virtually(hold())


def recording(samples: Samples, kind: Kind = Kind.QUESTION) -> Recording:
    return Recording("one", kind, "words", samples)


ASKED = recording(np.concatenate([silence(0.3), tone(1.0), silence(0.2)]))


def test_facts_are_read_off_the_recording_and_the_events() -> None:
    script = [
        (0.62, partial("can I")),
        (1.62, end_of_turn(0.3, anticipated=True)),
        (1.66, final("Can I return it?")),
        # 0.1 s of the answer's audio are silent: they do not count.
        (1.70, answer(0.0, np.concatenate([silence(0.1), tone(1.0)]))),
    ]
    asked = facts(ASKED, held(Asking(ASKED.samples), script))
    assert asked.first_audio == pytest.approx(0.5, abs=0.021)
    assert asked.first_partial == pytest.approx(0.32, abs=0.021)
    assert asked.final_delay == pytest.approx(0.04)
    assert asked.silence == pytest.approx(0.3)
    assert (asked.cut_off, asked.anticipated, asked.transcript) == (False, True, "Can I return it?")


def test_a_customer_hangs_up_when_the_answer_was_heard_for_a_moment_or_never_came() -> None:
    quick = held(Asking(ASKED.samples), [(1.8, answer(0.0, tone(3.0)))])
    assert len(quick.customer) / SAMPLE_RATE == pytest.approx(2.3, abs=0.1)
    asked = facts(ASKED, held(Asking(ASKED.samples, patience_seconds=2.0), []))
    assert asked.first_audio is None
    assert len(asked.played.customer) / SAMPLE_RATE == pytest.approx(3.5, abs=0.1)


def test_an_end_of_turn_in_the_inner_pause_is_a_cut_off_whatever_comes_later() -> None:
    random = np.random.default_rng(0)
    paused = recording(joined([tone(0.8), tone(0.8)], random), Kind.TWO_SENTENCES)
    script = [
        (1.3, end_of_turn(0.2)),
        (1.35, answer(0.0, tone(0.2))),
        (2.9, end_of_turn(0.3)),
        (3.0, answer(0.0, tone(1.0))),
    ]
    asked = facts(paused, held(Asking(paused.samples), script))
    assert asked.cut_off
    figures = answered_figures([asked, facts(ASKED, held(Asking(ASKED.samples), script[2:]))])
    assert (figures["cutoff_rate"], figures["first_audio"]["n"]) == (1.0, 1)


def test_who_interrupts_speaks_when_so_much_of_the_answer_was_heard() -> None:
    customer = Interrupting(tone(0.4), after_seconds=0.6)
    played = held(customer, [(0.5, answer(0.0, tone(3.0)))])
    assert customer.spoke_from is not None
    assert customer.spoke_from / SAMPLE_RATE == pytest.approx(1.1, abs=0.041)
    sounding = np.flatnonzero(played.customer)
    assert sounding[0] == pytest.approx(customer.spoke_from, abs=2)
    nobody = Interrupting(tone(0.4), after_seconds=0.6, patience_seconds=2.0)
    held(nobody, [])
    assert nobody.spoke_from is None


def test_who_listens_hears_the_answer_to_its_end() -> None:
    played = held(Listening(8.0), [(0.5, answer(0.0, tone(1.0)))])
    assert not np.any(played.customer)
    assert len(played.customer) / SAMPLE_RATE == pytest.approx(1.8, abs=0.1)


@dataclass(frozen=True)
class Level:
    held_up_to: int

    def search(self) -> tuple[list[int], int]:
        levels: dict[int, bool] = {}
        order = []
        while (lanes := capacity.next_level(levels)) is not None and lanes < 20:
            order.append(lanes)
            levels[lanes] = lanes <= self.held_up_to
        return order, capacity.greatest(levels)


@pytest.mark.parametrize("held_up_to", [0, 1, 2, 3, 4, 5, 6, 9])
def test_the_search_finds_the_greatest_number_of_calls_that_holds(held_up_to: int) -> None:
    order, found = Level(held_up_to).search()
    assert found == held_up_to
    assert order[:3] == [1, 2, 4]
    assert len(order) == len(set(order))


def test_joined_parts_have_their_pause_between_the_voiced_ends() -> None:
    part = np.concatenate([silence(0.5), tone(0.5), silence(0.7)])
    whole = joined([part, part], np.random.default_rng(1))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.abs(whole) > 100, [0]])))
    gaps = np.diff(edges)
    assert 0.2 <= gaps.max() / SAMPLE_RATE <= 0.5 + 0.06
