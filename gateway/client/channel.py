"""The connection to a gateway: credentials and a deadline on every call."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import grpc

Metadata = tuple[tuple[str, str], ...]
"""What goes with a call besides its messages."""

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", -1),  # the server's limit counts, and names itself
    ("grpc.max_receive_message_length", -1),
    # A gateway that was restarted is found again at once, not after a minute.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # also the time that a connection may take
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


class _CallDetails(NamedTuple):
    """What gRPC asks an interceptor to hand on."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _Authorization(
    grpc.UnaryUnaryClientInterceptor,  # type: ignore[type-arg]
    grpc.UnaryStreamClientInterceptor,  # type: ignore[type-arg]
    grpc.StreamUnaryClientInterceptor,  # type: ignore[type-arg]
    grpc.StreamStreamClientInterceptor,  # type: ignore[type-arg]
):
    """Adds the API key to every call, and a deadline to those that have none."""

    def __init__(self, metadata: Metadata, timeout_seconds: float) -> None:
        self._metadata = metadata
        self._timeout_seconds = timeout_seconds

    def _intercept(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        timeout = details.timeout if details.timeout is not None else self._timeout_seconds
        changed = _CallDetails(
            details.method,
            timeout,
            (*(details.metadata or ()), *self._metadata),
            details.credentials,
            details.wait_for_ready,
            details.compression,
        )
        return continuation(changed, request)

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return self._intercept(continuation, details, request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return self._intercept(continuation, details, request)

    def intercept_stream_unary(self, continuation: Any, details: Any, requests: Iterator[Any]) -> Any:
        return self._intercept(continuation, details, requests)

    def intercept_stream_stream(self, continuation: Any, details: Any, requests: Iterator[Any]) -> Any:
        return self._intercept(continuation, details, requests)


def credential(api_key: str) -> Metadata:
    """Return what shows the API key; ValueError for what cannot be one."""
    key = api_key.strip()  # a key that was read from a file may end with a line break
    if not (key.isascii() and key.isprintable()):
        raise ValueError("the API key has characters that no API key has: use it as it was given to you")
    return (("authorization", f"Bearer {key}"),)


def open_channel(
    target: str, metadata: Metadata, *, timeout_seconds: float, root_certificates: bytes | None
) -> tuple[grpc.Channel, grpc.Channel]:
    """Connect to ``target`` (``host:port``); ``metadata`` goes with every call.

    Returns the channel to call through and the one to close. TLS when
    ``root_certificates`` (PEM) is given, plain text otherwise. ``timeout_seconds``
    is the deadline of calls that name none.
    """
    if root_certificates is None:
        connection = grpc.insecure_channel(target, _OPTIONS)
    else:
        connection = grpc.secure_channel(target, grpc.ssl_channel_credentials(root_certificates), _OPTIONS)
    return grpc.intercept_channel(connection, _Authorization(metadata, timeout_seconds)), connection


def open_call_channel(target: str, root_certificates: bytes | None) -> grpc.aio.Channel:
    """Connect for one live call; belongs to the event loop that runs. TLS as for :func:`open_channel`."""
    # A connection of its own: another call's audio does not hold up this one's.
    options = [*_OPTIONS, ("grpc.use_local_subchannel_pool", 1)]
    if root_certificates is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(root_certificates), options)
