"""The asr service before a real Triton, called through gRPC."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from frontdesk.asr.v1 import asr_pb2, asr_pb2_grpc

from services.asr.composition import asr_servicer
from services.asr.settings import AsrSettings
from services.inference.client import TritonClient
from services.serving.server import Registration, build_server
from services.serving.tokens import TokenMinter, new_key_pair


@dataclass(frozen=True, slots=True)
class AsrCaller:
    """Calls the service with a credential."""

    stub: "asr_pb2_grpc.AsrServiceAsyncStub"
    minter: TokenMinter

    async def recognize(self, audio: bytes, config: asr_pb2.RecognitionConfig) -> asr_pb2.RecognizeResponse:
        """Recognize a whole recording."""
        request = asr_pb2.RecognizeRequest(audio=audio, config=config)
        return await self.stub.Recognize(request, timeout=60.0, metadata=self._credential())

    def stream(
        self, requests: AsyncIterator[asr_pb2.StreamingRecognizeRequest]
    ) -> AsyncIterator[asr_pb2.StreamingRecognizeResponse]:
        """Recognize while it is spoken."""
        return aiter(self.stub.StreamingRecognize(requests, metadata=self._credential()))

    def _credential(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.minter.mint('demo', 'gateway')}"),)


@asynccontextmanager
async def asr_service(triton: TritonClient, vad_model: Path) -> AsyncIterator[AsrCaller]:
    """The service on a free port, until left."""
    private, public_key = new_key_pair()
    with tempfile.NamedTemporaryFile(suffix=".pem") as public:
        public.write(public_key)
        public.flush()
        settings = AsrSettings(
            port=0, metrics_port=0, token_public_key_file=Path(public.name), vad_model=vad_model
        )
        add = asr_pb2_grpc.add_AsrServiceServicer_to_server
        registration = Registration("frontdesk.asr.v1.AsrService", add, asr_servicer(settings, triton))
        server = build_server(settings, [registration])
    await server.start()
    try:
        options = [("grpc.max_send_message_length", settings.max_message_bytes)]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}", options=options) as channel:
            yield AsrCaller(asr_pb2_grpc.AsrServiceStub(channel), TokenMinter(private))
    finally:
        await server.drain(0)
