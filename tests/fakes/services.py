"""The services that a gateway calls, small and scripted, for real gRPC servers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc, knowledge_pb2, knowledge_pb2_grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc

from services.serving.errors import FrontdeskError, InvalidArgument, ResourceExhausted, Unavailable
from services.serving.identity import Caller, current_caller
from services.serving.server import Registration
from tests.fakes.streaming_asr import FakeStreamingAsr

PNG = b"\x89PNG\r\n\x1a\n"
PNG_END = b"IEND\xaeB`\x82"
ANSWER = ("You can track it in your account. ", "It takes two days.")
ANSWER_PICTURE = dialogue_pb2.AnswerPicture(
    picture_id="router-red",
    passage_id="orders.track",
    media_type="image/webp",
    content=b"RIFF\x04\x00\x00\x00WEBP\x00\xff",
    caption="A red light",
)


class FakeServices(
    FakeStreamingAsr,
    vision_pb2_grpc.VisionServiceServicer,
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
        super().__init__()
        self.failing: dict[str, FrontdeskError] = {}
        self.hanging: set[str] = set()
        self.cancelled: set[str] = set()
        self.recognizing: list[asr_pb2.RecognizeRequest] = []
        self.annotating: list[vision_pb2.AnnotateImageRequest] = []
        self.embedding: list[text_pb2.EmbedTextsRequest] = []
        self.responding: list[dialogue_pb2.RespondRequest] = []
        self.understanding: list[dialogue_pb2.UnderstandRequest] = []
        self.synthesizing: list[tts_pb2.StreamingSynthesisConfig] = []
        self.callers: dict[str, Caller] = {}

    def registrations(self) -> list[Registration]:
        """Return what one server needs to serve them all."""
        return [
            Registration("frontdesk.asr.v1.AsrService", asr_pb2_grpc.add_AsrServiceServicer_to_server, self),
            Registration(
                "frontdesk.vision.v1.VisionService",
                vision_pb2_grpc.add_VisionServiceServicer_to_server,
                self,
            ),
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
        self.recognizing.append(request)
        await self._enter("Recognize")
        if not request.audio.startswith(b"RIFF"):
            raise InvalidArgument("AUDIO_UNDECODABLE", "the audio cannot be decoded", field="audio")
        word = asr_pb2.WordInfo(word="where", confidence=0.5)
        word.end_offset.FromMilliseconds(250)
        acoustic = asr_pb2.AcousticFeatures(frames=[0.5, 0.25], width=2, model="acoustic@1")
        acoustic.frame_period.FromMilliseconds(100)
        return asr_pb2.RecognizeResponse(
            transcript="where is my order",
            language_code="en",
            confidence=0.5,
            words=[word],
            model="asr_en@1",
            acoustic_features=acoustic if request.config.include_acoustic_features else None,
        )

    async def AnnotateImage(self, request: Any, context: Any) -> vision_pb2.AnnotateImageResponse:  # noqa: N802
        self.annotating.append(request)
        await self._enter("AnnotateImage")
        return vision_pb2.AnnotateImageResponse(features=_seen(request.image))

    async def EmbedImage(self, request: Any, context: Any) -> vision_pb2.EmbedImageResponse:  # noqa: N802
        await self._enter("EmbedImage")
        seen = _seen(request.image)
        return vision_pb2.EmbedImageResponse(
            pooled=seen.pooled,
            regions=seen.regions if request.include_regions else (),
            embedding_model=seen.embedding_model,
        )

    async def ReadText(self, request: Any, context: Any) -> vision_pb2.ReadTextResponse:  # noqa: N802
        await self._enter("ReadText")
        lines = _seen(request.image).lines
        return vision_pb2.ReadTextResponse(
            lines=lines, text="\n".join(line.text for line in lines), model="ocr@1"
        )

    async def ClassifyImage(self, request: Any, context: Any) -> vision_pb2.ClassifyImageResponse:  # noqa: N802
        await self._enter("ClassifyImage")
        seen = _seen(request.image)
        if not request.domain:
            return vision_pb2.ClassifyImageResponse(labels=seen.labels, model="vision_encoder@1")
        return vision_pb2.ClassifyImageResponse(
            products=seen.products, kinds=seen.kinds, model=f"picture_{request.domain}@{request.max_labels}"
        )

    async def EmbedTexts(self, request: Any, context: Any) -> text_pb2.EmbedTextsResponse:  # noqa: N802
        self.embedding.append(request)
        await self._enter("EmbedTexts")
        return text_pb2.EmbedTextsResponse(
            embeddings=[
                text_pb2.TextEmbedding(
                    sentence=[1.0, 0.0],
                    token_count=3,
                    tokens=[
                        text_pb2.TokenEmbedding(token=word, vector=[0.5, 0.5])
                        for word in text.split()
                        if request.include_tokens
                    ],
                )
                for text in request.texts
            ],
            embedding_model="encoder@1",
        )

    async def Rerank(self, request: Any, context: Any) -> text_pb2.RerankResponse:  # noqa: N802
        await self._enter("Rerank")
        scores = [float(len(passage)) for passage in request.passages]
        return text_pb2.RerankResponse(scores=scores, reranker_model="reranker@1")

    async def Respond(  # noqa: N802
        self, request: Any, context: Any
    ) -> AsyncIterator[dialogue_pb2.RespondResponse]:
        self.responding.append(request)
        await self._enter("Respond")
        seen = [index for index, image in enumerate(request.input.images) if image.pooled]
        yield dialogue_pb2.RespondResponse(understanding=_understanding(seen))
        yield dialogue_pb2.RespondResponse(answer_delta=ANSWER[0])
        yield dialogue_pb2.RespondResponse(
            citation=dialogue_pb2.Citation(passage_id="orders.track", quote="track it", score=0.5)
        )
        if seen:
            yield dialogue_pb2.RespondResponse(picture=ANSWER_PICTURE)
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
        """A quarter each for text, sound, looks and words in pictures: so likely is the passage."""
        self.understanding.append(request)
        await self._enter("Understand")
        given = request.input
        known = (
            bool(given.text),
            given.HasField("acoustic_features"),
            any(any(image.pooled) for image in given.images),
            any(image.lines for image in given.images),
        )
        passage = dialogue_pb2.PassageScore(
            passage_id=request.passage_id or "orders.track", probability=0.25 * sum(known)
        )
        intent = dialogue_pb2.IntentScore(intent="order_status", probability=0.25 * sum(known))
        return dialogue_pb2.UnderstandResponse(
            understanding=dialogue_pb2.Understanding(
                intents=[intent], language_code="en", model="fusion_shop@1", passages=[passage]
            )
        )

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


def _seen(image: bytes) -> vision_pb2.ImageFeatures:
    """What is seen in a PNG: its one line of words stands behind its end, or else behind its signature."""
    if not image.startswith(PNG):
        raise InvalidArgument("IMAGE_UNDECODABLE", "the picture cannot be decoded", field="image")
    _, end, behind = image.partition(PNG_END)
    words = (behind if end else image.removeprefix(PNG)).decode()
    if words == "bomb":
        raise ResourceExhausted(
            "IMAGE_TOO_LARGE", "the picture has too many pixels", field="image", metadata={"limit": "40"}
        )
    box = vision_pb2.BoundingBox(left=0.25, top=0.25, width=0.5, height=0.125)
    return vision_pb2.ImageFeatures(
        pooled=[1.0, 2.0],
        regions=[1.0, 2.0],
        region_rows=1,
        region_columns=1,
        lines=[vision_pb2.TextLine(text=words, box=box, confidence=0.75)] if words else [],
        labels=[vision_pb2.ImageLabel(label="modem", score=0.5)],
        products=[vision_pb2.ImageLabel(label="brook-r2", score=0.75)],
        kinds=[vision_pb2.ImageLabel(label="device_panel", score=0.75)],
        embedding_model="encoder@1",
    )


def _understanding(seen: list[int]) -> dialogue_pb2.Understanding:
    understanding = dialogue_pb2.Understanding(
        intents=[dialogue_pb2.IntentScore(intent="order_status", probability=0.5)],
        language_code="en",
        confidence=0.5,
        model="intent_shop@1",
    )
    if seen:
        score = dialogue_pb2.LabelScore(label="brook-r2", probability=0.75)
        understanding.model = "fusion_shop@1"
        understanding.products.append(score)
        understanding.kinds.add(label="device_panel", probability=0.75)
        understanding.passages.add(passage_id="orders.track", probability=0.5)
        for index in seen:
            understanding.seen.add(image_index=index, picture_id="router-red", probability=0.75)
    return understanding
