"""What a client of another service of ours needs: a channel, metadata, and errors in our terms."""

from collections.abc import Sequence
from typing import Any

import grpc

from services.serving import status
from services.serving.errors import DeadlineExceeded, FrontdeskError, InvalidArgument, Unavailable
from services.serving.identity import current_caller, current_trace
from services.serving.retries import retry_interceptors
from services.serving.settings import MEBIBYTE

Metadata = tuple[tuple[str, str], ...]


def open_channel(
    target: str, *, retried: Sequence[str] = (), max_message_bytes: int = 64 * MEBIBYTE
) -> grpc.aio.Channel:
    """Open a channel to one of our services; close it when done.

    ``target`` is ``host:port`` or any gRPC name. ``retried`` are the services
    (``frontdesk.text.v1.TextService``) or methods
    (``frontdesk.text.v1.TextService/EmbedTexts``) that are safe to repeat: their
    calls with one request are tried up to 3 times on UNAVAILABLE, within a budget,
    as long as nothing of the answer has come.
    """
    options: list[tuple[str, str | int]] = [
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        # A service that was restarted is found again at once, not after a minute.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 5_000),  # also the time that a connection may take
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.enable_http_proxy", 0),
    ]
    interceptors: Any = retry_interceptors(retried)  # the stubs know no base class for them
    return grpc.aio.insecure_channel(target, options=options, interceptors=interceptors)


def call_metadata(token: str | None = None) -> Metadata:
    """Return what a call carries on: authorization, request id, traceparent.

    ``token`` defaults to the current caller's. Raises ``LookupError`` when there
    is neither.
    """
    metadata = [("authorization", f"Bearer {current_caller().token if token is None else token}")]
    trace = current_trace()
    if trace:
        metadata.append(("x-request-id", trace.request_id))
        if trace.traceparent:
            metadata.append(("traceparent", trace.traceparent))
    return tuple(metadata)


def as_domain_error(error: grpc.aio.AioRpcError, service_name: str) -> FrontdeskError:
    """Return a failed call to ``service_name`` (``asr``) as an error of ours.

    What the peer says about the request is kept: reason, message, violations.
    What says that the peer itself fails, or does not accept us, is
    ``Unavailable`` with reason ``ASR_UNAVAILABLE`` unless the peer named one.
    """
    code = error.code()
    told = status.decode(error)
    if told is not None and code is not grpc.StatusCode.UNAUTHENTICATED:
        return told
    label = service_name.upper().replace("-", "_")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"{label}_DEADLINE_EXCEEDED", f"{service_name} did not answer in time")
    if code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE):
        return InvalidArgument(f"{label}_INVALID_ARGUMENT", f"{service_name} does not accept the request")
    return Unavailable(
        f"{label}_UNAVAILABLE", f"{service_name} cannot answer now: try again", metadata={"code": code.name}
    )
