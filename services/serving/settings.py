"""What every server of ours can be told by its environment."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

MEBIBYTE = 1024 * 1024

_NEVER_SHARED = {"port", "metrics_port"}


class _SharedEnvironment(EnvSettingsSource):
    """``FRONTDESK_X``: said once for all services. Two of them cannot share a port."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if name not in _NEVER_SHARED}


class ServingSettings(BaseSettings):
    """Settings of a server. A service subclasses it with its own fields and

    ``model_config = SettingsConfigDict(env_prefix="FRONTDESK_ASR_")``. A value is
    taken from ``FRONTDESK_ASR_LOG_LEVEL`` first, then from ``FRONTDESK_LOG_LEVEL``
    (all but the ports), then the default.
    """

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_", extra="ignore", frozen=True)

    environment: Literal["development", "production"] = "production"
    """Development adds reflection, so that grpcurl needs no proto files."""
    host: str = "127.0.0.1"
    """Address to listen on, for RPCs and metrics."""
    port: int = 0
    """Port for RPCs; 0 takes a free one."""
    metrics_port: int = 0
    """Port for Prometheus; 0 serves no metrics."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    token_public_key_file: Path | None = None
    """Ed25519 public key (PEM) that internal tokens are verified with."""
    max_message_bytes: int = Field(default=20 * MEBIBYTE, gt=0, le=512 * MEBIBYTE)
    """Largest request; RESOURCE_EXHAUSTED above."""
    max_concurrent_rpcs: int = Field(default=256, gt=0)
    """RPCs at the same time; RESOURCE_EXHAUSTED above."""
    drain_seconds: float = Field(default=20.0, ge=0)
    """How long running RPCs may take to finish after SIGTERM."""
    readiness_seconds: float = Field(default=1.0, gt=0)
    """How often readiness is asked for."""

    @field_validator("port", "metrics_port")  # also where a service declares its own default
    @classmethod
    def _is_a_port(cls, value: int) -> int:
        if not 0 <= value <= 65535:
            raise ValueError("a port is a number from 0 to 65535")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the environment shared by all services below the service's own."""
        shared = _SharedEnvironment(settings_cls, env_prefix="FRONTDESK_")
        return init_settings, env_settings, shared
