"""``frontdesk demo`` as a program, before scripted services."""

import io
import json
from pathlib import Path

import pytest
import yaml
from PIL import Image

from tests.contract.gateway.test_command_line import frontdesk
from tests.fakes.services import ANSWER, ANSWER_PICTURE, FakeServices
from tests.harness.gateway import ServedGateway


def photograph(words: str) -> bytes:
    """A real picture, in which the scripted vision reads these words."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), (0, 0, 255)).save(file, "PNG")
    return file.getvalue() + words.encode()


SHOWN = photograph("E-1042")


@pytest.fixture
def domain(tmp_path: Path) -> Path:
    folder = tmp_path / "company"
    (folder / "demo").mkdir(parents=True)
    (folder / "demo" / "screen.png").write_bytes(SHOWN)
    turns = [
        {"name": "spoken", "say": "where is my order?", "voice": "bella"},
        {"name": "typed", "type": "这是什么？", "show": ["screen.png"]},
    ]
    (folder / "demo" / "demo.yaml").write_text(yaml.safe_dump({"turns": turns}, allow_unicode=True))
    return folder


async def test_its_turns_are_taken_told_and_kept(
    gateway: ServedGateway, peers: FakeServices, domain: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = await frontdesk(gateway.served.target, "demo", "--domain", str(domain), "--out", str(out))
    assert told.returncode == 0, told.stderr
    for words in (
        "Customer where is my order?",
        "Heard   where is my order",
        "Customer 这是什么？",
        "Read    E-1042",
        "Explained passage orders.track",
        "look of picture 1",
    ):
        assert words in told.stdout
    assert b"RIFF" in peers.recognizing[0].audio[:4]  # by telephone
    report = json.loads((out / "report.json").read_text())
    spoken, typed = report["turns"]
    assert (spoken["heard"], spoken["explanation"]) == ("where is my order", None)
    assert [seen["text"] for seen in typed["seen"]] == ["E-1042"]
    assert typed["answer"] == "".join(ANSWER)
    assert typed["explanation"]["contributions"]
    assert {"VISION", "TEXT", "DIALOGUE", "TTS"} <= typed["stage_seconds"].keys()
    [picture] = typed["pictures"]
    assert (out / picture["file"]).read_bytes() == ANSWER_PICTURE.content
    [shown] = typed["shown"]
    assert (out / shown).read_bytes() == SHOWN
    transcript = (out / "transcript.md").read_text()
    links = {line.rpartition("](")[2].partition(")")[0] for line in transcript.splitlines() if "](" in line}
    assert {shown, picture["file"], "typed-why.png", spoken["audio"], typed["audio"]} == links
    assert all((out / link).is_file() for link in links)


async def test_your_own_recording_takes_the_place_of_the_first_spoken_question(
    gateway: ServedGateway, peers: FakeServices, domain: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "mine.wav"
    recording.write_bytes(b"RIFF mine")
    told = await frontdesk(
        gateway.served.target,
        *("demo", "--domain", str(domain), "--out", str(tmp_path / "out"), "--audio", str(recording)),
    )
    assert told.returncode == 0, told.stderr
    assert [asked.audio for asked in peers.recognizing] == [b"RIFF mine"]
    assert "Synthesize" not in peers.callers
    assert "where is my order?" not in (tmp_path / "out" / "transcript.md").read_text()


async def test_a_domain_without_a_demo_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    told = await frontdesk("127.0.0.1:1", "demo", "--domain", str(tmp_path))
    assert told.returncode == 2
    [line] = told.stderr.splitlines()
    assert str(tmp_path / "demo" / "demo.yaml") in line
