"""The ``frontdesk`` program against a running suite, as its users run it."""

import json
import wave
from pathlib import Path

import pytest

from services.local.suite import LocalSuite
from tests.harness.suite import ROOT, run_cli

pytestmark = pytest.mark.integration


def json_lines(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_speak_then_transcribe(suite: LocalSuite, tmp_path: Path) -> None:
    file = tmp_path / "said.wav"
    spoken = json_lines(
        run_cli(suite, "speak", "Your parcel arrives on Monday.", "--out", str(file), "--json").stdout
    )
    with wave.open(str(file)) as wav:
        assert spoken[0]["seconds"] == pytest.approx(wav.getnframes() / wav.getframerate(), abs=0.01)
    (heard,) = json_lines(run_cli(suite, "transcribe", str(file), "--json").stdout)
    assert heard.keys() == {"file", "text", "language", "confidence", "words"}
    assert "monday" in str(heard["text"]).lower()
    assert heard["language"] == "en"


def test_transcribe_goes_on_after_a_bad_file(suite: LocalSuite, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    run_cli(suite, "speak", "Hello there.", "--out", str(good))
    bad.write_bytes(b"RIFF nothing of the kind")
    result = run_cli(suite, "transcribe", str(bad), str(good), "--json", check=False)
    first, second = json_lines(result.stdout)
    assert result.returncode == 1
    assert first["reason"]
    assert "hello" in str(second["text"]).lower()


def test_turn_prints_an_event_a_line(suite: LocalSuite, tmp_path: Path) -> None:
    out = tmp_path / "answer.wav"
    result = run_cli(suite, "turn", "--text", "多少钱可以包邮？", "--out", str(out), "--json")
    events = json_lines(result.stdout)
    types = [event["type"] for event in events]
    assert types[0] == "turn_started"
    assert types[-1] == "turn_completed"
    assert {"understood", "answer_text", "citation", "answer_audio"} <= set(types)
    assert out.stat().st_size > 10_000


def test_turn_reads_well_for_people(suite: LocalSuite) -> None:
    shown = run_cli(suite, "turn", "--text", "How long does standard delivery take?").stdout
    assert "Intent" in shown
    assert "three to five business days" in " ".join(shown.split())
    assert "delivery-times" in shown


def test_embed_search_and_voices(suite: LocalSuite) -> None:
    (vector,) = json_lines(run_cli(suite, "embed", "hello", "--json").stdout)
    assert len(list(vector["embedding"])) == 384  # type: ignore[call-overload]
    hits = json_lines(run_cli(suite, "search", "light is solid red on my Brook R2", "--json").stdout)
    assert hits[0]["passage_id"] == "router-r2-red-solid"
    voices = json_lines(run_cli(suite, "voices", "--json").stdout)
    assert {voice["language"] for voice in voices} == {"en", "zh"}


def test_status_says_that_everything_serves(suite: LocalSuite) -> None:
    (state,) = json_lines(run_cli(suite, "status", "--json").stdout)
    assert set(state["services"].values()) == {"SERVING"}  # type: ignore[attr-defined]


def test_publishing_again_changes_nothing(suite: LocalSuite) -> None:
    result = run_cli(suite, "domain", "publish", str(ROOT / "domains" / "shop"), "--json")
    (published,) = json_lines(result.stdout)
    assert published["unchanged"] is True


def test_a_wrong_key_is_told_in_a_sentence(suite: LocalSuite) -> None:
    result = run_cli(suite, "--api-key", "wrong", "turn", "--text", "hello", check=False)
    assert result.returncode == 1
    assert "UNAUTHENTICATED" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_leaves_speech_a_transcript_and_a_report(suite: LocalSuite, tmp_path: Path) -> None:
    run_cli(suite, "demo", "--out", str(tmp_path))
    turns = json.loads((tmp_path / "report.json").read_text())["turns"]
    assert [turn["name"] for turn in turns] == ["spoken-english", "typed-mandarin", "spoken-picture"]
    assert (tmp_path / "spoken-picture-why.png").read_bytes().startswith(b"\x89PNG")
    for turn in turns:
        assert turn["answer"]
        assert turn["citations"]
        assert all({"t_ms", "type"} <= event.keys() for event in turn["events"])
        with wave.open(str(tmp_path / turn["audio"])) as wav:
            assert wav.getnframes() > wav.getframerate()
        assert turn["answer"] in (tmp_path / "transcript.md").read_text()
