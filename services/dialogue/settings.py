"""Settings of the dialogue service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.serving.settings import MEBIBYTE, ServingSettings


class DialogueSettings(ServingSettings):
    """Read from ``FRONTDESK_DIALOGUE_…``."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_DIALOGUE_")

    port: int = Field(default=50054, ge=0, le=65535)
    metrics_port: int = Field(default=51054, ge=0, le=65535)
    triton_url: str = "127.0.0.1:8001"
    """Triton's gRPC endpoint."""
    text_target: str = "127.0.0.1:50053"
    """Address of the text service."""
    data_dir: Path = Path("build/run/dialogue")
    """Folder of the knowledge store."""
    max_text_characters: int = Field(default=10_000, gt=0, le=10_000)
    """Longest text of a turn; INVALID_ARGUMENT above. The text service takes 10,000."""
    max_bundle_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    """Largest domain bundle, packed and unpacked; RESOURCE_EXHAUSTED above."""
    max_passages: int = Field(default=50_000, gt=0)
    """Passages of a tenant's documents; RESOURCE_EXHAUSTED above."""
