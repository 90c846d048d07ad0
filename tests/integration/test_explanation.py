"""Why a turn was decided as it was, on the whole suite with its real models."""

import pytest
from frontdesk.asr.v1 import asr_pb2
from frontdesk.gateway.v1 import conversation_pb2
from frontdesk.tts.v1 import tts_pb2

from gateway.cli.telephone import SAMPLE_RATE_HERTZ, over_the_telephone
from gateway.client import FrontdeskClient
from tests.harness.suite import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DEMO = ROOT / "domains" / "shop" / "demo"
QUESTION = "What does this light mean, and what should I do?"
SPEECH = conversation_pb2.MODALITY_SPEECH
ACOUSTIC = conversation_pb2.MODALITY_ACOUSTIC
TEXT = conversation_pb2.MODALITY_TEXT
IMAGE = conversation_pb2.MODALITY_IMAGE
IMAGE_TEXT = conversation_pb2.MODALITY_IMAGE_TEXT


def added(explained: conversation_pb2.ExplainTurnResponse) -> dict[int, float]:
    return {part.modality: part.contribution for part in explained.contributions}


def test_the_look_of_a_light_decides_what_it_means(client: FrontdeskClient) -> None:
    turn = client.take_turn(text=QUESTION, images=[(DEMO / "router.jpg").read_bytes()])
    [citation] = turn.citations
    before = client.get_conversation(turn.session_id)
    explained = client.explain_turn(turn.session_id, turn.turn_id, include_regions=True)
    assert explained.passage_id == citation.passage_id == "router-r6-internet-orange"
    assert added(explained)[IMAGE] == max(added(explained).values())
    assert added(explained)[IMAGE] > 0.5
    for part in explained.contributions:
        assert part.contribution == pytest.approx(explained.probability - part.probability_without, abs=1e-5)
    [grid] = explained.regions
    assert (grid.rows, grid.columns, len(grid.contributions)) == (7, 7, 49)
    assert max(grid.contributions) > 0
    assert client.get_conversation(turn.session_id) == before


def test_the_words_in_a_screenshot_count(client: FrontdeskClient) -> None:
    turn = client.take_turn(text="屏幕上显示这个，是什么意思？", images=[(DEMO / "payment.jpg").read_bytes()])
    explained = client.explain_turn(turn.session_id, turn.turn_id)
    assert explained.passage_id == "pay-error-407"
    assert added(explained)[IMAGE_TEXT] > 0
    assert set(added(explained)) == {TEXT, IMAGE, IMAGE_TEXT}


def test_raw_speech_about_a_picture_is_heard_again(client: FrontdeskClient) -> None:
    audio_format = tts_pb2.OutputFormat(encoding=tts_pb2.OUTPUT_ENCODING_MULAW, sample_rate_hertz=8000)
    said = client.synthesize(QUESTION, voice="am_michael", audio_format=audio_format).audio
    raw = conversation_pb2.AudioInput(
        content=said,
        config=asr_pb2.RecognitionConfig(encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8000),
    )
    turn = client.take_turn(audio=raw, images=[(DEMO / "router.jpg").read_bytes()])
    explained = client.explain_turn(turn.session_id, turn.turn_id)
    assert {SPEECH, ACOUSTIC, IMAGE} <= set(added(explained))


def test_words_alone_are_all(client: FrontdeskClient) -> None:
    audio_format = tts_pb2.OutputFormat(sample_rate_hertz=SAMPLE_RATE_HERTZ)
    said = client.synthesize("How long does a refund take?", voice="am_michael", audio_format=audio_format)
    turn = client.take_turn(audio=over_the_telephone(said.audio))
    explained = client.explain_turn(turn.session_id, turn.turn_id)
    assert explained.passage_id == turn.citations[0].passage_id
    assert added(explained) == {SPEECH: explained.probability}
    assert explained.probability > 0.5


def test_a_goodbye_is_explained_by_its_intent(client: FrontdeskClient) -> None:
    turn = client.take_turn(text="That's everything, thank you, goodbye!")
    assert turn.decision == "ANSWER"
    assert not turn.citations
    explained = client.explain_turn(turn.session_id, turn.turn_id)
    assert explained.passage_id == ""
    assert turn.understanding
    assert explained.intent == turn.understanding.intents[0].intent
    assert explained.probability == pytest.approx(turn.understanding.intents[0].probability, abs=1e-3)
