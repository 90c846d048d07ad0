"""What the ``frontdesk`` program prints, and how it exits, before scripted services."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.serving.errors import Unavailable
from tests.fakes.services import FakeServices
from tests.harness.gateway import API_KEY, ServedGateway, serving_gateway

SESSION = "s" * 64


@pytest.fixture
def peers() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def gateway(tmp_path: Path, peers: FakeServices) -> AsyncIterator[ServedGateway]:
    async with serving_gateway(tmp_path, peers.registrations()) as served:
        yield served


async def frontdesk(target: str, *arguments: str, key: str = API_KEY) -> subprocess.CompletedProcess[str]:
    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gateway.cli", "--endpoint", target, "--api-key", key, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return await asyncio.to_thread(run)


async def events(gateway: ServedGateway, *arguments: str) -> list[dict[str, Any]]:
    result = await frontdesk(gateway.served.target, "turn", *arguments, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


async def test_a_turn_as_json_names_its_session_and_what_was_decided(gateway: ServedGateway) -> None:
    told = await events(gateway, "--text", "a person please", "--session", SESSION, "--turn-id", "t1")
    assert [event["type"] for event in told] == [
        *("turn_started", "understood", "answer_text", "citation", "answer_text", "handoff"),
        "turn_completed",
    ]
    for event in (told[0], told[-1]):
        assert (event["session_id"], event["turn_id"]) == (SESSION, "t1")
    assert told[-2]["reason"] == "REQUESTED"
    assert told[-1]["decision"] == "HANDOFF"
    assert {timing["stage"] for timing in told[-1]["timings"]} == {"TEXT", "DIALOGUE", "STORE"}


async def test_audio_is_told_by_its_size(gateway: ServedGateway, tmp_path: Path) -> None:
    file = tmp_path / "answer.wav"
    told = await events(gateway, "--text", "hello", "--out", str(file))
    pieces = [event for event in told if event["type"] == "answer_audio"]
    assert sum(piece["bytes"] for piece in pieces) == file.stat().st_size - 44
    assert ["format" in piece for piece in pieces] == [True, False]


async def test_what_has_to_be_copied_stays_on_its_line(gateway: ServedGateway) -> None:
    turn = ("turn", "--text", "hello", "--session", SESSION, "--turn-id", "t1")
    first = await frontdesk(gateway.served.target, *turn)
    again = await frontdesk(gateway.served.target, *turn)
    assert f"Session {SESSION} (continue with --session)" in first.stdout.splitlines()
    assert "replayed" not in first.stdout
    assert again.stdout.splitlines()[-1].endswith("replayed")


async def test_missing_speech_is_told_after_the_answer(
    gateway: ServedGateway, peers: FakeServices, tmp_path: Path
) -> None:
    peers.failing["StreamingSynthesize"] = Unavailable("MODEL_UNAVAILABLE", "the model restarts")
    result = await frontdesk(
        gateway.served.target, "turn", "--text", "hello", "--out", str(tmp_path / "answer.wav")
    )
    assert result.returncode == 0
    [note] = [line for line in result.stdout.splitlines() if line.startswith("Note")]
    assert "speech is missing" in note
    assert not (tmp_path / "answer.wav").exists()


@pytest.mark.parametrize(
    ("arguments", "key", "exit_code", "words"),
    [
        (("turn",), API_KEY, 2, "--text"),
        (("turn", "--text", "hello", "--voice", "heart"), API_KEY, 2, "--out"),
        (("search", "hello"), "wrong", 1, "API_KEY_UNKNOWN"),
        (("search", "hello"), "字", 2, "API key"),
        (("search", ""), API_KEY, 1, "QUERY_EMPTY"),
        (("turn", "--text", "hello", "--out", "/proc/answer.wav"), API_KEY, 1, "/proc/answer.wav"),
    ],
)
async def test_what_goes_wrong_is_told_in_a_sentence(
    gateway: ServedGateway, arguments: tuple[str, ...], key: str, exit_code: int, words: str
) -> None:
    plain = await frontdesk(gateway.served.target, *arguments, key=key)
    assert plain.returncode == exit_code
    assert len(plain.stderr.splitlines()) == 1
    assert words in plain.stderr
    as_json = await frontdesk(gateway.served.target, *arguments, "--json", key=key)
    assert as_json.returncode == exit_code
    last = json.loads(as_json.stdout.splitlines()[-1])
    assert last["error"].keys() == {"code", "reason", "message"}


async def test_a_gateway_that_is_away_is_named() -> None:
    result = await frontdesk("127.0.0.1:1", "status")
    assert result.returncode == 1
    assert "127.0.0.1:1 cannot be reached" in result.stderr
