"""Settings of the text service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.serving.settings import ServingSettings


class TextSettings(ServingSettings):
    """Read from ``FRONTDESK_TEXT_…``."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_TEXT_")

    port: int = Field(default=50053, ge=0, le=65535)
    metrics_port: int = Field(default=51053, ge=0, le=65535)
    triton_url: str = "127.0.0.1:8001"
    """Triton's gRPC endpoint."""
    tokenizer: Path = Path("build/model_repository/text_encoder/1/tokenizer.json")
    """The encoder's tokenizer, as exported beside the model."""
    max_texts: int = Field(default=64, gt=0)
    """Most texts or passages of a request; RESOURCE_EXHAUSTED above."""
    max_text_characters: int = Field(default=10_000, gt=0)
    """Longest text; INVALID_ARGUMENT above."""
