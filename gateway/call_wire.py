"""Events of a call as messages of ``frontdesk.gateway.v1``."""

from frontdesk.gateway.v1 import conversation_pb2

from gateway.call.types import (
    CallAudio,
    CallEvent,
    CallStarted,
    EndOfTurn,
    Goodbye,
    NoInput,
    PartialTranscript,
    PlaybackStop,
    SpeechStarted,
    TimedCallEvent,
)
from gateway.turn.turn_taking import TurnTaking
from gateway.wire import duration_to_wire, event_to_wire

Response = conversation_pb2.ConverseResponse
_OTHER_NAMES = {"transcript": "final_transcript"}


def call_event_to_wire(timed: TimedCallEvent, session_id: str) -> Response:
    """Write an event with its ids and its offset."""
    response = _event_to_wire(timed.event)
    response.session_id = session_id
    response.turn_id = timed.turn_id
    response.event_offset.FromTimedelta(timed.offset)
    return response


def _event_to_wire(event: CallEvent) -> Response:
    match event:
        case CallStarted():
            started = conversation_pb2.CallStarted(turn_taking=_turn_taking_to_wire(event.turn_taking))
            return Response(call_started=started)
        case SpeechStarted():
            started_at = duration_to_wire(event.start)
            return Response(speech_started=conversation_pb2.SpeechStarted(start_offset=started_at))
        case PartialTranscript():
            return Response(
                partial_transcript=conversation_pb2.PartialTranscript(
                    text=event.text, stable_word_count=event.stable_word_count, stability=event.stability
                )
            )
        case EndOfTurn():
            reason = conversation_pb2.EndOfTurnReason.Value(f"END_OF_TURN_REASON_{event.reason}")
            return Response(
                end_of_turn=conversation_pb2.EndOfTurn(
                    reason=reason, silence=duration_to_wire(event.silence), anticipated=event.anticipated
                )
            )
        case CallAudio():
            audio = conversation_pb2.CallAudio(audio=event.audio, position=duration_to_wire(event.position))
            return Response(answer_audio=audio)
        case PlaybackStop():
            position = duration_to_wire(event.position)
            return Response(playback_stop=conversation_pb2.PlaybackStop(position=position))
        case NoInput():
            return Response(no_input=conversation_pb2.NoInput(count=event.count))
        case Goodbye():
            goodbye = conversation_pb2.GoodbyeReason.Value(f"GOODBYE_REASON_{event.reason}")
            return Response(goodbye=conversation_pb2.Goodbye(reason=goodbye))
        case _:
            turns = event_to_wire(event)
            name = str(turns.WhichOneof("event"))
            response = Response()
            getattr(response, _OTHER_NAMES.get(name, name)).CopyFrom(getattr(turns, name))
            return response


def _turn_taking_to_wire(settings: TurnTaking) -> conversation_pb2.TurnTakingConfig:
    return conversation_pb2.TurnTakingConfig(
        complete_silence=duration_to_wire(settings.complete_silence),
        incomplete_silence=duration_to_wire(settings.incomplete_silence),
        spelling_silence=duration_to_wire(settings.spelling_silence),
        interruption_speech=duration_to_wire(settings.interruption_speech),
        uninterruptible=settings.uninterruptible,
        no_input_timeout=duration_to_wire(settings.no_input_timeout),
    )
