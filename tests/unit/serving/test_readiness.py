import asyncio

from grpc_health.v1 import health_pb2

from services.serving.readiness import Readiness

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    def __init__(self) -> None:
        self.set_to: list[tuple[str, int]] = []

    async def set(self, service: str, status: int) -> None:
        self.set_to.append((service, status))

    async def enter_graceful_shutdown(self) -> None:
        raise AssertionError("is the server's to say")


def readiness(health: Health, answers: list[bool | Exception]) -> Readiness:
    async def ready() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Readiness(health, ["a.B"], ready, interval_seconds=1)


async def test_health_follows_readiness_and_is_set_on_change_alone() -> None:
    health = Health()
    polled = readiness(health, [False, False, True, True, ConnectionError("down"), True])
    for expected in (False, False, True, True, False, True):
        assert await polled.check() is expected
    assert health.set_to == [
        (service, status)
        for status in (NOT_SERVING, SERVING, NOT_SERVING, SERVING)
        for service in ("", "a.B")
    ]


async def test_nothing_serves_before_the_first_answer() -> None:
    health = Health()
    polled = readiness(health, [False, True])
    await polled.begin()
    assert health.set_to == [("", NOT_SERVING), ("a.B", NOT_SERVING)]
    await polled.check()
    await polled.check()
    assert health.set_to[-2:] == [("", SERVING), ("a.B", SERVING)]


async def test_no_answer_is_a_no() -> None:
    async def hangs() -> bool:
        await asyncio.Event().wait()
        return True

    health = Health()
    polled = Readiness(health, [], hangs, interval_seconds=1, timeout_seconds=0.01)
    assert await polled.check() is False
    assert health.set_to == [("", NOT_SERVING)]
