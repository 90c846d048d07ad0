"""Prometheus metrics of RPCs, by the names that gRPC dashboards expect."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.serving.interceptors.around import Interceptor, Rpc
from services.serving.interceptors.outcome import outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class MetricsInterceptor(Interceptor):
    """Counts RPCs started and handled and times them (go-grpc-middleware's names and labels)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("grpc_type", "grpc_service", "grpc_method")
        self._started = Counter(
            "grpc_server_started", "RPCs started on the server.", labels, registry=registry
        )
        self._handled = Counter(
            "grpc_server_handled",
            "RPCs completed on the server, whatever their code.",
            (*labels, "grpc_code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "Seconds from an RPC's start to its end.",
            (*labels, "grpc_code"),
            registry=registry,
            buckets=_SECONDS,
        )

    @asynccontextmanager
    async def around(self, rpc: Rpc) -> AsyncIterator[None]:
        """Count and time the RPC."""
        labels = (rpc.kind, rpc.service, rpc.method)
        self._started.labels(*labels).inc()
        started = time.perf_counter()
        error: BaseException | None = None
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            code = _camel_case(outcome(rpc, error))
            self._handled.labels(*labels, code).inc()
            self._seconds.labels(*labels, code).observe(time.perf_counter() - started)
            error = None  # its traceback holds this frame, and the request until the cycle is collected


def _camel_case(code: str) -> str:
    """``NOT_FOUND`` as ``NotFound``, which is how dashboards query ``grpc_code``."""
    if code in ("OK", "CANCELLED"):
        return "OK" if code == "OK" else "Canceled"
    return code.replace("_", " ").title().replace(" ", "")
