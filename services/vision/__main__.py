"""``python -m services.vision``: the vision service."""

import asyncio

from frontdesk.vision.v1 import vision_pb2_grpc

from services.inference.client import TritonClient
from services.serving.run import run
from services.serving.server import Registration, serve
from services.vision.annotator import ImageAnnotator
from services.vision.decoding import PictureLimits
from services.vision.labels import ModelLabels
from services.vision.model import OCR, VISION_ENCODER
from services.vision.servicer import VisionServicer
from services.vision.settings import VisionSettings


async def main(settings: VisionSettings) -> None:
    """Wire settings, models, domain and servicer together, and serve."""
    triton = TritonClient(settings.triton_url)
    limits = PictureLimits(
        most_bytes=settings.max_image_bytes,
        most_pixels=settings.max_image_pixels,
        most_webp_pixels=settings.max_webp_pixels,
    )
    annotator = ImageAnnotator(triton, ModelLabels(triton), limits, decoders=settings.decoders)

    async def ready() -> bool:
        return all(await asyncio.gather(triton.ready(VISION_ENCODER), triton.ready(OCR)))

    registration = Registration(
        "frontdesk.vision.v1.VisionService",
        vision_pb2_grpc.add_VisionServiceServicer_to_server,
        VisionServicer(annotator),
    )
    await serve(settings, [registration], ready=ready, close=[triton.close])


if __name__ == "__main__":
    run(main, VisionSettings)
