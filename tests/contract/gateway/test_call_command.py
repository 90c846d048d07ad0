"""``frontdesk call`` as a program, before a gateway that holds calls by a simple ear."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.contract.gateway.test_command_line import frontdesk
from tests.fakes.call_gateway import CallGateway, holding_calls


@pytest.fixture
def peer() -> CallGateway:
    return CallGateway()


@pytest.fixture
async def target(peer: CallGateway) -> AsyncIterator[str]:
    async with holding_calls(peer) as served:
        yield served


@pytest.fixture
def question(tmp_path: Path) -> Path:
    times = np.arange(8000 * 0.5) / 16000
    file = tmp_path / "question.wav"
    soundfile.write(file, 0.3 * np.sin(2 * np.pi * 300 * times), 16000)
    return file


async def test_a_call_is_shown_and_saved_in_stereo_with_its_timeline(
    target: str, peer: CallGateway, question: Path, tmp_path: Path
) -> None:
    out, image = tmp_path / "calls" / "call.wav", tmp_path / "router.png"
    image.write_bytes(b"PNG")
    told = await frontdesk(
        *(target, "call", str(question), "--encoding", "mulaw", "--language", "en", "--session", "s7"),
        *("--voice", "bella", "--pause", "0.5", "--uninterruptible", "--out", str(out)),
        *("--text", "me@shop.example", "--text", "hello@0.1", "--image", f"{image}@0.2", "--dtmf", "12#"),
    )
    assert (told.returncode, told.stderr) == (0, "")
    shown = [line.split(maxsplit=2)[1:] for line in told.stdout.splitlines() if line.startswith("   ")]
    assert [line[0] for line in shown] == [
        *("Call", "Customer", "…", "Turn", "Heard", "Answer", "Picture", "Speaks", "Done", "Goodbye")
    ]
    lines = dict((line[0], line[1]) for line in shown)
    assert lines["Heard"] == "what is this en 0.90"
    assert lines["Turn"] == "all is said · 300 ms of silence · answer begun before"
    assert lines["Done"] == "answer · asr 20 ms"
    [config] = peer.configs
    assert (config.session_id, config.language_code, config.voice.voice) == ("s7", "en", "bella")
    assert config.sample_rate_hertz == 8000
    assert config.turn_taking.complete_silence.ToMilliseconds() == 500
    assert config.turn_taking.uninterruptible
    assert not config.turn_taking.HasField("incomplete_silence")
    assert peer.of("text") == ["me@shop.example", "hello"]
    assert [shown.content for shown in peer.of("image")] == [b"PNG"]
    assert [pressed.digits for pressed in peer.of("dtmf")] == ["12#"]
    both, rate = soundfile.read(out)
    assert (rate, both.shape[1]) == (8000, 2)
    customer, answer = (np.flatnonzero(np.abs(channel) > 0.1) / rate for channel in both.T)
    assert 0.0 <= customer[0] <= customer[-1] <= 0.25
    assert answer[0] >= customer[-1] + 0.3
    assert answer[-1] - answer[0] == pytest.approx(1.0, abs=0.05)
    with Image.open(out.with_suffix(".png")) as timeline:
        assert timeline.width > 800
    assert out.with_name("call-router-red.webp").read_bytes() == b"RIFF"


async def test_as_json_each_line_is_an_event_and_the_last_the_recording(
    target: str, question: Path, tmp_path: Path
) -> None:
    out = tmp_path / "call.wav"
    told = await frontdesk(target, "call", str(question), "--out", str(out), "--json")
    assert (told.returncode, told.stderr) == (0, "")
    events: list[dict[str, Any]] = [json.loads(line) for line in told.stdout.splitlines()]
    assert events[0]["type"] == "call_started"
    assert events[0]["session_id"] == "s1"
    assert [events[-2]["type"], events[-2]["reason"]] == ["goodbye", "HANG_UP"]
    [ended] = [event for event in events if event["type"] == "end_of_turn"]
    assert (ended["reason"], ended["anticipated"], ended["turn_id"]) == ("COMPLETE", True, "t1")
    assert all(event["bytes"] > 0 for event in events if event["type"] == "answer_audio")
    times = [event["call_ms"] for event in events[:-1]]
    assert times == sorted(times)
    recording = events[-1]
    assert (recording["type"], recording["file"]) == ("recording", str(out))
    assert recording["seconds"] == pytest.approx(soundfile.info(out).duration, abs=0.001)
    [first_audio] = recording["first_audio_ms"]
    assert 280 <= first_audio <= 1000


async def test_ctrl_c_hangs_up_and_saves(
    target: str, peer: CallGateway, question: Path, tmp_path: Path
) -> None:
    out = tmp_path / "call.wav"
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.cli", "--endpoint", target, "--api-key", "k"),
        *("call", str(question), "--out", str(out)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        while not peer.of("audio"):  # noqa: ASYNC110 (what is awaited has no event)
            await asyncio.sleep(0.01)
        program.send_signal(signal.SIGINT)
        told, _ = await program.communicate()
    assert program.returncode == 0
    assert "hang up" in told.decode()
    assert len(peer.of("hang_up")) == 1
    assert soundfile.info(out).channels == 2


async def test_a_call_that_is_refused_says_so_and_saves_nothing(
    target: str, peer: CallGateway, question: Path, tmp_path: Path
) -> None:
    peer.capacity = 0
    out = tmp_path / "call.wav"
    told = await frontdesk(target, "call", str(question), "--out", str(out))
    assert told.returncode == 1
    assert "RESOURCE_EXHAUSTED" in told.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "one of the two"),
        (("QUESTION", "--mic"), "one of the two"),
        (("QUESTION", "--rate", "11025"), "11025"),
        (("QUESTION", "--encoding", "opus", "--rate", "8000"), "Opus"),
        (("NOISE",), "cannot be read"),
        (("QUESTION", "--text", "hello@-1"), "0 or more"),
    ],
)
async def test_what_cannot_be_is_told_in_a_sentence(
    question: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no sound")
    files = {"QUESTION": str(question), "NOISE": str(noise)}
    told = await frontdesk("127.0.0.1:1", "call", *(files.get(each, each) for each in arguments))
    assert told.returncode == 2
    assert len(told.stderr.splitlines()) == 1
    assert words in told.stderr
