"""What the speech service can be told by its environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.serving.settings import MEBIBYTE, ServingSettings


class TtsSettings(ServingSettings):
    """``FRONTDESK_TTS_…``."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_TTS_")

    port: int = 50055
    metrics_port: int = 51055
    triton_url: str = "127.0.0.1:8001"
    """Triton's gRPC address."""
    max_text_characters: int = Field(default=5_000, gt=0)
    """Longest text of a request or a stream; RESOURCE_EXHAUSTED above."""
    cache_max_bytes: int = Field(default=32 * MEBIBYTE, ge=0)
    """Speech kept for what is said again, 96 kB a second; 0 keeps none."""
    cache_max_characters: int = Field(default=200, ge=0)
    """Longest sentence whose speech is kept."""
