"""A customer's turn through the gateway, the services and a real Triton with real models."""

import io
import uuid
import wave
from functools import partial
from pathlib import Path

import jiwer
import numpy as np
import pytest
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.telephone import SAMPLE_RATE_HERTZ, over_the_telephone
from gateway.client import FrontdeskApiError, FrontdeskClient
from tests.harness.spoken_words import character_error_rate, words_of
from tests.harness.suite import ROOT
from training.evaluate.spoken import english_tokens

pytestmark = pytest.mark.integration

CUSTOMER_VOICE = "am_michael"


def telephoned(client: FrontdeskClient, text: str, voice: str) -> bytes:
    said = client.synthesize(
        text, voice=voice, audio_format=tts_pb2.OutputFormat(sample_rate_hertz=SAMPLE_RATE_HERTZ)
    )
    return over_the_telephone(said.audio)


def test_a_spoken_english_question_is_answered_in_text_and_speech(client: FrontdeskClient) -> None:
    question = "Hello, how long does standard delivery take?"
    turn = client.take_turn(audio=telephoned(client, question, CUSTOMER_VOICE), answer_audio=True)

    assert turn.transcript is not None
    assert turn.transcript.language_code == "en"
    assert jiwer.wer(words_of(question), words_of(turn.transcript.text)) <= 0.2
    assert turn.decision == "ANSWER"
    assert [citation.passage_id for citation in turn.citations][:1] == ["delivery-times"]
    assert "three to five business days" in turn.answer
    assert {"ASR", "TEXT", "DIALOGUE", "TTS", "STORE"} <= turn.timings.keys()

    heard = client.transcribe(_as_wave(turn.audio), language="en")
    assert jiwer.wer(words_of(turn.answer), words_of(heard.transcript)) <= 0.25


def test_a_typed_mandarin_question_is_answered_in_text_and_speech(client: FrontdeskClient) -> None:
    turn = client.take_turn(text="充电宝鼓包了还能用吗？", answer_audio=True)

    assert turn.decision == "ANSWER"
    assert [citation.passage_id for citation in turn.citations][:1] == ["damage-battery-swollen"]
    assert "停止使用" in turn.answer
    heard = client.transcribe(_as_wave(turn.audio), language="zh")
    assert character_error_rate(turn.answer, heard.transcript) <= 0.35


def test_the_answer_says_nothing_that_no_passage_says(client: FrontdeskClient) -> None:
    turn = client.take_turn(text="Who pays for the shipping when I send something back?")
    quotes = " ".join(citation.quote for citation in turn.citations)
    assert turn.citations
    for sentence in turn.answer.split(". "):
        assert sentence.strip(" .") in quotes


def test_what_the_shop_does_not_know_goes_to_a_person(client: FrontdeskClient) -> None:
    for question in ("What is the capital of Mongolia?", "附近哪家火锅好吃？"):
        turn = client.take_turn(text=question)
        assert turn.decision == "HANDOFF"
        assert turn.handoff is not None
        assert not turn.citations


def test_a_person_is_there_for_the_asking(client: FrontdeskClient) -> None:
    turn = client.take_turn(text="I want to talk to a real person please")
    assert turn.decision == "HANDOFF"
    assert turn.handoff is not None
    assert turn.handoff.reason == dialogue_pb2.HANDOFF_REASON_REQUESTED


def test_a_repeated_turn_is_replayed_to_the_byte_and_other_content_is_refused(
    client: FrontdeskClient,
) -> None:
    turn_id = uuid.uuid4().hex
    session_id = uuid.uuid4().hex
    take = partial(
        client.take_turn,
        text="Can I pay in installments?",
        session_id=session_id,
        turn_id=turn_id,
        answer_audio=True,
    )
    first, again = take(), take()
    assert again.replayed
    assert not first.replayed
    assert (again.answer, again.audio, again.citations) == (first.answer, first.audio, first.citations)
    with pytest.raises(FrontdeskApiError, match="ALREADY_EXISTS"):
        client.take_turn(text="Something else", session_id=session_id, turn_id=turn_id)


def test_a_conversation_is_kept(client: FrontdeskClient) -> None:
    first = client.take_turn(text="How much is express delivery?")
    client.take_turn(text="And when is customer service open?", session_id=first.session_id)
    kept = client.get_conversation(first.session_id)
    assert [turn.text for turn in kept.turns] == [
        "How much is express delivery?",
        "And when is customer service open?",
    ]
    assert kept.turns[0].answer == first.answer
    assert kept.domain_version.startswith("shop@")


def test_speech_and_text_of_one_turn_are_understood_together(client: FrontdeskClient) -> None:
    turn = client.take_turn(
        audio=telephoned(client, "What does this error mean?", CUSTOMER_VOICE), text="PAY-402"
    )
    assert [citation.passage_id for citation in turn.citations][:1] == ["pay-error-402"]


def test_a_spoken_question_about_a_picture_is_answered_from_both(client: FrontdeskClient) -> None:
    picture = (ROOT / "domains/shop/pictures/brook-r2-red-solid.webp").read_bytes()
    spoken = telephoned(client, "Hello, what does this light on my router mean?", CUSTOMER_VOICE)
    turn = client.take_turn(audio=spoken, images=[picture], answer_audio=True)

    assert turn.transcript is not None
    assert [citation.passage_id for citation in turn.citations][:1] == ["router-r2-red-solid"]
    assert "red" in turn.answer
    assert [shown.passage_id for shown in turn.pictures] == ["router-r2-red-solid"]
    assert turn.audio
    assert not turn.notices
    kept = client.get_conversation(turn.session_id).turns[0].media
    assert (conversation_pb2.MEDIA_KIND_CUSTOMER_IMAGE, len(picture)) in [
        (medium.kind, medium.size_bytes) for medium in kept
    ]


def test_silence_is_asked_back(client: FrontdeskClient) -> None:
    turn = client.take_turn(audio=_as_wave(bytes(2 * 24000 * 2)))
    assert turn.transcript is not None
    assert turn.transcript.text == ""
    assert turn.decision == "ASK_BACK"


def test_real_people_are_heard(client: FrontdeskClient, data_sets: Path) -> None:
    folder = data_sets / "an4_speech"
    rows = [line.split("\t") for line in (folder / "metadata.tsv").read_text().splitlines()]
    clips = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    clips = [clip for clip in clips if len(clip["transcript"].split()) >= 4]
    errors = [
        jiwer.wer(
            " ".join(english_tokens(clip["transcript"], capitals_spell=False)),
            " ".join(english_tokens(heard.transcript.text)),
        )
        for clip in clips[:: max(1, len(clips) // 8)][:8]
        if (heard := client.take_turn(audio=(folder / clip["path"]).read_bytes(), language="en")).transcript
    ]
    assert len(errors) == 8
    assert float(np.mean(errors)) <= 0.3  # the benchmark has the figure


def _as_wave(samples: bytes, sample_rate_hertz: int = 24000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate_hertz)
        out.writeframes(samples)
    return file.getvalue()
