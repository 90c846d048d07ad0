"""What tests need to start a Triton of their own."""

import contextlib
import socket
from typing import TypedDict


class Ports(TypedDict):
    """Arguments of ``LocalTriton``."""

    grpc_port: int
    http_port: int
    metrics_port: int


def free_ports() -> Ports:
    """Return ports that nothing listens on."""
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(3)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        grpc_port, http_port, metrics_port = (probe.getsockname()[1] for probe in sockets)
    return Ports(grpc_port=grpc_port, http_port=http_port, metrics_port=metrics_port)
