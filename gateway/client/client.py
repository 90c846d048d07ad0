"""The Python client for integrators, on grpcio and protobuf alone: blocking, but for live calls."""

import uuid
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Literal

from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc
from frontdesk.dialogue.v1 import knowledge_pb2, knowledge_pb2_grpc
from frontdesk.gateway.v1 import conversation_pb2, conversation_pb2_grpc
from frontdesk.text.v1 import text_pb2, text_pb2_grpc
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc
from google.protobuf import wrappers_pb2

from gateway.client.call import Call
from gateway.client.channel import credential, open_channel
from gateway.client.errors import api_errors
from gateway.client.results import TurnResult, collect_turn

_IMAGE_FEATURES = {
    "embedding": vision_pb2.IMAGE_FEATURE_EMBEDDING,
    "text": vision_pb2.IMAGE_FEATURE_TEXT,
    "labels": vision_pb2.IMAGE_FEATURE_LABELS,
}
_HEALTH_STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


class FrontdeskClient:
    """One connection to a Frontdesk gateway; safe to use from several threads.

    Every method raises :class:`FrontdeskApiError` when its call fails.
    ``timeout_seconds`` is the deadline of each call. With ``root_certificates``
    (PEM) the connection is TLS. Use it as a context manager, or call ``close``.
    ValueError for what cannot be an API key.

        with FrontdeskClient("127.0.0.1:50050", api_key) as client:
            turn = client.take_turn(text="Where is my order?")
            print(turn.answer)
    """

    def __init__(
        self,
        target: str,
        api_key: str,
        *,
        timeout_seconds: float = 30.0,
        root_certificates: bytes | None = None,
    ) -> None:
        self.target = target
        self.timeout_seconds = timeout_seconds
        self._root_certificates = root_certificates
        self._credential = credential(api_key)
        self.channel, self._connection = open_channel(
            target, self._credential, timeout_seconds=timeout_seconds, root_certificates=root_certificates
        )
        """Carries the credential and the deadline; for calls that have no method here."""
        self._conversations = conversation_pb2_grpc.ConversationServiceStub(self.channel)
        self._asr = asr_pb2_grpc.AsrServiceStub(self.channel)
        self._vision = vision_pb2_grpc.VisionServiceStub(self.channel)
        self._text = text_pb2_grpc.TextServiceStub(self.channel)
        self._tts = tts_pb2_grpc.TtsServiceStub(self.channel)
        self._knowledge = knowledge_pb2_grpc.KnowledgeServiceStub(self.channel)

    def __enter__(self) -> "FrontdeskClient":
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._connection.close()

    def handle_turn(
        self,
        *,
        text: str = "",
        audio: bytes | conversation_pb2.AudioInput | None = None,
        images: Sequence[bytes] = (),
        language: str = "",
        session_id: str = "",
        turn_id: str = "",
        answer_audio: bool | conversation_pb2.AnswerAudioConfig = False,
    ) -> Iterator[conversation_pb2.HandleTurnResponse]:
        """Take one turn of a customer and yield its events as they come.

        ``audio`` is a WAV, FLAC, Ogg or MP3 file's bytes, or an ``AudioInput``
        that says how raw samples are coded. ``images`` are JPEG, PNG or WebP files'
        bytes, at most 8. ``answer_audio`` True asks for speech
        in the default voice and format. Without ``session_id`` a session is made;
        without ``turn_id`` one is made here. A turn that ended with UNAVAILABLE may
        be repeated with the same ``session_id`` and ``turn_id``. The call starts with
        the first ``next``; closing the iterator cancels the turn.
        """
        request = conversation_pb2.HandleTurnRequest(
            session_id=session_id,
            turn_id=turn_id or uuid.uuid4().hex,
            text=text,
            images=[conversation_pb2.ImageInput(content=image) for image in images],
            language_code=language,
        )
        if audio is not None:
            content = conversation_pb2.AudioInput(content=audio) if isinstance(audio, bytes) else audio
            request.audio.CopyFrom(content)
        if isinstance(answer_audio, conversation_pb2.AnswerAudioConfig):
            request.answer_audio.CopyFrom(answer_audio)
        elif answer_audio:
            request.answer_audio.SetInParent()
        with api_errors(self.target):
            call: Any = self._conversations.HandleTurn(request)
            try:
                yield from call
            finally:
                call.cancel()

    def take_turn(
        self,
        *,
        text: str = "",
        audio: bytes | conversation_pb2.AudioInput | None = None,
        images: Sequence[bytes] = (),
        language: str = "",
        session_id: str = "",
        turn_id: str = "",
        answer_audio: bool | conversation_pb2.AnswerAudioConfig = False,
    ) -> TurnResult:
        """Take one turn and wait for all that comes of it; arguments as for :meth:`handle_turn`."""
        return collect_turn(
            self.handle_turn(
                text=text,
                audio=audio,
                images=images,
                language=language,
                session_id=session_id,
                turn_id=turn_id,
                answer_audio=answer_audio,
            )
        )

    def converse(
        self, config: conversation_pb2.ConverseConfig, *, timeout_seconds: float | None = None
    ) -> Call:
        """Hold a live call, in asyncio: audio goes out while events come in.

        ``timeout_seconds`` bounds the whole call; None means as long as the server
        allows. The call begins when it is entered.

            config = conversation_pb2.ConverseConfig(
                encoding=asr_pb2.AUDIO_ENCODING_MULAW, sample_rate_hertz=8000
            )
            async with client.converse(config) as call:
                sending = asyncio.create_task(send_frames(call))  # await call.send_audio(frame), …
                async for event in call:
                    print(event.WhichOneof("event"))
        """
        return Call(
            self.target,
            self._credential,
            config,
            timeout_seconds=timeout_seconds,
            root_certificates=self._root_certificates,
        )

    def get_conversation(
        self, session_id: str, *, page_size: int = 0, page_token: str = ""
    ) -> conversation_pb2.GetConversationResponse:
        """Return a page of a stored conversation (default 50 turns, oldest first)."""
        request = conversation_pb2.GetConversationRequest(
            session_id=session_id, page_size=page_size, page_token=page_token
        )
        with api_errors(self.target):
            return self._conversations.GetConversation(request)

    def explain_turn(
        self, session_id: str, turn_id: str, *, include_regions: bool = False
    ) -> conversation_pb2.ExplainTurnResponse:
        """Say how much each modality of a completed turn moved its decision.

        Takes seconds; with ``include_regions`` several for each picture: allow it time.
        """
        request = conversation_pb2.ExplainTurnRequest(
            session_id=session_id, turn_id=turn_id, include_regions=include_regions
        )
        with api_errors(self.target):
            return self._conversations.ExplainTurn(request)

    def transcribe(
        self, audio: bytes, *, language: str = "", config: asr_pb2.RecognitionConfig | None = None
    ) -> asr_pb2.RecognizeResponse:
        """Recognize one recording; ``config`` is needed for raw samples only."""
        request = asr_pb2.RecognizeRequest(audio=audio, config=config)
        if language:
            request.config.language_code = language
        with api_errors(self.target):
            return self._asr.Recognize(request)

    def annotate_image(
        self,
        image: bytes,
        *,
        features: Sequence[Literal["embedding", "text", "labels"]] = ("text", "labels"),
        domain: str = "",
    ) -> vision_pb2.ImageFeatures:
        """Find out several things about a picture, which is sent and decoded once.

        ``image`` is a JPEG, PNG or WebP file's bytes, here as below. With ``domain`` the
        labels are its products and picture kinds as well.
        """
        wanted = [_IMAGE_FEATURES[feature] for feature in features]
        request = vision_pb2.AnnotateImageRequest(image=image, features=wanted, domain=domain)
        with api_errors(self.target):
            return self._vision.AnnotateImage(request).features

    def embed_image(self, image: bytes, *, include_regions: bool = False) -> vision_pb2.EmbedImageResponse:
        """Embed a picture as one vector; ``include_regions`` adds a vector for each region of a grid."""
        request = vision_pb2.EmbedImageRequest(image=image, include_regions=include_regions)
        with api_errors(self.target):
            return self._vision.EmbedImage(request)

    def read_text(self, image: bytes) -> vision_pb2.ReadTextResponse:
        """Read the words in a picture, Chinese and English."""
        with api_errors(self.target):
            return self._vision.ReadText(vision_pb2.ReadTextRequest(image=image))

    def classify_image(
        self, image: bytes, *, domain: str = "", max_labels: int = 0
    ) -> vision_pb2.ClassifyImageResponse:
        """Tell what a picture shows: the domain's products and kinds, or ImageNet's labels without one.

        ``max_labels`` 0 means the server's default of 5 of each sort.
        """
        request = vision_pb2.ClassifyImageRequest(image=image, domain=domain, max_labels=max_labels)
        with api_errors(self.target):
            return self._vision.ClassifyImage(request)

    def synthesize(
        self,
        text: str,
        *,
        voice: str = "",
        language: str = "",
        speaking_rate: float = 0.0,
        audio_format: tts_pb2.OutputFormat | None = None,
    ) -> tts_pb2.SynthesizeResponse:
        """Speak a text. Defaults: the language's voice at its own pace, LINEAR16 at 24 kHz."""
        request = tts_pb2.SynthesizeRequest(
            text=text,
            voice=tts_pb2.VoiceConfig(voice=voice, language_code=language, speaking_rate=speaking_rate),
            format=audio_format,
        )
        with api_errors(self.target):
            return self._tts.Synthesize(request)

    def list_voices(self, *, language: str = "") -> tuple[tts_pb2.Voice, ...]:
        """Return the installed voices, those of ``language`` alone if named."""
        with api_errors(self.target):
            return tuple(self._tts.ListVoices(tts_pb2.ListVoicesRequest(language_code=language)).voices)

    def embed(
        self,
        texts: Sequence[str],
        *,
        input_type: Literal["query", "passage"] = "query",
        include_tokens: bool = False,
    ) -> text_pb2.EmbedTextsResponse:
        """Embed texts for retrieval, as questions or as passages."""
        kind = text_pb2.INPUT_TYPE_QUERY if input_type == "query" else text_pb2.INPUT_TYPE_PASSAGE
        request = text_pb2.EmbedTextsRequest(texts=texts, input_type=kind, include_tokens=include_tokens)
        with api_errors(self.target):
            return self._text.EmbedTexts(request)

    def search(
        self, query: str, *, language: str = "", top_k: int = 0, domain: str = ""
    ) -> knowledge_pb2.SearchResponse:
        """Search the knowledge base; ``top_k`` 0 means the server's default of 5."""
        request = knowledge_pb2.SearchRequest(query=query, language_code=language, top_k=top_k, domain=domain)
        with api_errors(self.target):
            return self._knowledge.Search(request)

    def health(self, service: str = "") -> str:
        """Return the gateway's health, or that of one service by its full name.

        ``SERVING``, ``NOT_SERVING``, ``UNKNOWN`` or ``SERVICE_UNKNOWN``.
        """
        # grpc.health.v1's messages are one string and one enum, each field 1: the
        # wrapper types read and write the same bytes, without another package.
        check = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=wrappers_pb2.StringValue.SerializeToString,
            response_deserializer=wrappers_pb2.Int32Value.FromString,
        )
        with api_errors(self.target):
            state = check(wrappers_pb2.StringValue(value=service), timeout=min(5.0, self.timeout_seconds))
        return _HEALTH_STATES.get(state.value, "UNKNOWN")
