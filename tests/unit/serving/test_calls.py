from contextvars import copy_context

import grpc
import pytest

from services.serving import errors, status
from services.serving.calls import as_domain_error, call_metadata
from services.serving.identity import Caller, Trace, set_caller, set_trace


def failed(code: grpc.StatusCode, sent: errors.FrontdeskError | None = None) -> grpc.aio.AioRpcError:
    trailing = grpc.aio.Metadata()
    details = "secret words of the peer"
    if sent is not None:
        encoded = status.encode(sent)
        encoded.code, details = code.value[0], encoded.message
        trailing = grpc.aio.Metadata(("grpc-status-details-bin", encoded.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, details, None)


def test_a_call_carries_caller_and_trace() -> None:
    def inside_an_rpc() -> None:
        set_caller(Caller("demo", "agent", token="the-token"))
        set_trace(Trace("r-1"))
        assert call_metadata() == (("authorization", "Bearer the-token"), ("x-request-id", "r-1"))
        set_trace(Trace("r-1", "00-1-2-01"))
        assert call_metadata("another")[0] == ("authorization", "Bearer another")
        assert call_metadata()[2] == ("traceparent", "00-1-2-01")

    copy_context().run(inside_an_rpc)


def test_without_a_caller_a_token_must_be_given() -> None:
    with pytest.raises(LookupError):
        call_metadata()
    assert call_metadata("t") == (("authorization", "Bearer t"),)


def test_what_a_peer_says_of_the_request_is_kept() -> None:
    sent = errors.InvalidArgument("AUDIO_EMPTY", "audio is empty", field="audio")
    error = as_domain_error(failed(grpc.StatusCode.INVALID_ARGUMENT, sent), "asr")
    assert isinstance(error, errors.InvalidArgument)
    assert (error.reason, error.violations) == ("AUDIO_EMPTY", sent.violations)


def test_a_peers_unavailability_keeps_its_reason() -> None:
    sent = errors.Unavailable("MODEL_UNAVAILABLE", "no model", retry_after_seconds=2)
    error = as_domain_error(failed(grpc.StatusCode.UNAVAILABLE, sent), "asr")
    assert isinstance(error, errors.Unavailable)
    assert (error.reason, error.retry_after_seconds) == ("MODEL_UNAVAILABLE", 2)


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    ],
)
def test_a_peer_that_fails_is_unavailable(code: grpc.StatusCode) -> None:
    error = as_domain_error(failed(code), "text")
    assert isinstance(error, errors.Unavailable)
    assert error.reason == "TEXT_UNAVAILABLE"
    assert "secret" not in error.message


def test_our_own_token_refused_is_not_the_callers_fault() -> None:
    sent = errors.Unauthenticated("TOKEN_EXPIRED", "expired")
    error = as_domain_error(failed(grpc.StatusCode.UNAUTHENTICATED, sent), "text")
    assert isinstance(error, errors.Unavailable)


def test_a_deadline_that_passed_stays_one() -> None:
    error = as_domain_error(failed(grpc.StatusCode.DEADLINE_EXCEEDED), "text")
    assert isinstance(error, errors.DeadlineExceeded)
