"""Domain errors on the wire and back, as ``google.rpc.Status``."""

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from services.serving import errors

DOMAIN = "frontdesk"

# Details travel in one header; gRPC peers accept 8 KiB of headers by default.
_MAX_MESSAGE_CHARACTERS = 500
_MAX_DETAILS_BYTES = 4096

CODES: dict[type[errors.FrontdeskError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
}
_CLASSES = {code: error_class for error_class, code in CODES.items()}


def code_of(error: errors.FrontdeskError) -> grpc.StatusCode:
    """Return the status that an error becomes: that of the nearest class in ``CODES``."""
    for error_class in type(error).__mro__:
        if error_class in CODES:
            return CODES[error_class]
    return grpc.StatusCode.INTERNAL


def encode(error: errors.FrontdeskError) -> status_pb2.Status:
    """Return the status: one ErrorInfo, BadRequest for violations, RetryInfo where promised.

    Violations that do not fit into the header are left out from the end and
    counted in the ErrorInfo's metadata as ``violations_left_out``.
    """
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    status = status_pb2.Status(code=code_of(error).value[0], message=_shortened(error.message))
    bad_request = error_details_pb2.BadRequest()
    for position, violation in enumerate(error.violations):
        added = bad_request.field_violations.add(
            field=_shortened(violation.field), description=_shortened(violation.description)
        )
        if bad_request.ByteSize() > _MAX_DETAILS_BYTES:
            bad_request.field_violations.remove(added)
            info.metadata["violations_left_out"] = str(len(error.violations) - position)
            break
    status.details.add().Pack(info)
    if bad_request.field_violations:
        status.details.add().Pack(bad_request)
    if error.retry_after_seconds is not None:
        delay = Duration()
        delay.FromNanoseconds(round(max(error.retry_after_seconds, 0.0) * 1e9))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def decode(error: grpc.aio.AioRpcError) -> errors.FrontdeskError | None:
    """Return the domain error that a peer of ours sent, ``None`` for any other status."""
    try:
        # The aio error has the three methods of a Call that are read here.
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
    except ValueError:  # a status whose parts contradict each other
        return None
    if status is None:
        return None
    error_class = _CLASSES.get(error.code())
    reason, metadata = "", {}
    violations: list[errors.FieldViolation] = []
    retry_after_seconds = None
    for detail in status.details:
        info, bad_request = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad_request):
            violations = [errors.FieldViolation(v.field, v.description) for v in bad_request.field_violations]
        elif detail.Unpack(retry):
            retry_after_seconds = retry.retry_delay.ToNanoseconds() / 1e9
    if error_class is None or not reason:
        return None
    return error_class(
        reason,
        status.message,
        violations=violations,
        metadata=metadata,
        retry_after_seconds=retry_after_seconds,
    )


def _shortened(text: str) -> str:
    if len(text) <= _MAX_MESSAGE_CHARACTERS:
        return text
    return text[: _MAX_MESSAGE_CHARACTERS - 1] + "…"
