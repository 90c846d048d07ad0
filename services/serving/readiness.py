"""Health by service (grpc.health.v1), from what the process says of its own readiness."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog
from grpc_health.v1 import health_pb2

Ready = Callable[[], Awaitable[bool]]
"""Says whether the process can serve now: its models answer, its store opens."""

STARTING_SHARE = 0.2
"""Share of the interval after which one that does not serve yet is asked again: users wait for it."""

_log = structlog.stdlib.get_logger("frontdesk.readiness")


class Health(Protocol):
    """What is used of ``grpc_health.v1.health.aio.HealthServicer``, which has no type stubs."""

    async def set(self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        """Set a service's health."""

    async def enter_graceful_shutdown(self) -> None:
        """Set all to NOT_SERVING for good."""


async def always_ready() -> bool:
    """Say yes: for a process that needs nothing else."""
    return True


class Readiness:
    """Asks ``ready`` again and again and sets the health of all services by it.

    An exception or an answer that takes longer than ``timeout_seconds`` is a no.
    """

    def __init__(
        self,
        servicer: Health,
        services: Sequence[str],
        ready: Ready,
        *,
        interval_seconds: float,
        timeout_seconds: float = 5.0,
    ) -> None:
        self._servicer = servicer
        self._services = ("", *services)
        self._ready = ready
        self._interval_seconds = interval_seconds
        self._timeout_seconds = timeout_seconds
        self._serving: bool | None = None
        """The latest answer; ``None`` before the first."""

    async def begin(self) -> None:
        """Set health to NOT_SERVING until the first answer: gRPC's own servicer begins with SERVING."""
        await self._set(False)

    async def check(self) -> bool:
        """Ask once, and set health where the answer is another than before."""
        why = "not ready"
        try:
            serving = await asyncio.wait_for(self._ready(), self._timeout_seconds)
        except Exception as error:
            serving, why = False, type(error).__qualname__
        if serving is not self._serving:
            self._serving = serving
            await self._set(serving)
            if serving:
                _log.info("serving", services=self._services[1:])
            else:
                _log.warning("not serving", services=self._services[1:], why=why)
        return serving

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            serving = await self.check()
            await asyncio.sleep(self._interval_seconds * (1 if serving else STARTING_SHARE))

    async def _set(self, serving: bool) -> None:
        status = (
            health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for service in self._services:
            await self._servicer.set(service, status)
