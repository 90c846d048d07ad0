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
from tests.fakes.services import ANSWER_PICTURE, PNG, FakeServices
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


@pytest.fixture
def image(tmp_path: Path) -> Path:
    file = tmp_path / "router.png"
    file.write_bytes(PNG + b"Error 42")
    return file


async def test_a_turn_tells_what_was_seen_and_saves_the_answers_picture(
    gateway: ServedGateway, image: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers" / "answer.wav"
    shown = ("turn", "--image", str(image), "--image", str(image), "--out", str(out))
    result = await frontdesk(gateway.served.target, *shown)
    lines = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    for line in (
        "Saw     device_panel 0.75 · brook-r2 0.75 picture 1",
        "Saw     device_panel 0.75 · brook-r2 0.75 picture 2",
        "Read    Error 42",
        "Shows   router-red 0.75 picture 1",
    ):
        assert line in lines
    saved = out.with_name("answer-router-red.webp")
    assert f"Picture A red light in {saved}" in lines
    assert saved.read_bytes() == ANSWER_PICTURE.content
    unsaved = await frontdesk(gateway.served.target, "turn", "--image", str(image))
    assert "Picture A red light (save it with --out)" in unsaved.stdout.splitlines()


async def test_pictures_as_json_are_told_by_their_size(gateway: ServedGateway, image: Path) -> None:
    told = {event["type"]: event for event in await events(gateway, "--image", str(image))}
    assert told["image_seen"]["image_index"] == 0
    assert told["image_seen"]["lines"][0]["text"] == "Error 42"
    assert told["understood"]["seen"][0]["picture_id"] == "router-red"
    assert told["answer_picture"]["bytes"] == len(ANSWER_PICTURE.content)
    assert "content" not in told["answer_picture"]


async def test_pictures_are_seen_one_after_another_whatever_fails(
    gateway: ServedGateway, image: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"GIF89a")
    see = ("see", str(broken), str(image), "--domain", "shop")
    plain = await frontdesk(gateway.served.target, *see)
    assert plain.returncode == 1
    assert plain.stdout.splitlines() == [
        str(image),
        "Kind    device_panel 0.75",
        "Product brook-r2 0.75",
        "Object  modem 0.50",
        "Words   Error 42",
    ]
    assert "IMAGE_UNDECODABLE" in plain.stderr
    as_json = await frontdesk(gateway.served.target, *see, "--json")
    failed, seen = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert (failed["file"], failed["reason"]) == (str(broken), "IMAGE_UNDECODABLE")
    assert seen == {
        "file": str(image),
        "text": "Error 42",
        "lines": [{"text": "Error 42", "confidence": 0.75, "box": [0.25, 0.25, 0.5, 0.125]}],
        "kinds": [{"label": "device_panel", "score": 0.75}],
        "products": [{"label": "brook-r2", "score": 0.75}],
        "labels": [{"label": "modem", "score": 0.5}],
    }


async def test_a_picture_that_cannot_be_used_is_named(gateway: ServedGateway, tmp_path: Path) -> None:
    file = tmp_path / "animation.gif"
    file.write_bytes(b"GIF89a")
    result = await frontdesk(gateway.served.target, "turn", "--image", str(file))
    assert result.returncode == 1
    assert "images[0].content is neither JPEG nor PNG nor WebP" in result.stderr


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
