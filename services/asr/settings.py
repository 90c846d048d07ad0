"""Settings of the speech recognition service."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.serving.settings import MEBIBYTE, ServingSettings


class AsrSettings(ServingSettings):
    """Read from ``FRONTDESK_ASR_…``."""

    model_config = SettingsConfigDict(env_prefix="FRONTDESK_ASR_")

    port: int = Field(default=50051, ge=0, le=65535)
    metrics_port: int = Field(default=51051, ge=0, le=65535)
    triton_url: str = "127.0.0.1:8001"
    """Triton's gRPC endpoint."""
    vad_model: Path = Path("build/weights/vad/silero_vad_16k_sequence.onnx")
    """Silero VAD, the sequence variant."""
    end_of_turn_model: Path = Path("build/weights/end_of_turn/smart_turn_cpu.onnx")
    """smart-turn, which hears whether a speaker has finished."""
    max_streams: int = Field(default=16, gt=0)
    """Streams that are heard at the same time; RESOURCE_EXHAUSTED above."""
    max_audio_bytes: int = Field(default=16 * MEBIBYTE, gt=0)
    """Largest audio of a request; RESOURCE_EXHAUSTED above."""
    max_audio_seconds: float = Field(default=300.0, gt=0)
    """Longest audio, decoded; RESOURCE_EXHAUSTED above."""
