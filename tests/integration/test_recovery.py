"""A process is killed: the turn says so in time, what was stored stays, the suite comes back by itself."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from gateway.client import FrontdeskApiError, FrontdeskClient
from services.local.suite import LocalSuite
from tests.harness.suite import connect, running_suite

pytestmark = pytest.mark.integration

QUESTION = "How long does standard delivery take?"
REASONABLE = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}


@pytest.fixture(scope="module")
def own_suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSuite]:
    with running_suite(tmp_path_factory.mktemp("recovery")) as running:
        yield running


def kill(suite: LocalSuite, name: str) -> None:
    state = next(state for state in suite.supervisor.states() if state.name == name)
    os.kill(state.pid, signal.SIGKILL)


def answered_again(client: FrontdeskClient, within_seconds: float) -> bool:
    end = time.monotonic() + within_seconds
    while time.monotonic() < end:
        try:
            if client.take_turn(text=QUESTION, answer_audio=True).audio:
                return True
        except FrontdeskApiError as error:
            assert error.code.name in REASONABLE, str(error)
        time.sleep(0.5)
    return False


@pytest.mark.parametrize("victim", ["triton", "text", "dialogue", "asr"])
def test_a_killed_process_is_told_in_time_and_comes_back(own_suite: LocalSuite, victim: str) -> None:
    with connect(own_suite, timeout_seconds=8) as client:
        before = client.take_turn(text=QUESTION)
        kill(own_suite, victim)
        started = time.monotonic()
        try:
            client.take_turn(text=QUESTION, session_id=before.session_id)
        except FrontdeskApiError as error:
            assert error.code.name in REASONABLE, str(error)
            assert error.reason
        assert time.monotonic() - started < 9
        assert answered_again(client, within_seconds=60)
        assert client.get_conversation(before.session_id).turns[0].answer == before.answer


def test_without_speech_the_turn_goes_on_and_says_so(own_suite: LocalSuite) -> None:
    with connect(own_suite, timeout_seconds=8) as client:
        kill(own_suite, "tts")
        turn = client.take_turn(text=QUESTION, answer_audio=True)
        assert turn.decision == "ANSWER"
        if not turn.audio:
            assert [notice.reason for notice in turn.notices] == ["SPEECH_UNAVAILABLE"]
        assert answered_again(client, within_seconds=60)


def test_a_killed_gateway_keeps_its_conversations(own_suite: LocalSuite) -> None:
    with connect(own_suite, timeout_seconds=8) as client:
        before = client.take_turn(text=QUESTION, answer_audio=True, turn_id="kept")
        kill(own_suite, "gateway")
        assert answered_again(client, within_seconds=60)
        again = client.take_turn(
            text=QUESTION, answer_audio=True, turn_id="kept", session_id=before.session_id
        )
        assert again.audio == before.audio
        assert client.get_conversation(before.session_id).turns[0].answer == before.answer
