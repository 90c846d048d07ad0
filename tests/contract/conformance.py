"""What every RPC of ours promises for bad input, checked on any server.

For one service, served from fakes::

    SERVICE = text_pb2.DESCRIPTOR.services_by_name["TextService"]
    GOOD = {"EmbedTexts": [EmbedTextsRequest(texts=["hello"], input_type=INPUT_TYPE_QUERY)]}

    @conformance(SERVICE)
    async def test_conforms(method, check):
        async with serving([Registration(SERVICE.full_name, add_…, servicer)]) as served:
            await check(Peer.of(served), method, GOOD[method.name])

On a running suite, with a channel and a credential of one's own::

    await check_service(Peer(channel, metadata), SERVICE, GOOD, generated=50)
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from services.serving.calls import Metadata
from services.serving.deadlines import OPEN_ENDED
from tests.harness.generated_requests import Overrides, generate
from tests.harness.grpc_server import Served

BAD_INPUT = frozenset(
    {
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.ALREADY_EXISTS,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    }
)
ERROR_SECONDS = 1.0
"""How soon an error is told."""

# No message of any type: tag 0, no such wire type, a varint without end, a length beyond the end.
GARBAGE = (b"\x00", b"\x0f\x01", b"\xff" * 16, b"\x0a\xff\xff\xff\xff\x07x")


@dataclass(frozen=True)
class Peer:
    """A server to be checked.

    ``metadata`` gives a good credential at each call, ``refused`` bad ones by what
    is wrong with them. ``max_message_bytes`` is the server's limit, ``None`` to
    leave it alone. ``timeout_seconds`` bounds each call. ``overrides`` are values
    for generated fields.
    """

    channel: grpc.aio.Channel
    metadata: Callable[[], Metadata]
    refused: Mapping[str, Metadata] = field(
        default_factory=lambda: {"missing": (), "unknown": (("authorization", "Bearer unknown"),)}
    )
    max_message_bytes: int | None = None
    timeout_seconds: float = 10.0
    overrides: Overrides = field(default_factory=dict)

    @classmethod
    def of(cls, served: Served, overrides: Overrides | None = None) -> "Peer":
        """Return the peer that the harness serves."""
        return cls(
            served.bare_channel,
            served.metadata,
            served.refused,
            served.settings.max_message_bytes,
            overrides=overrides or {},
        )


GoodRequest = Sequence[Message] | Callable[[Peer], Awaitable[Sequence[Message]]]
"""The messages of a call that succeeds: one, or those of a client stream.

A function makes them where a call succeeds only once, such as a deletion.
"""


class Check(Protocol):
    """One promise, checked on one RPC."""

    async def __call__(self, peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
        """Raise ``AssertionError`` where the promise is broken."""


@dataclass(frozen=True)
class Answer:
    """How a call ended: with responses, or with an error."""

    responses: Sequence[Message]
    error: grpc.aio.AioRpcError | None
    seconds: float

    @property
    def code(self) -> grpc.StatusCode:
        return self.error.code() if self.error else grpc.StatusCode.OK

    @property
    def reason(self) -> str:
        """The reason of the one ErrorInfo; fails where there is not exactly one of ours."""
        assert self.error is not None
        sent = rpc_status.from_call(self.error)  # type: ignore[arg-type]
        details = sent.details if sent else []
        infos = [detail for detail in details if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR)]
        assert len(infos) == 1, f"{len(infos)} ErrorInfo in {self.error.code()}: {self.error.details()}"
        info = error_details_pb2.ErrorInfo()
        infos[0].Unpack(info)
        assert info.domain == "frontdesk", info.domain
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*[A-Z0-9]", info.reason), info.reason
        return str(info.reason)


async def call(
    peer: Peer,
    method: MethodDescriptor,
    messages: Sequence[bytes],
    *,
    metadata: Metadata | None = None,
    deadline: bool = True,
) -> Answer:
    """Send these bytes to an RPC of any kind and wait for the end.

    A grpc.aio client that writes while the server's status arrives makes up a
    status of its own (gRPC issue 36066); such a call is made again.
    """
    for _ in range(5):
        answer = await _call_once(peer, method, messages, metadata, deadline)
        if not (answer.error and answer.error.details() == "Internal error from Core"):
            break
    return answer


async def _call_once(
    peer: Peer,
    method: MethodDescriptor,
    messages: Sequence[bytes],
    metadata: Metadata | None,
    deadline: bool,
) -> Answer:
    kind = ("stream" if method.client_streaming else "unary") + (
        "_stream" if method.server_streaming else "_unary"
    )
    service = method.containing_service.full_name
    multi_callable: Any = getattr(peer.channel, kind)(
        f"/{service}/{method.name}",
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )

    async def stream() -> AsyncIterator[bytes]:
        for message in messages:
            yield message

    responses: list[Message] = []
    started = time.perf_counter()
    error = None
    try:
        async with asyncio.timeout(peer.timeout_seconds + 1):
            running = multi_callable(
                stream() if method.client_streaming else messages[0],
                metadata=peer.metadata() if metadata is None else metadata,
                timeout=peer.timeout_seconds if deadline else None,
            )
            if method.server_streaming:
                async for response in running:
                    responses.append(response)
            else:
                responses.append(await running)
    except grpc.aio.AioRpcError as caught:
        error = caught
    return Answer(responses, error, time.perf_counter() - started)


async def check_good_request(peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
    """A good request succeeds."""
    answer = await call(peer, method, _encoded(await _messages(peer, good)))
    assert answer.error is None, f"the good request failed: {answer.code} {answer.error.details()}"
    assert method.server_streaming or len(answer.responses) == 1


async def check_empty_request(peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
    """An empty message, and a stream without messages, are answered or refused properly."""
    _assert_proper(await call(peer, method, [b""]))
    if method.client_streaming:
        _assert_proper(await call(peer, method, []))
    await check_good_request(peer, method, good)


async def check_garbage(peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
    """Bytes that are no message are the caller's fault, as the first message and as a later one."""
    for garbage in GARBAGE:
        answer = await call(peer, method, [garbage])
        _assert_refused(answer, grpc.StatusCode.INVALID_ARGUMENT)
        if method.client_streaming:
            stream = [*_encoded(await _messages(peer, good)), garbage]
            _assert_refused(await call(peer, method, stream), grpc.StatusCode.INVALID_ARGUMENT)
    await check_good_request(peer, method, good)


