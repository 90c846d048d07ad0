"""How every server of ours runs: built of registrations, served until a signal, drained."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, start_http_server

from services.serving.errors import FailedPrecondition
from services.serving.interceptors.around import INFRASTRUCTURE
from services.serving.interceptors.authentication import (
    Authenticate,
    AuthenticationInterceptor,
    by_internal_token,
)
from services.serving.interceptors.concurrency import ConcurrencyInterceptor
from services.serving.interceptors.deadlines import DeadlineInterceptor
from services.serving.interceptors.decoding import DecodingInterceptor
from services.serving.interceptors.errors import ErrorInterceptor
from services.serving.interceptors.logs import LogInterceptor
from services.serving.interceptors.metrics import MetricsInterceptor
from services.serving.interceptors.trace import TraceInterceptor
from services.serving.interceptors.watchers import WatcherInterceptor
from services.serving.readiness import Health, Readiness, Ready, always_ready
from services.serving.settings import ServingSettings
from services.serving.tokens import TokenVerifier

_log = structlog.stdlib.get_logger("frontdesk.server")


@dataclass(frozen=True, slots=True)
class Registration:
    """One gRPC service and what serves it.

    ``Registration("frontdesk.text.v1.TextService", add_TextServiceToServer, servicer)``
    """

    service_name: str
    add_to_server: Callable[[Any, Any], None]
    """The generated ``add_…Servicer_to_server``."""
    servicer: Any


class Server:
    """A built server: ``start()``, then ``port`` is open, then ``drain()``."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        health_servicer: Health,
        readiness: Readiness,
        watchers: WatcherInterceptor,
        drain: Callable[[], None],
    ) -> None:
        self.port = port
        self._server = server
        self._health = health_servicer
        self._readiness = readiness
        self._watchers = watchers
        self._drain = drain
        self._polling: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Serve RPCs, ask for readiness once, and go on asking in the background."""
        await self._readiness.begin()
        await self._server.start()
        await self._readiness.check()
        self._polling = asyncio.create_task(self._readiness.run())

    async def drain(self, seconds: float) -> None:
        """Report NOT_SERVING, refuse new RPCs, let running ones finish, then stop.

        RPCs that run longer than ``seconds`` are cancelled.
        """
        if self._polling:
            self._polling.cancel()
        await self._health.enter_graceful_shutdown()
        self._drain()
        await self._watchers.end()
        await self._server.stop(seconds)


def build_server(
    settings: ServingSettings,
    registrations: Sequence[Registration],
    *,
    ready: Ready = always_ready,
    authenticate: Authenticate | None = None,
    interceptors: Sequence["grpc.aio.ServerInterceptor[Any, Any]"] = (),
    registry: CollectorRegistry | None = None,
    drain: Callable[[], None] = lambda: None,
) -> Server:
    """Build the server that ``serve`` runs, bound to its port. Call it in a running event loop.

    ``authenticate`` replaces the check of the internal token. ``interceptors`` run
    inside of ours: with caller and trace set, errors caught. ``registry`` takes
    the metrics. ``drain`` is called when the server begins to drain, to end RPCs that
    would not end by themselves.

    Raises ``FailedPrecondition`` when the token key is missing or the port is taken.
    """
    watchers = WatcherInterceptor()
    server = grpc.aio.server(
        interceptors=[
            TraceInterceptor(),
            MetricsInterceptor(registry or CollectorRegistry()),
            LogInterceptor(),
            ErrorInterceptor(),
            watchers,
            AuthenticationInterceptor(authenticate or by_internal_token(_verifier(settings))),
            DeadlineInterceptor(),
            ConcurrencyInterceptor(settings.max_concurrent_rpcs),
            DecodingInterceptor(settings.max_message_bytes),
            *interceptors,
        ],
        options=[
            # gRPC's own refusal carries no details, so it only stops what is far too large, unread.
            ("grpc.max_receive_message_length", settings.max_message_bytes * 5 // 4),
            ("grpc.max_send_message_length", -1),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            # Two servers on one port would each get half of the calls.
            ("grpc.so_reuseport", 0),
        ],
    )
    names = [registration.service_name for registration in registrations]
    for registration in registrations:
        registration.add_to_server(registration.servicer, server)
    health_servicer: Health = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    if settings.environment == "development":
        reflection.enable_server_reflection([*names, *INFRASTRUCTURE], server)
    try:
        port = server.add_insecure_port(f"{settings.host}:{settings.port}")
    except RuntimeError as error:
        raise FailedPrecondition(
            "PORT_TAKEN", f"cannot listen on {settings.host}:{settings.port}: set another host or port"
        ) from error
    readiness = Readiness(health_servicer, names, ready, interval_seconds=settings.readiness_seconds)
    return Server(server, port, health_servicer, readiness, watchers, drain)


async def serve(
    settings: ServingSettings,
    registrations: Sequence[Registration],
    *,
    ready: Ready = always_ready,
    close: Sequence[Callable[[], Awaitable[object]]] = (),
    authenticate: Authenticate | None = None,
    interceptors: Sequence["grpc.aio.ServerInterceptor[Any, Any]"] = (),
    registry: CollectorRegistry | None = None,
    drain: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, drain, then call each of ``close`` in order.

    The rest is as for ``build_server``.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    registry = registry or CollectorRegistry()
    try:
        server = build_server(
            settings,
            registrations,
            ready=ready,
            authenticate=authenticate,
            interceptors=interceptors,
            registry=registry,
            drain=drain,
        )
        stop_metrics = _expose(registry, settings)
        await server.start()
        _log.info("started", host=settings.host, port=server.port, metrics_port=settings.metrics_port)
        await stop.wait()
        _log.info("draining", seconds=settings.drain_seconds)
        await server.drain(settings.drain_seconds)
        stop_metrics()
        _log.info("stopped")
    finally:
        for close_one in close:
            await close_one()


def _expose(registry: CollectorRegistry, settings: ServingSettings) -> Callable[[], None]:
    """Serve the registry with memory, CPU and garbage collection added; return what stops it."""
    if not settings.metrics_port:
        return lambda: None
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    try:
        http_server, thread = start_http_server(settings.metrics_port, addr=settings.host, registry=registry)
    except OSError as error:
        raise FailedPrecondition(
            "PORT_TAKEN",
            f"cannot serve metrics on {settings.host}:{settings.metrics_port}: set another metrics port",
        ) from error

    def stop() -> None:
        http_server.shutdown()
        http_server.server_close()
        thread.join()

    return stop


def _verifier(settings: ServingSettings) -> TokenVerifier:
    path = settings.token_public_key_file
    if path is None:
        raise FailedPrecondition(
            "TOKEN_KEY_MISSING",
            "no key for internal tokens: set FRONTDESK_TOKEN_PUBLIC_KEY_FILE to the gateway's public key",
        )
    try:
        return TokenVerifier(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FailedPrecondition(
            "TOKEN_KEY_UNREADABLE", f"cannot read an Ed25519 public key from {path}: {error}"
        ) from error
