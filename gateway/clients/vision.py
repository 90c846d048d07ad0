"""Pictures to features over gRPC."""

import grpc
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc

from gateway.clients.features import image_from_wire
from gateway.clients.fields import with_fields
from gateway.turn.features import ImageFeatures
from gateway.turn.types import ImageInput
from services.serving.calls import as_domain_error, call_metadata

SERVICE = "frontdesk.vision.v1.VisionService"
_FEATURES = (
    vision_pb2.IMAGE_FEATURE_EMBEDDING,
    vision_pb2.IMAGE_FEATURE_TEXT,
    vision_pb2.IMAGE_FEATURE_LABELS,
)


class VisionClient:
    """An ``ImageReader`` that calls ``VisionService``."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = vision_pb2_grpc.VisionServiceStub(channel)

    async def annotate(self, image: ImageInput, domain: str, *, timeout_seconds: float) -> ImageFeatures:
        """Look at one picture."""
        request = vision_pb2.AnnotateImageRequest(image=image.content, features=_FEATURES, domain=domain)
        try:
            response = await self._stub.AnnotateImage(
                request, timeout=timeout_seconds, metadata=call_metadata()
            )
        except grpc.aio.AioRpcError as error:
            raise with_fields(as_domain_error(error, "vision"), _field) from error
        return image_from_wire(response.features)


def _field(field: str) -> str:
    return "content" if field == "image" else field
