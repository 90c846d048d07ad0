"""The services that a gateway calls, small and scripted, for real gRPC servers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc, knowledge_pb2, knowledge_pb2_grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.serving.errors import FrontdeskError, InvalidArgument, Unavailable
from services.serving.identity import Caller, current_caller
from services.serving.server import Registration

ANSWER = ("You can track it in your account. ", "It takes two days.")


class FakeServices(
    asr_pb2_grpc.AsrServiceServicer,
    text_pb2_grpc.TextServiceServicer,
    dialogue_pb2_grpc.DialogueServiceServicer,
    knowledge_pb2_grpc.KnowledgeServiceServicer,
    tts_pb2_grpc.TtsServiceServicer,
):
    """All services in one.

    A method named in ``failing`` raises that error; one named in ``hanging`` never
    answers, and is put into ``cancelled`` when its caller gives up.
    """

    def __init__(self) -> None:
        self.failing: dict[str, FrontdeskError] = {}
        self.hanging: set[str] = set()
        self.cancelled: set[str] = set()
        self.responding: list[dialogue_pb2.RespondRequest] = []
        self.synthesizing: list[tts_pb2.StreamingSynthesisConfig] = []
        self.callers: dict[str, Caller] = {}

    def registrations(self) -> list[Registration]:
        """Return what one server needs to serve them all."""
        return [
            Registration("frontdesk.asr.v1.AsrService", asr_pb2_grpc.add_AsrServiceServicer_to_server, self),
            Registration(
                "frontdesk.text.v1.TextService", text_pb2_grpc.add_TextServiceServicer_to_server, self
            ),
            Registration(
                "frontdesk.dialogue.v1.DialogueService",
                dialogue_pb2_grpc.add_DialogueServiceServicer_to_server,
                self,
            ),
            Registration(
                "frontdesk.dialogue.v1.KnowledgeService",
                knowledge_pb2_grpc.add_KnowledgeServiceServicer_to_server,
                self,
            ),
            Registration("frontdesk.tts.v1.TtsService", tts_pb2_grpc.add_TtsServiceServicer_to_server, self),
        ]

    async def _enter(self, method: str) -> None:
        self.callers[method] = current_caller()
        if error := self.failing.get(method):
            raise error
        if method in self.hanging:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.add(method)
                raise

    async def Recognize(self, request: Any, context: Any) -> asr_pb2.RecognizeResponse:  # noqa: N802
        await self._enter("Recognize")
        if not request.audio.startswith(b"RIFF"):
            raise InvalidArgument("AUDIO_UNDECODABLE", "the audio cannot be decoded", field="audio")
        word = asr_pb2.WordInfo(word="where", confidence=0.5)
        word.end_offset.FromMilliseconds(250)
        return asr_pb2.RecognizeResponse(
            transcript="where is my order", language_code="en", confidence=0.5, words=[word], model="asr_en@1"
        )

    async def EmbedTexts(self, request: Any, context: Any) -> text_pb2.EmbedTextsResponse:  # noqa: N802
        await self._enter("EmbedTexts")
        embedding = text_pb2.TextEmbedding(sentence=[1.0, 0.0], token_count=3)
        return text_pb2.EmbedTextsResponse(
            embeddings=[embedding] * len(request.texts), embedding_model="encoder@1"
        )

    async def Respond(  # noqa: N802
        self, request: Any, context: Any
    ) -> AsyncIterator[dialogue_pb2.RespondResponse]:
        self.responding.append(request)
        await self._enter("Respond")
        yield dialogue_pb2.RespondResponse(
            understanding=dialogue_pb2.Understanding(
                intents=[dialogue_pb2.IntentScore(intent="order_status", probability=0.5)],
                language_code="en",
                confidence=0.5,
                model="intent_shop@1",
            )
        )
        yield dialogue_pb2.RespondResponse(answer_delta=ANSWER[0])
        yield dialogue_pb2.RespondResponse(
            citation=dialogue_pb2.Citation(passage_id="orders.track", quote="track it", score=0.5)
        )
        yield dialogue_pb2.RespondResponse(answer_delta=ANSWER[1])
        handoff = "person" in request.input.text
        if handoff:
            yield dialogue_pb2.RespondResponse(
                handoff=dialogue_pb2.Handoff(
                    reason=dialogue_pb2.HANDOFF_REASON_REQUESTED, summary="wants a person"
                )
            )
        state = dialogue_pb2.ConversationState(
            schema_version=1,
            domain_version=f"{request.domain}@1",
            turn_count=request.state.turn_count + 1,
            handed_off=handoff,
        )
        yield dialogue_pb2.RespondResponse(
            completed=dialogue_pb2.ResponseCompleted(
                decision=dialogue_pb2.DECISION_HANDOFF if handoff else dialogue_pb2.DECISION_ANSWER,
                answer="".join(ANSWER),
                state=state,
            )
        )

    async def StreamingSynthesize(  # noqa: N802
        self, requests: Any, context: Any
    ) -> AsyncIterator[tts_pb2.StreamingSynthesizeResponse]:
        first = True
        async for request in requests:
            if request.HasField("config"):
                self.synthesizing.append(request.config)
                continue
            await self._enter("StreamingSynthesize")
            yield tts_pb2.StreamingSynthesizeResponse(
                audio=request.text.encode() + b"\x00\xff",
                format=self.synthesizing[-1].format if first else None,
            )
            first = False

    async def Search(self, request: Any, context: Any) -> knowledge_pb2.SearchResponse:  # noqa: N802
        await self._enter("Search")
        if not request.query:
            raise InvalidArgument("QUERY_EMPTY", "query is empty: ask something", field="query")
        hit = knowledge_pb2.SearchHit(passage_id="orders.track", text=f"top {request.top_k}")
        return knowledge_pb2.SearchResponse(hits=[hit], embedding_model="encoder@1")

    async def Synthesize(self, request: Any, context: Any) -> tts_pb2.SynthesizeResponse:  # noqa: N802
        await self._enter("Synthesize")
        if request.text == "slow":
            raise Unavailable("MODEL_UNAVAILABLE", "the model restarts", retry_after_seconds=1.5)
        return tts_pb2.SynthesizeResponse(audio=request.text.encode(), voice=request.voice.voice)

    async def ListVoices(self, request: Any, context: Any) -> tts_pb2.ListVoicesResponse:  # noqa: N802
        await self._enter("ListVoices")
        return tts_pb2.ListVoicesResponse(voices=[tts_pb2.Voice(name="bella", language_code="en")])

    async def Understand(self, request: Any, context: Any) -> dialogue_pb2.UnderstandResponse:  # noqa: N802
        await self._enter("Understand")
        return dialogue_pb2.UnderstandResponse()

    async def PublishDomain(  # noqa: N802
        self, requests: Any, context: Any
    ) -> dialogue_pb2.PublishDomainResponse:
        await self._enter("PublishDomain")
        sizes = [len(request.chunk) async for request in requests]
        return dialogue_pb2.PublishDomainResponse(domain_version=f"shop@{sum(sizes)}")

    async def UpsertDocuments(  # noqa: N802
        self, request: Any, context: Any
    ) -> knowledge_pb2.UpsertDocumentsResponse:
        await self._enter("UpsertDocuments")
        return knowledge_pb2.UpsertDocumentsResponse()

    async def ListDocuments(self, request: Any, context: Any) -> knowledge_pb2.ListDocumentsResponse:  # noqa: N802
        await self._enter("ListDocuments")
        return knowledge_pb2.ListDocumentsResponse()

    async def DeleteDocuments(  # noqa: N802
        self, request: Any, context: Any
    ) -> knowledge_pb2.DeleteDocumentsResponse:
        await self._enter("DeleteDocuments")
        return knowledge_pb2.DeleteDocumentsResponse()
