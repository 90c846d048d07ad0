"""What a server built of registrations does, met over real gRPC."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from services.serving import status
from services.serving.errors import FailedPrecondition, FrontdeskError
from services.serving.identity import Caller
from services.serving.interceptors.authentication import bearer_token
from services.serving.server import Registration, build_server, serve
from services.serving.settings import ServingSettings
from tests.contract.serving.servicer import SECRET, TTS, Tts, registrations
from tests.harness.grpc_server import Served, serving

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def tts() -> Tts:
    return Tts()


@pytest.fixture
async def served(tts: Tts) -> AsyncIterator[Served]:
    async with serving(registrations(tts), session_id="s-1") as made:
        yield made


async def synthesize(served: Served, text: str, **more: Any) -> Any:
    request = tts_pb2.SynthesizeRequest(text=text)
    return await tts_pb2_grpc.TtsServiceStub(served.channel).Synthesize(request, **{"timeout": 5} | more)


async def refused(
    served: Served, text: str, **more: Any
) -> tuple[grpc.aio.AioRpcError, FrontdeskError | None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await synthesize(served, text, **more)
    return caught.value, status.decode(caught.value)


async def bytes_call(served: Served, path: str) -> Any:
    channel: Any = served.channel  # the stubs want serializers
    return await channel.unary_unary(path)(b"", timeout=5)


async def health(served: Served, service: str = "") -> int:
    stub = health_pb2_grpc.HealthStub(served.bare_channel)
    return int((await stub.Check(health_pb2.HealthCheckRequest(service=service))).status)


async def test_a_servicer_knows_its_caller_and_trace(served: Served) -> None:
    sent = (("x-request-id", "r-1"), ("traceparent", TRACEPARENT))
    answer = await synthesize(served, "who", metadata=sent)
    assert answer.audio.decode() == f"demo gateway s-1 r-1 {TRACEPARENT}"


@pytest.mark.parametrize("request_id", ["", "with space", "x" * 65, "a/b"])
async def test_a_bad_request_id_is_replaced(served: Served, request_id: str) -> None:
    answer = await synthesize(served, "who", metadata=(("x-request-id", request_id),))
    assert re.fullmatch("[0-9a-f]{32}", answer.audio.decode().split()[3])


@pytest.mark.parametrize(
    "traceparent", ["garbage", TRACEPARENT.upper(), f"00-{'0' * 32}-b7ad6b7169203331-01"]
)
async def test_a_bad_traceparent_is_dropped(served: Served, traceparent: str) -> None:
    answer = await synthesize(served, "who", metadata=(("traceparent", traceparent),))
    assert answer.audio.decode().split()[4] == "None"


async def test_the_request_id_comes_back_with_answers_and_errors(served: Served) -> None:
    sent = (("x-request-id", "r-1"),)
    call = tts_pb2_grpc.TtsServiceStub(served.channel).ListVoices(
        tts_pb2.ListVoicesRequest(), timeout=5, metadata=sent
    )
    returned: Any = await call.trailing_metadata()  # pairs, whatever their declaration says
    assert dict(returned)["x-request-id"] == "r-1"
    for text in ("", "crash"):
        error, _ = await refused(served, text, metadata=sent)
        returned = error.trailing_metadata()
        assert dict(returned)["x-request-id"] == "r-1"


async def test_a_domain_error_arrives_whole(served: Served) -> None:
    error, told = await refused(served, "unavailable")
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert told is not None
    assert (told.reason, told.retry_after_seconds) == ("MODEL_UNAVAILABLE", 1.5)
    _, told = await refused(served, "not found")
    assert told is not None
    assert dict(told.metadata) == {"voice": "bert"}


async def test_a_hundred_violations_do_not_break_the_header(served: Served) -> None:
    error, told = await refused(served, "many faults")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert told is not None
    assert told.violations
    assert int(told.metadata["violations_left_out"]) == 100 - len(told.violations)


async def test_internal_tells_nothing_to_the_caller_nor_to_the_log(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    error, _ = await refused(served, "crash")
    assert error.code() is grpc.StatusCode.INTERNAL
    assert SECRET not in repr(error)
    sent = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert sent is not None
    info = error_details_pb2.ErrorInfo()
    assert len(sent.details) == 1
    assert sent.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INTERNAL", "frontdesk")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert SECRET not in repr(record.__dict__)
    assert record.error_type == "RuntimeError"  # type: ignore[attr-defined]
    assert "Synthesize" in record.raised_at[-1]  # type: ignore[attr-defined]


async def test_a_crash_in_a_stream_is_internal_too(served: Served) -> None:
    async def crash() -> AsyncIterator[tts_pb2.StreamingSynthesizeRequest]:
        yield tts_pb2.StreamingSynthesizeRequest(config=tts_pb2.StreamingSynthesisConfig())
        yield tts_pb2.StreamingSynthesizeRequest(text="crash")

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in tts_pb2_grpc.TtsServiceStub(served.channel).StreamingSynthesize(crash(), timeout=5):
            pass
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert SECRET not in repr(caught.value)


async def test_logs_say_what_happened_and_never_what_was_said(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "frontdesk.rpc")
    await synthesize(served, "hello, it is me", metadata=(("x-request-id", "r-1"),))
    await refused(served, "not found")
    good, bad = [record for record in caplog.records if record.getMessage() == "rpc finished"]
    assert (good.service, good.method, good.code) == (TTS.full_name, "Synthesize", "OK")  # type: ignore[attr-defined]
    assert (good.request_id, good.tenant) == ("r-1", "demo")  # type: ignore[attr-defined]
    assert 0 < good.duration_ms < 5000  # type: ignore[attr-defined]
    assert (bad.code, bad.reason) == ("NOT_FOUND", "VOICE_UNKNOWN")  # type: ignore[attr-defined]
    assert "hello" not in repr([record.__dict__ for record in caplog.records])


async def test_metrics_count_by_service_method_and_code(served: Served) -> None:
    await synthesize(served, "hello")
    await refused(served, "")
    labels = {"grpc_type": "unary", "grpc_service": TTS.full_name, "grpc_method": "Synthesize"}

    def value(name: str, **more: str) -> float | None:
        return served.registry.get_sample_value(name, labels | more)

    assert value("grpc_server_started_total") == 2
    assert value("grpc_server_handled_total", grpc_code="OK") == 1
    assert value("grpc_server_handled_total", grpc_code="InvalidArgument") == 1
    assert value("grpc_server_handling_seconds_count", grpc_code="OK") == 1


async def test_a_cancelled_rpc_is_cancelled_in_the_servicer(served: Served, tts: Tts) -> None:
    call = tts_pb2_grpc.TtsServiceStub(served.bare_channel).Synthesize(
        tts_pb2.SynthesizeRequest(text="wait"), timeout=5, metadata=served.metadata()
    )
    await tts.entered.wait()
    call.cancel()
    await asyncio.wait_for(tts.cancelled.wait(), 2)


async def test_a_passed_deadline_cancels_the_servicer(served: Served, tts: Tts) -> None:
    error, _ = await refused(served, "wait", timeout=0.2)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await asyncio.wait_for(tts.cancelled.wait(), 2)


async def test_a_cancelled_stream_closes_the_generator_in_its_own_task(served: Served, tts: Tts) -> None:
    async def endless() -> AsyncIterator[tts_pb2.StreamingSynthesizeRequest]:
        yield tts_pb2.StreamingSynthesizeRequest(config=tts_pb2.StreamingSynthesisConfig())
        yield tts_pb2.StreamingSynthesizeRequest(text="endless")
        await asyncio.Event().wait()

    call = tts_pb2_grpc.TtsServiceStub(served.bare_channel).StreamingSynthesize(
        endless(), timeout=5, metadata=served.metadata()
    )
    await call.read()
    assert tts.closed == []
    call.cancel()
    for _ in range(200):
        if tts.closed:
            break
        await asyncio.sleep(0.01)
    assert len(tts.closed) == 1
    assert "StreamingSynthesize" in tts.closed[0]  # gRPC's task of the RPC, not the garbage collector's


async def test_the_deadline_is_the_servicers_to_divide(served: Served) -> None:
    answer = await synthesize(served, "time", timeout=7)
    assert 6 < float(answer.audio) < 7.1  # gRPC rounds the deadline up to whole units


async def test_rpcs_above_the_limit_are_refused_and_probes_are_not(tts: Tts) -> None:
    async with serving(registrations(tts), max_concurrent_rpcs=1) as served:
        running = asyncio.create_task(synthesize(served, "wait"))
        await tts.entered.wait()
        error, told = await refused(served, "hello")
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert told is not None
        assert told.reason == "TOO_MANY_REQUESTS"
        assert told.retry_after_seconds
        assert await health(served) == SERVING
        tts.release.set()
        await running
        assert (await synthesize(served, "hello")).audio == b"hello"


async def test_health_is_asked_by_service_without_credential(served: Served) -> None:
    assert await health(served) == SERVING
    assert await health(served, TTS.full_name) == SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health(served, "frontdesk.unknown.v1.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_health_follows_readiness(tts: Tts) -> None:
    answers = [True]

    async def ready() -> bool:
        return answers[0]

    async with serving(registrations(tts), ready=ready, readiness_seconds=0.01) as served:
        stub = health_pb2_grpc.HealthStub(served.bare_channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=TTS.full_name), timeout=5)
        assert (await watch.read()).status == SERVING
        answers[0] = False
        assert (await watch.read()).status == NOT_SERVING
        answers[0] = True
        assert (await watch.read()).status == SERVING
        watch.cancel()


async def test_nothing_serves_while_readiness_was_not_answered(served: Served, tts: Tts) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def ready() -> bool:
        asked.set()
        await answer.wait()
        return True

    server = build_server(served.settings, registrations(tts), ready=ready)
    starting = asyncio.create_task(server.start())
    await asked.wait()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", TTS.full_name):
            request = health_pb2.HealthCheckRequest(service=service)
            assert (await stub.Check(request, timeout=5)).status == NOT_SERVING
        answer.set()
        await starting
        assert (await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)).status == SERVING
    await server.drain(0)


@pytest.mark.parametrize(
    "path",
    ["/frontdesk.tts.v1.TtsService/Sing", "/frontdesk.unknown.v1.Service/Get", "/nothing", "nothing", "/"],
)
async def test_unknown_methods_are_unimplemented(served: Served, path: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await bytes_call(served, path)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", ["ListVoices", "StreamingSynthesize"])
async def test_methods_that_a_servicer_leaves_out_are_unimplemented(method: str) -> None:
    generated: Any = tts_pb2_grpc.TtsServiceServicer
    bare = Registration(TTS.full_name, tts_pb2_grpc.add_TtsServiceServicer_to_server, generated())
    async with serving([bare]) as served:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await bytes_call(served, f"/{TTS.full_name}/{method}")
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        sent = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
        assert sent is not None
        info = error_details_pb2.ErrorInfo()
        assert sent.details[0].Unpack(info)
        assert info.reason == "UNIMPLEMENTED"


async def test_a_cancellation_of_something_else_is_told_before_the_deadline(served: Served) -> None:
    error, _ = await refused(served, "cancelled inside", timeout=30)
    assert error.code() is grpc.StatusCode.INTERNAL


async def test_draining_says_not_serving_finishes_what_runs_and_refuses_the_rest(
    served: Served, tts: Tts
) -> None:
    watch = health_pb2_grpc.HealthStub(served.bare_channel).Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    running = asyncio.create_task(synthesize(served, "wait"))
    await tts.entered.wait()
    draining = asyncio.create_task(served.server.drain(30))
    assert (await watch.read()).status == NOT_SERVING
    # The watcher, which would watch for ever, is told to go, and from then on no call is taken.
    with pytest.raises(grpc.aio.AioRpcError):
        await watch.read()
    error, _ = await refused(served, "hello", timeout=1)
    assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    assert not running.done()
    tts.release.set()
    assert (await running).audio == b"wait"
    await asyncio.wait_for(draining, 5)


async def test_draining_cancels_what_takes_too_long(served: Served, tts: Tts) -> None:
    running = asyncio.create_task(synthesize(served, "wait"))
    await tts.entered.wait()
    await asyncio.wait_for(served.server.drain(0.1), 5)
    await asyncio.wait_for(tts.cancelled.wait(), 2)
    with pytest.raises(grpc.aio.AioRpcError):
        await running


async def reflected_services(served: Served) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(served.bare_channel)
    call = stub.ServerReflectionInfo(timeout=5)
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    await call.done_writing()
    answer = await call.read()
    return {service.name for service in answer.list_services_response.service}


async def test_reflection_is_on_in_development_and_off_in_production(served: Served, tts: Tts) -> None:
    assert {TTS.full_name, "grpc.health.v1.Health"} <= await reflected_services(served)
    async with serving(registrations(tts), environment="production") as in_production:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reflected_services(in_production)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_server_can_authenticate_in_its_own_way(tts: Tts) -> None:
    def by_api_key(metadata: Any) -> Caller:
        assert bearer_token(metadata) == "an-api-key"
        return Caller("shop", "client")

    async with serving(registrations(tts), authenticate=by_api_key, credential="an-api-key") as served:
        answer = await synthesize(served, "who")
        assert answer.audio.decode().startswith("shop client ")


async def test_a_taken_port_and_a_missing_key_are_told_clearly(served: Served) -> None:
    key_file = served.settings.token_public_key_file
    with pytest.raises(FailedPrecondition, match="cannot listen on") as refusal:
        build_server(ServingSettings(port=served.server.port, token_public_key_file=key_file), [])
    assert refusal.value.reason == "PORT_TAKEN"
    with pytest.raises(FailedPrecondition, match="set another metrics port"):
        await serve(ServingSettings(metrics_port=served.server.port, token_public_key_file=key_file), [])
    with pytest.raises(FailedPrecondition, match="FRONTDESK_TOKEN_PUBLIC_KEY_FILE"):
        build_server(ServingSettings(token_public_key_file=None), [])
    assert key_file is not None
    key_file.write_text("no key")
    with pytest.raises(FailedPrecondition, match="cannot read an Ed25519 public key"):
        build_server(ServingSettings(token_public_key_file=key_file), [])
