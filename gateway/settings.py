"""What the gateway can be told by its environment."""

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from services.serving.settings import MEBIBYTE, ServingSettings


class GatewaySettings(ServingSettings):
    """``FRONTDESK_GATEWAY_…``; see also ``ServingSettings``."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_GATEWAY_", extra="ignore", frozen=True)

    port: int = Field(default=50050, ge=0, le=65535)
    metrics_port: int = Field(default=51050, ge=0, le=65535)
    max_message_bytes: int = Field(default=100 * MEBIBYTE, gt=0, le=512 * MEBIBYTE)
    """Holds a turn with the largest audio and all its pictures."""
    max_proxied_message_bytes: int = Field(default=20 * MEBIBYTE, gt=0, le=512 * MEBIBYTE)
    """Largest message passed on to a service; the services' own limit."""

    asr_target: str = "127.0.0.1:50051"
    vision_target: str = "127.0.0.1:50052"
    text_target: str = "127.0.0.1:50053"
    dialogue_target: str = "127.0.0.1:50054"
    tts_target: str = "127.0.0.1:50055"

    data_dir: Path = Path("build/data/gateway")
    """Sessions (SQLite) and media (files)."""
    token_private_key_file: Path
    """Ed25519 private key (PEM) that signs internal tokens."""
    api_key_file: Path | None = None
    """API key of the one tenant "demo"."""
    tenants_file: Path | None = None
    """Tenants with the hashes of their API keys (TOML)."""
    domain: str = "shop"
    """Domain of the tenant "demo"."""

    turn_limit_seconds: float = Field(default=60.0, gt=1)
    """Longest time that a turn may take, whatever its caller allows."""
    vision_limit_seconds: float = Field(default=15.0, gt=0)
    """Longest time that a turn's pictures are looked at; the turn goes on without the rest."""
    speech_stall_seconds: float = Field(default=10.0, gt=0)
    """The turn goes on without speech when no audio comes for so long."""
    max_calls: int = Field(default=4, gt=0)
    """Live calls at the same time; the next is refused at once. As many as two cores hold well."""
    call_limit_seconds: float = Field(default=7200.0, gt=0)
    """Longest time that a call may take."""
    call_idle_seconds: float = Field(default=30.0, gt=0)
    """A call ends when its client sends or reads nothing for so long."""
    max_text_characters: int = Field(default=4_000, gt=0)
    max_audio_bytes: int = Field(default=16 * MEBIBYTE, gt=0)
    max_images: int = Field(default=8, gt=0)
    max_image_bytes: int = Field(default=10 * MEBIBYTE, gt=0)

    @model_validator(mode="after")
    def _knows_a_tenant(self) -> "GatewaySettings":
        if self.api_key_file is None and self.tenants_file is None:
            raise ValueError("set FRONTDESK_GATEWAY_API_KEY_FILE or FRONTDESK_GATEWAY_TENANTS_FILE")
        return self
