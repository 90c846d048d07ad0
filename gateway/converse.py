"""``Converse`` between the wire and the domain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import structlog
from frontdesk.gateway.v1 import conversation_pb2

from gateway.call.call import Calls
from gateway.call.types import CallConfig, CallInput, TimedCallEvent
from gateway.call_validation import CallInputs, call_config
from gateway.call_wire import call_event_to_wire
from gateway.credentials import Credentials
from gateway.turn.types import Notice
from gateway.validation import InputLimits
from services.serving.errors import DeadlineExceeded, InvalidArgument
from services.serving.identity import current_caller, set_caller

_log = structlog.stdlib.get_logger("frontdesk.call")

Write = Callable[[conversation_pb2.ConverseResponse], Awaitable[Any]]


class Converse:
    """Holds calls on the wire. A client that reads nothing for ``stall_seconds`` is given up."""

    def __init__(
        self, calls: Calls, credentials: Credentials, limits: InputLimits, stall_seconds: float
    ) -> None:
        self._calls = calls
        self._credentials = credentials
        self._limits = limits
        self._stall_seconds = stall_seconds

    async def hold(self, requests: AsyncIterator[conversation_pb2.ConverseRequest], write: Write) -> None:
        """Hold one call to its end. Raises what ``ConversationService.Converse`` promises."""
        with self._calls.place():
            tenant = current_caller().tenant
            config = call_config(await _config(requests), tenant, self._credentials.domain(tenant))

            def renew_credential() -> None:
                set_caller(self._credentials.caller(tenant, config.session_id))

            renew_credential()
            inputs = self._inputs(requests, config)
            async with aclosing(self._calls.hold(config, inputs, renew_credential)) as events:
                async for timed in events:
                    await self._tell(timed, config, write)

    async def _inputs(
        self, requests: AsyncIterator[conversation_pb2.ConverseRequest], config: CallConfig
    ) -> AsyncIterator[CallInput]:
        reader = CallInputs(config, self._limits)
        async for request in requests:
            yield reader.read(request)

    async def _tell(self, timed: TimedCallEvent, config: CallConfig, write: Write) -> None:
        if isinstance(timed.event, Notice):
            _log.warning("turn goes on", stage=timed.event.stage, reason=timed.event.reason)
        try:
            async with asyncio.timeout(self._stall_seconds):
                await write(call_event_to_wire(timed, config.session_id))
        except TimeoutError:
            raise DeadlineExceeded(
                "CALL_IDLE", f"the events were not read for {self._stall_seconds:g} s: read all the time"
            ) from None


async def _config(
    requests: AsyncIterator[conversation_pb2.ConverseRequest],
) -> conversation_pb2.ConverseConfig:
    async for request in requests:
        if request.WhichOneof("request") == "config":
            return request.config
        break
    raise InvalidArgument("CONFIG_EXPECTED", "a call begins with its config: send it first", field="config")
