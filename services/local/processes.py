"""Which processes make up Frontdesk on one machine, and how each is told where the others are."""

import json
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from services.local.keys import DevelopmentKeys

SERVICES = ("asr", "vision", "text", "dialogue", "tts")
"""The gRPC services behind the gateway, each a module ``services.<name>``."""


@dataclass(frozen=True, slots=True)
class Ports:
    """TCP ports on loopback."""

    gateway: int = 50050
    asr: int = 50051
    vision: int = 50052
    text: int = 50053
    dialogue: int = 50054
    tts: int = 50055
    triton_grpc: int = 8001
    triton_http: int = 8000
    triton_metrics: int = 8002
    metrics_offset: int = 1000
    """Prometheus port of a process = its port + this; 0 turns metrics off."""

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody listens on now, for tests beside a running suite."""
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(9)]
        numbers = [sock.getsockname()[1] for sock in sockets]
        for sock in sockets:
            sock.close()
        names = [name for name in asdict(cls()) if name != "metrics_offset"]
        return cls(**dict(zip(names, numbers, strict=True)), metrics_offset=0)

    def metrics(self, name: str) -> int:
        """Prometheus port of a service or the gateway; 0 where metrics are off."""
        port: int = getattr(self, name)
        return port + self.metrics_offset if self.metrics_offset else 0

    def occupied(self) -> list[str]:
        """Names and numbers of the ports that somebody listens on already."""
        wanted = {name: port for name, port in asdict(self).items() if name != "metrics_offset"}
        if self.metrics_offset:
            wanted |= {f"{name}_metrics": self.metrics(name) for name in (*SERVICES, "gateway")}
        taken = []
        for name, port in wanted.items():
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    taken.append(f"{name} {port}")
        return taken

    def save(self, path: Path) -> None:
        """Write as JSON, for ``load``."""
        path.write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def load(cls, path: Path) -> "Ports":
        """Read what ``save`` wrote."""
        return cls(**json.loads(path.read_text()))


@dataclass(frozen=True, slots=True)
class Process:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    port: int
    """The port whose health says whether it is ready."""


def processes(ports: Ports, repository: Path) -> list[Process]:
    """Triton, the services and the gateway, in order of start."""
    triton = Process(
        "triton",
        (
            *(sys.executable, "-m", "services.triton", "--repository", str(repository)),
            *("--grpc-port", str(ports.triton_grpc), "--http-port", str(ports.triton_http)),
            *("--metrics-port", str(ports.triton_metrics)),
        ),
        ports.triton_grpc,
    )
    ours = [
        Process(name, (sys.executable, "-m", f"services.{name}"), getattr(ports, name)) for name in SERVICES
    ]
    return [triton, *ours, Process("gateway", (sys.executable, "-m", "gateway"), ports.gateway)]


def environment(
    ports: Ports, keys: DevelopmentKeys, *, repository: Path, weights: Path, data: Path, domain: str
) -> Mapping[str, str]:
    """Settings of every process, as environment variables."""
    values = {
        "FRONTDESK_ENVIRONMENT": "development",
        "FRONTDESK_TOKEN_PUBLIC_KEY_FILE": str(keys.token_public),
        "FRONTDESK_GATEWAY_TOKEN_PRIVATE_KEY_FILE": str(keys.token_private),
        "FRONTDESK_GATEWAY_API_KEY_FILE": str(keys.api_key),
        "FRONTDESK_GATEWAY_DOMAIN": domain,
        "FRONTDESK_GATEWAY_DATA_DIR": str(data / "gateway"),
        "FRONTDESK_DIALOGUE_DATA_DIR": str(data / "dialogue"),
        "FRONTDESK_DIALOGUE_TEXT_TARGET": f"127.0.0.1:{ports.text}",
        "FRONTDESK_TEXT_TOKENIZER": str(repository / "text_encoder" / "1" / "tokenizer.json"),
        "FRONTDESK_ASR_VAD_MODEL": str(weights / "vad" / "silero_vad_16k_sequence.onnx"),
    }
    for name in (*SERVICES, "gateway"):
        values[f"FRONTDESK_{name.upper()}_PORT"] = str(getattr(ports, name))
        values[f"FRONTDESK_{name.upper()}_METRICS_PORT"] = str(ports.metrics(name))
    for name in SERVICES:
        values[f"FRONTDESK_{name.upper()}_TRITON_URL"] = f"127.0.0.1:{ports.triton_grpc}"
        values[f"FRONTDESK_GATEWAY_{name.upper()}_TARGET"] = f"127.0.0.1:{getattr(ports, name)}"
    return values
