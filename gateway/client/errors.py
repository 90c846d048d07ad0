"""What a failed call raises: the status and the details that Frontdesk attaches to it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of the request that is wrong: its path, and what to do about it."""

    field: str
    description: str


class FrontdeskApiError(Exception):
    """A call that failed.

    ``code`` is the gRPC status, ``reason`` the machine-readable cause
    (``AUDIO_EMPTY``; empty where the peer named none, as when it cannot be
    reached), ``message`` a sentence for a developer, ``violations`` the request's
    faulty fields, and ``retry_after_seconds`` the server's wish, if it has one.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        violations: tuple[Violation, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(code, reason, message, violations)
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = violations
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        """``INVALID_ARGUMENT (AUDIO_EMPTY): audio is empty …``, then a line for each further violation."""
        head = f"{self.code.name} ({self.reason})" if self.reason else self.code.name
        lines = [f"{head}: {self.message}"]
        lines += [
            f"  {v.field}: {v.description}" for v in self.violations if v.description not in self.message
        ]
        return "\n".join(lines)


@contextmanager
def api_errors(target: str) -> Iterator[None]:
    """Turn gRPC's errors into :class:`FrontdeskApiError`; ``target`` is named when it cannot be reached."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error, target) from error


def from_rpc_error(error: grpc.RpcError, target: str) -> FrontdeskApiError:
    """Read code, message and details of a failed call."""
    code: grpc.StatusCode = error.code()
    message: str = error.details() or "no message"
    reason = ""
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None
    for detail in _details(error):
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            reason = info.reason
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad_request = error_details_pb2.BadRequest()
            detail.Unpack(bad_request)
            violations = tuple(Violation(v.field, v.description) for v in bad_request.field_violations)
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            retry = error_details_pb2.RetryInfo()
            detail.Unpack(retry)
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    if code is grpc.StatusCode.UNAVAILABLE and not reason:
        message = f"{target} cannot be reached ({message}); is Frontdesk running there?"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and not reason:
        message = f"{target} did not answer in time: allow the call more time, or try again later"
    return FrontdeskApiError(code, reason, message, violations, retry_after)


def _details(error: grpc.RpcError) -> Sequence[any_pb2.Any]:
    metadata: Iterable[tuple[str, bytes]] = cast(Any, error).trailing_metadata() or ()
    for key, value in metadata:
        if key == "grpc-status-details-bin":
            try:
                details: Sequence[any_pb2.Any] = status_pb2.Status.FromString(value).details
                return details
            except DecodeError:
                return []
    return []
