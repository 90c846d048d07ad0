"""Settings of the vision service."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.serving.settings import MEBIBYTE, ServingSettings


class VisionSettings(ServingSettings):
    """Read from ``FRONTDESK_VISION_…``."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_VISION_")

    port: int = Field(default=50052, ge=0, le=65535)
    metrics_port: int = Field(default=51052, ge=0, le=65535)
    triton_url: str = "127.0.0.1:8001"
    """Triton's gRPC endpoint."""
    max_image_bytes: int = Field(default=10 * MEBIBYTE, gt=0)
    """Largest encoded picture; RESOURCE_EXHAUSTED above."""
    max_image_pixels: int = Field(default=40_000_000, gt=0, le=100_000_000)
    """Most pixels of a picture; RESOURCE_EXHAUSTED above, before it is decoded."""
    max_webp_pixels: int = Field(default=15_000_000, gt=0, le=100_000_000)
    """Most pixels of a WebP picture, which takes 16 bytes a pixel to decode."""
    decoders: int = Field(default=1, gt=0)
    """Pictures that are decoded at the same time: each takes 4 bytes a pixel, WebP 16, JPEG less."""
