import grpc
import pytest
from google.rpc import error_details_pb2

from services.serving import errors, status


def details(sent: object, kind: type) -> list[object]:
    found = []
    for detail in sent.details:  # type: ignore[attr-defined]
        message = kind()
        if detail.Unpack(message):
            found.append(message)
    return found


def received(error: errors.FrontdeskError) -> grpc.aio.AioRpcError:
    """The error as a client's library raises it."""
    sent = status.encode(error)
    return grpc.aio.AioRpcError(
        status.code_of(error),
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(("grpc-status-details-bin", sent.SerializeToString())),
        details=sent.message,
        debug_error_string=None,
    )


@pytest.mark.parametrize("error_class", status.CODES)
def test_every_error_survives_the_way(error_class: type[errors.FrontdeskError]) -> None:
    error = error_class(
        "SOME_REASON",
        "问题 – what is wrong",
        violations=[errors.FieldViolation("documents[3].title", "too long")],
        metadata={"limit": "300"},
        retry_after_seconds=1.5,
    )
    back = status.decode(received(error))
    assert type(back) is error_class
    assert back is not None
    assert (back.reason, back.message, back.violations) == (error.reason, error.message, error.violations)
    assert dict(back.metadata) == {"limit": "300"}
    assert back.retry_after_seconds == 1.5


def test_only_what_applies_is_sent() -> None:
    sent = status.encode(errors.NotFound("SESSION_UNKNOWN", "no such session"))
    assert len(sent.details) == 1
    (info,) = details(sent, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("SESSION_UNKNOWN", "frontdesk")  # type: ignore[attr-defined]


def test_many_violations_fit_into_the_header_and_the_rest_is_counted() -> None:
    violations = [errors.FieldViolation(f"passages/a.en.md:{line}", "x" * 900) for line in range(200)]
    sent = status.encode(errors.InvalidArgument("DOMAIN_INVALID", "y" * 5000, violations=violations))
    assert sent.ByteSize() < 6 * 1024
    (bad_request,) = details(sent, error_details_pb2.BadRequest)
    (info,) = details(sent, error_details_pb2.ErrorInfo)
    kept = list(bad_request.field_violations)  # type: ignore[attr-defined]
    assert kept[0].field == "passages/a.en.md:0"
    assert len(kept) + int(info.metadata["violations_left_out"]) == 200  # type: ignore[attr-defined]


def test_a_subclass_has_the_status_of_its_class() -> None:
    class SessionUnknown(errors.NotFound):
        pass

    assert status.code_of(SessionUnknown("SESSION_UNKNOWN", "gone")) is grpc.StatusCode.NOT_FOUND


def test_a_status_that_is_not_ours_is_not_decoded() -> None:
    plain = grpc.aio.AioRpcError(
        grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), grpc.aio.Metadata(), "x", None
    )
    assert status.decode(plain) is None
    other = status.encode(errors.NotFound("SOME_REASON", "x"))
    info = error_details_pb2.ErrorInfo(reason="SOME_REASON", domain="googleapis.com")
    other.details[0].Pack(info)
    foreign = grpc.aio.AioRpcError(
        grpc.StatusCode.NOT_FOUND,
        grpc.aio.Metadata(),
        grpc.aio.Metadata(("grpc-status-details-bin", other.SerializeToString())),
        details="x",
        debug_error_string=None,
    )
    assert status.decode(foreign) is None
