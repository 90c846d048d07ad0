"""Live calls: what comes in, what is heard and what time brings, one after the other. Pure."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from gateway.call.exchange import Exchange, ExchangeInput, HearingEnded
from gateway.call.hearing_feed import HearingFeed
from gateway.call.ports import CallPorts
from gateway.call.types import (
    CallConfig,
    CallEvent,
    CallInput,
    CallLimits,
    CallStarted,
    GoodbyeReason,
    TimedCallEvent,
)
from gateway.turn.background import background
from gateway.turn.hearing import CustomerAudio
from gateway.turn.turn_end import AudioEnded
from services.serving.errors import DeadlineExceeded, ResourceExhausted

_MOST_ITEMS = 32
"""Of what comes in, and of what goes out, that waits. Whoever brings more waits, too."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """A task of the call failed."""

    error: BaseException


class Calls:
    """Holds up to ``most`` calls at a time."""

    def __init__(self, ports: CallPorts, limits: CallLimits, most: int) -> None:
        self._ports = ports
        self._limits = limits
        self._most = most
        self._places = 0
        self._held: set[_Call] = set()
        self._shutting_down = False

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place for a call. ResourceExhausted (CALLS_AT_CAPACITY) when there is none."""
        if self._places >= self._most:
            raise ResourceExhausted(
                "CALLS_AT_CAPACITY",
                f"the server holds {self._most} calls, as many as it can hold well: call another or later",
                metadata={"max_calls": str(self._most)},
                retry_after_seconds=5.0,
            )
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    def shut_down(self) -> None:
        """Say goodbye to all, when the answers under way have been played."""
        self._shutting_down = True
        for call in self._held:
            call.shut_down()

    async def hold(
        self, config: CallConfig, inputs: AsyncIterator[CallInput], renew_credential: Callable[[], None]
    ) -> AsyncGenerator[TimedCallEvent]:
        """Hold a call: yield its events until Goodbye. ``renew_credential`` runs in each turn's own task.

        Where they are read too slowly everything waits, the customer's audio too.
        Closing the generator ends the call at once, as does an error: an answer under way
        is stored as far as it was heard.

        Raises Aborted (the session is taken), DeadlineExceeded (idle or too long), what
        ``inputs`` raises, what a turn may not hold, and what the peers refuse.
        Failing dialogue is a Notice: the customer may say it again.
        """
        call = _Call(config, self._ports, self._limits, renew_credential)
        self._held.add(call)
        if self._shutting_down:
            call.shut_down()
        try:
            async with background(call.to_end(inputs)) as task:
                while (event := await call.events.get()) is not None:
                    yield event
                await task
        finally:
            self._held.discard(call)


class _Call:
    """One call on its way."""

    def __init__(
        self,
        config: CallConfig,
        ports: CallPorts,
        limits: CallLimits,
        renew_credential: Callable[[], None],
    ) -> None:
        self.events: asyncio.Queue[TimedCallEvent | None] = asyncio.Queue(_MOST_ITEMS)
        self._config = config
        self._ports = ports
        self._limits = limits
        self._renew_credential = renew_credential
        self._clock = ports.clock
        self._began = self._last_input = ports.clock.monotonic()
        self._items: asyncio.Queue[ExchangeInput | _Failed | None] = asyncio.Queue(_MOST_ITEMS)
        self._unsent: list[TimedCallEvent] = []
        self._inputs_ended = self._shutting_down = False

    def shut_down(self) -> None:
        """Say goodbye as soon as the answer under way was played."""
        self._shutting_down = True
        self._wake()

    async def to_end(self, inputs: AsyncIterator[CallInput]) -> None:
        """Hold the call; ``events`` ends with None, unless it is cancelled and nobody reads on."""
        try:
            await self._hold(inputs)
        except Exception:
            await self.events.put(None)
            raise
        await self.events.put(None)

    async def _hold(self, inputs: AsyncIterator[CallInput]) -> None:
        config = self._config
        async with self._ports.sessions.hold(config.tenant, config.session_id) as session:
            feed = HearingFeed()
            exchange = Exchange(
                config,
                self._ports,
                self._limits,
                session,
                feed,
                self._emit,
                self._wake,
                self._renew_credential,
            )
            reading = self._read(inputs, feed, exchange)
            async with background(self._hear(feed)), background(reading):
                try:
                    await self._converse(exchange)
                finally:
                    await exchange.close(self._clock.monotonic())

    async def _converse(self, exchange: Exchange) -> None:
        self._emit("", CallStarted(self._config.turn_taking))
        while True:
            await self._send()
            if exchange.over:
                return
            item = await self._next(exchange)
            now = self._clock.monotonic()
            if isinstance(item, _Failed):
                raise item.error
            if item is not None:
                exchange.on(item, now)
            if self._shutting_down:
                exchange.end(GoodbyeReason.SHUTDOWN, now)
            self._check_time(now)
            exchange.advance(now)

    async def _next(self, exchange: Exchange) -> ExchangeInput | _Failed | None:
        """Wait for what comes next; None when time or something that runs beside brings it."""
        now = self._clock.monotonic()
        due = exchange.next_in(now)
        seconds = min(self._seconds_left(now), self._seconds_left(now) if due is None else due)
        try:
            async with asyncio.timeout(max(seconds, 0.0)):
                return await self._items.get()
        except TimeoutError:
            return None

    def _seconds_left(self, now: float) -> float:
        """Seconds until the call lasted too long, or was idle too long."""
        left = self._began + self._limits.call_seconds - now
        if self._inputs_ended:
            return left
        return min(left, self._last_input + self._limits.idle_seconds - now)

    def _check_time(self, now: float) -> None:
        if self._seconds_left(now) > 0:
            return
        if now >= self._began + self._limits.call_seconds:
            raise DeadlineExceeded(
                "CALL_TOO_LONG",
                f"the call lasted {self._limits.call_seconds:g} s, the most that is allowed here: call again",
            )
        raise DeadlineExceeded(
            "CALL_IDLE",
            f"no message came for {self._limits.idle_seconds:g} s: send the customer's silence as audio, too",
        )

    async def _read(self, inputs: AsyncIterator[CallInput], feed: HearingFeed, exchange: Exchange) -> None:
        try:
            async for item in inputs:
                self._last_input = self._clock.monotonic()
                if isinstance(item, CustomerAudio):
                    exchange.recording.append(item.audio)
                    await feed.say(item)
                    self._last_input = self._clock.monotonic()  # it may have waited long
                else:
                    await self._items.put(item)
            self._inputs_ended = True
            await self._items.put(AudioEnded())
        except Exception as error:
            await self._items.put(_Failed(error))

    async def _hear(self, feed: HearingFeed) -> None:
        try:
            heard = self._ports.recognizer.listen(
                feed.items(), self._config.stream_format, include_acoustic_features=True
            )
            async with aclosing(heard) as events:
                async for event in events:
                    await self._items.put(event)
            await self._items.put(HearingEnded())
        except Exception as error:
            await self._items.put(_Failed(error))

    def _emit(self, turn_id: str, event: CallEvent) -> None:
        offset = timedelta(seconds=self._clock.monotonic() - self._began)
        self._unsent.append(TimedCallEvent(offset, turn_id, event))

    async def _send(self) -> None:
        """Hand on what was emitted, and wait where it is not read."""
        unsent, self._unsent = self._unsent, []
        for event in unsent:
            await self.events.put(event)

    def _wake(self) -> None:
        if not self._items.full():  # otherwise there is enough to wake up for
            self._items.put_nowait(None)
