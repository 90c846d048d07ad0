"""A vision service between the gateway and the real one that takes away a part of what is seen.

Shows what a turn owes to its pictures: with their features gone, or those of
another picture in their place, the same turns must come out wrong.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import grpc
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc


class Alteration(StrEnum):
    """What becomes of what is seen."""

    NONE = "none"
    ZEROED = "zeroed"
    """All vectors are zero, and no words and labels are left."""
    SHUFFLED = "shuffled"
    """Another picture is looked at in its place."""
    WITHOUT_WORDS = "without words"
    """As with OCR switched off."""


class AlteredVision(vision_pb2_grpc.VisionServiceServicer):
    """Passes calls on to the vision service at ``target``, and alters what ``AnnotateImage`` tells.

    ``pictures`` are those that SHUFFLED puts in each other's place: of each, the next one's
    features are told.
    """

    def __init__(self, target: str, pictures: Sequence[bytes] = ()) -> None:
        self.alteration = Alteration.NONE
        self._target = target
        self._next = dict(zip(pictures, [*pictures[1:], *pictures[:1]], strict=True))

    async def EmbedImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._pass_on("EmbedImage", request, context)

    async def ReadText(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._pass_on("ReadText", request, context)

    async def ClassifyImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._pass_on("ClassifyImage", request, context)

    async def AnnotateImage(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self.alteration is Alteration.SHUFFLED:
            request.image = self._next[request.image]
        response = await self._pass_on("AnnotateImage", request, context)
        features = response.features
        match self.alteration:
            case Alteration.ZEROED:
                altered = vision_pb2.ImageFeatures(
                    pooled=[0.0] * len(features.pooled),
                    regions=[0.0] * len(features.regions),
                    region_rows=features.region_rows,
                    region_columns=features.region_columns,
                    embedding_model=features.embedding_model,
                )
                return vision_pb2.AnnotateImageResponse(features=altered)
            case Alteration.WITHOUT_WORDS:
                features.ClearField("lines")
        return response

    async def _pass_on(self, method: str, request: Any, context: Any) -> Any:
        metadata = [(key, value) for key, value in context.invocation_metadata() if key == "authorization"]
        options = [("grpc.max_receive_message_length", -1)]
        async with grpc.aio.insecure_channel(self._target, options=options) as channel:
            stub = vision_pb2_grpc.VisionServiceStub(channel)
            return await getattr(stub, method)(request, metadata=metadata, timeout=20)


@contextmanager
def altered_vision(servicer: AlteredVision) -> Iterator[str]:
    """Serve it from a thread of its own; gives ``host:port``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        vision_pb2_grpc.add_VisionServiceServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server, port

    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(1), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
