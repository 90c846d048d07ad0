"""The generator must reach every field and every sort of request, else the conformance checks are empty."""

from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.tts.v1 import tts_pb2
from google.protobuf.message import DecodeError

from tests.harness.generated_requests import generate

TTS = tts_pb2.DESCRIPTOR.services_by_name["TtsService"]
DIALOGUE = dialogue_pb2.DESCRIPTOR.services_by_name["DialogueService"]


def decoded(content: bytes) -> tts_pb2.SynthesizeRequest | None:
    try:
        return tts_pb2.SynthesizeRequest.FromString(content)
    except DecodeError:
        return None


def test_requests_are_of_all_sorts_and_the_same_each_time() -> None:
    method = TTS.methods_by_name["Synthesize"]
    good = [tts_pb2.SynthesizeRequest(text="hello", voice=tts_pb2.VoiceConfig(speaking_rate=1))]
    calls = generate(method, good, 1000)
    assert 900 <= len(calls) <= 1000
    assert generate(method, good, 50) == generate(method, good, 50)
    made = [decoded(content) for (content,) in calls]
    assert None in made  # no message at all
    messages = [message for message in made if message is not None]
    rates = [message.voice.speaking_rate for message in messages]
    assert any(rate != rate for rate in rates)  # NaN
    assert float("inf") in rates
    assert {0, 1} <= {message.format.encoding for message in messages}
    assert any(message.format.encoding > 4 for message in messages)  # a number without a name
    assert any(len(message.text) >= 400 for message in messages)
    assert any(message.text == "hello" and message != good[0] for message in messages)  # a changed good one


def test_streams_are_cut_doubled_and_out_of_order() -> None:
    method = DIALOGUE.methods_by_name["PublishDomain"]
    good = [
        dialogue_pb2.PublishDomainRequest(config=dialogue_pb2.DomainBundleConfig(name="shop")),
        dialogue_pb2.PublishDomainRequest(chunk=b"zip"),
    ]
    config, chunk = (message.SerializeToString() for message in good)
    calls = generate(method, good, 300)
    assert [] in calls
    assert [config] in calls
    assert [chunk] in calls
    assert [config, config, chunk] in calls
