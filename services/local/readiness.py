"""Waiting until every process says that it is ready."""

import time
from collections.abc import Callable, Sequence

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.local.processes import Process
from services.local.supervision import SupervisionError, Supervisor


def is_ready(process: Process, timeout_seconds: float = 2.0) -> bool:
    """Ask ``grpc.health.v1``, which Triton speaks as well as our own services."""
    with grpc.insecure_channel(f"127.0.0.1:{process.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=timeout_seconds)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def wait_until_ready(
    processes: Sequence[Process],
    supervisor: Supervisor,
    *,
    timeout_seconds: float,
    on_ready: Callable[[Process], None] = lambda process: None,
) -> None:
    """Return when all are ready.

    Raises SupervisionError with the end of the log of a process that ended in
    the meantime, such as one whose settings are wrong, or that is late.
    """
    waiting = list(processes)
    pids: dict[str, int] = {}
    end = time.monotonic() + timeout_seconds
    while waiting:
        for process in list(waiting):
            if is_ready(process):
                waiting.remove(process)
                on_ready(process)
        ended = set()
        for state in supervisor.states():
            # supervisord starts it again, so that it may run already, with another pid.
            restarted = state.pid and pids.setdefault(state.name, state.pid) != state.pid
            if restarted or state.state in ("BACKOFF", "EXITED", "FATAL"):
                ended.add(state.name)
        failed = [process for process in waiting if process.name in ended]
        if failed or (waiting and time.monotonic() > end):
            culprit = (failed or waiting)[0]
            log = supervisor.log_file(culprit.name)
            lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
            reason = (
                "ended while it was starting" if failed else f"is not ready after {timeout_seconds:.0f} s"
            )
            raise SupervisionError(f"{culprit.name} {reason}; the end of {log}:\n" + "\n".join(lines))
        if waiting:
            time.sleep(0.2)