async def check_credentials(peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
    """Nobody is served without a good credential, whatever they send."""
    for messages in (_encoded(await _messages(peer, good)), [GARBAGE[0]]):
        for what, metadata in peer.refused.items():
            answer = await call(peer, method, messages, metadata=metadata)
            assert answer.code is grpc.StatusCode.UNAUTHENTICATED, f"credential {what}: {answer.code}"
            _assert_refused(answer, grpc.StatusCode.UNAUTHENTICATED)
    await check_good_request(peer, method, good)


async def check_deadline_required(peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
    """A call without a deadline is refused, unless it lasts as long as people talk."""
    answer = await call(peer, method, _encoded(await _messages(peer, good)), deadline=False)
    if f"{method.containing_service.full_name}/{method.name}" in OPEN_ENDED:
        assert answer.error is None, f"refused without a deadline: {answer.code}"
        return
    _assert_refused(answer, grpc.StatusCode.INVALID_ARGUMENT)
    assert answer.reason == "DEADLINE_REQUIRED"
    await check_good_request(peer, method, good)


async def check_message_too_large(peer: Peer, method: MethodDescriptor, good: GoodRequest) -> None:
    """A message above the limit is refused."""
    if peer.max_message_bytes is not None:
        answer = await call(peer, method, [bytes(peer.max_message_bytes + 1)])
        _assert_refused(answer, grpc.StatusCode.RESOURCE_EXHAUSTED)
        await check_good_request(peer, method, good)


async def check_generated_requests(
    peer: Peer, method: MethodDescriptor, good: GoodRequest, *, generated: int | None = None
) -> None:
    """Whatever is sent is answered or refused properly, and a good request then still works.

    ``generated`` is the number of calls, by default that of ``generate``.
    """
    messages = await _messages(peer, good)
    calls = await asyncio.to_thread(generate, method, messages, generated, peer.overrides)
    for number, sent in enumerate(calls):
        try:
            _assert_proper(await call(peer, method, sent))
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{method.full_name}, generated call {number}, {sent!r}: {error}") from error
    await check_good_request(peer, method, good)


CHECKS: Sequence[Check] = (
    check_good_request,
    check_empty_request,
    check_garbage,
    check_credentials,
    check_deadline_required,
    check_message_too_large,
    check_generated_requests,
)


async def check_service(
    peer: Peer,
    service: ServiceDescriptor,
    good: Mapping[str, GoodRequest],
    *,
    generated: int,
    without: Collection[str] = (),
) -> None:
    """Check all promises on all RPCs of a service, with ``generated`` calls to each.

    ``without`` are RPCs that the server has no model for: no request to them succeeds.
    """
    for method in service.methods:
        if method.name in without:
            continue
        for check in CHECKS:
            if check is not check_generated_requests:
                await check(peer, method, good[method.name])
        await check_generated_requests(peer, method, good[method.name], generated=generated)


def conformance(*services: ServiceDescriptor) -> pytest.MarkDecorator:
    """Return the decorator that gives a test each ``method`` of the services with each ``check``."""
    return pytest.mark.parametrize(
        ("method", "check"),
        [
            pytest.param(method, check, id=f"{method.name}-{check.__name__.removeprefix('check_')}")  # type: ignore[attr-defined]
            for service in services
            for method in service.methods
            for check in CHECKS
        ],
    )


async def _messages(peer: Peer, good: GoodRequest) -> Sequence[Message]:
    return await good(peer) if callable(good) else good


def _encoded(messages: Sequence[Message]) -> list[bytes]:
    return [message.SerializeToString() for message in messages]


def _assert_proper(answer: Answer) -> None:
    """Answered, or refused as bad input is."""
    if answer.error is not None:
        assert answer.code in BAD_INPUT, f"{answer.code}: {answer.error.details()}"
        _assert_refused(answer, answer.code)


def _assert_refused(answer: Answer, code: grpc.StatusCode) -> None:
    assert answer.error is not None, f"was answered, not refused with {code}"
    assert answer.code is code, f"{answer.code} in place of {code}: {answer.error.details()}"
    assert answer.reason
    assert answer.seconds < ERROR_SECONDS, f"{code} came after {answer.seconds:.2f} s"
