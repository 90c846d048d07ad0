"""What a real supervisord does for the suite: starts, reports what ends, restarts, stops."""

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.local.processes import Ports, Process
from services.local.readiness import wait_until_ready
from services.local.supervision import ProcessState, SupervisionError, Supervisor
from tests.harness.free_port import free_port

_PR_SET_CHILD_SUBREAPER = 36


def python(name: str, code: str) -> Process:
    return Process(name, (sys.executable, "-c", code), free_port())


WAITS = "import time; time.sleep(600)"
MISSES_A_SETTING = "import sys; print('FRONTDESK_ASR_PORT: 100% wrong'); sys.exit(2)"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "run 100%")
    yield made
    if made.running():
        made.stop()


def pid_of(supervisor: Supervisor, name: str) -> int:
    return next(state.pid for state in supervisor.states() if state.name == name)


def wait_for_pid(supervisor: Supervisor, name: str, other_than: int = 0) -> int:
    end = time.monotonic() + 10
    while (pid := pid_of(supervisor, name)) in (0, other_than):
        assert time.monotonic() < end
        time.sleep(0.05)
    return pid


def test_a_process_that_ends_at_once_is_told_with_its_log(supervisor: Supervisor) -> None:
    processes = [python("good", WAITS), python("bad", MISSES_A_SETTING)]
    supervisor.start(processes, {})
    began = time.monotonic()
    with pytest.raises(SupervisionError, match=r"(?s)bad ended.*FRONTDESK_ASR_PORT: 100% wrong"):
        wait_until_ready(processes, supervisor, timeout_seconds=60)
    assert time.monotonic() - began < 5


def test_a_process_that_does_not_become_ready_is_told(supervisor: Supervisor) -> None:
    processes = [python("mute", WAITS)]
    supervisor.start(processes, {})
    with pytest.raises(SupervisionError, match="mute is not ready after 1 s"):
        wait_until_ready(processes, supervisor, timeout_seconds=1)


def test_a_process_that_ends_late_is_told_though_it_runs_again(tmp_path: Path) -> None:
    class Restarting(Supervisor):
        pids = iter(range(100, 200))

        def states(self) -> list[ProcessState]:
            return [ProcessState("late", "RUNNING", next(self.pids))]

    with pytest.raises(SupervisionError, match="late ended"):
        wait_until_ready([python("late", WAITS)], Restarting(tmp_path), timeout_seconds=10)


def test_what_dies_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start([python("mortal", WAITS)], {})
    pid = wait_for_pid(supervisor, "mortal")
    os.kill(pid, signal.SIGKILL)
    assert wait_for_pid(supervisor, "mortal", other_than=pid)


def test_stopping_ends_the_processes_even_where_nobody_reaps_orphans(supervisor: Supervisor) -> None:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)  # orphans are now ours, and we do not reap them
    try:
        supervisor.start([python("one", WAITS)], {})
        pid = wait_for_pid(supervisor, "one")
        supervisor.stop(timeout_seconds=10)
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)
    os.waitpid(-1, 0)
    assert not supervisor.running()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def listening(port: int) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def test_ports_that_are_taken_are_named_metrics_ports_too() -> None:
    ports = Ports(**{name: free_port() for name in ("gateway", "asr", "vision", "text", "dialogue", "tts")})
    with listening(ports.asr), listening(ports.metrics("tts")):
        taken = ports.occupied()
    assert {f"asr {ports.asr}", f"tts_metrics {ports.tts + 1000}"} <= set(taken)
