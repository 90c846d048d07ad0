"""Triton as a child process: the development machine's and the tests' real inference server."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.triton.installation import Installation, TritonError, explain_exit, find_installation

_LOOPBACK: Final = "127.0.0.1"
_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 (where POSIX shared memory lies)
_PR_SET_PDEATHSIG: Final = 1


class LocalTriton:
    """Runs the wheel's ``tritonserver`` on a model repository, on loopback.

    A context manager: entering starts the server and waits until all of
    ``models`` ("*": all of the repository) are loaded, leaving stops it and
    every process of its models. Its output goes to ``log_file``, or to this
    process's own output where that is None. The server ends with the thread
    that started it, also when that is killed.

    Raises (on entering):
        TritonError: Triton does not run here, a port is taken, or models fail
            to load; the message names each with its reason.
    """

    def __init__(
        self,
        repository: Path,
        *,
        grpc_port: int = 8001,
        http_port: int = 8000,
        metrics_port: int = 8002,
        log_file: Path | None = None,
        models: Sequence[str] = ("*",),
        start_timeout_seconds: float = 120.0,
        installation: Installation | None = None,
    ) -> None:
        self._repository = repository
        self._ports = {"grpc": grpc_port, "http": http_port, "metrics": metrics_port}
        self._log_file = log_file
        self._models = models
        self._start_timeout_seconds = start_timeout_seconds
        self._installation = installation
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def url(self) -> str:
        """Address of the gRPC endpoint, for ``TritonClient``."""
        return f"{_LOOPBACK}:{self._ports['grpc']}"

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise TritonError("Triton was not started")
        return self._process.pid

    def __enter__(self) -> Self:
        """Start the server; see the class."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        if not self._repository.is_dir():
            raise TritonError(f"{self._repository} is no model repository: make it with `make export`")
        installation = self._installation or find_installation()
        for name, port in self._ports.items():
            _require_free(name, port)
        self._remove_stale_memory()
        self._folder = Path(tempfile.mkdtemp(prefix="frontdesk-triton-"))
        try:
            installation.write_backends(self._folder)
            with self._open_log() as log:
                self._process = subprocess.Popen(  # noqa: S603 (the wheel's own binary)
                    [*_ending_with_parent(), *self._command(installation.binary, self._folder)],
                    env=installation.environment(),
                    stdout=log,
                    stderr=subprocess.STDOUT if log is not None else None,
                    start_new_session=True,  # one group with its models' processes; Ctrl-C is ours to pass on
                )
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def status(self) -> int | None:
        """Give the server's exit status; None while it runs."""
        if self._process is None:
            raise TritonError("Triton was not started")
        return self._process.poll()

    def stop(self, timeout_seconds: float = 10.0) -> None:
        """Stop the server and its models' processes; does nothing where none run."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout_seconds)
            # What did not end by itself, models' processes included.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            # Not for ever: a signal that raised in the middle of Popen's own wait leaves its lock taken.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout_seconds)
            self._remove_stale_memory()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @property
    def _memory_prefix(self) -> str:
        # Only one server at a time has the port, so the regions under its name are ours to remove.
        return f"frontdesk_triton_{self._ports['grpc']}_"

    def _remove_stale_memory(self) -> None:
        """Remove the shared memory that a killed server left."""
        for region in _SHARED_MEMORY.glob(f"{self._memory_prefix}*"):
            region.unlink(missing_ok=True)

    def _command(self, binary: Path, backends: Path) -> list[str]:
        return [
            str(binary),
            f"--model-repository={self._repository.resolve()}",
            f"--backend-directory={backends}",
            f"--backend-config=python,shm-region-prefix-name={self._memory_prefix}{os.getpid()}",
            "--model-control-mode=explicit",
            *(f"--load-model={model}" for model in self._models),
            # A model that fails to load is reported below, with its reason.
            "--exit-on-error=false",
            "--exit-timeout-secs=5",
            "--log-verbose=0",
            "--disable-auto-complete-config",
            *(f"--{name}-address={_LOOPBACK}" for name in self._ports),
            *(f"--{name}-port={port}" for name, port in self._ports.items()),
        ]

    def _open_log(self) -> contextlib.AbstractContextManager[IO[bytes] | None]:
        if self._log_file is None:
            return contextlib.nullcontext()
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        return self._log_file.open("wb")

    def _wait_ready(self) -> None:
        process = self._process
        assert process is not None  # noqa: S101 (start() has just set it)
        deadline = time.monotonic() + self._start_timeout_seconds
        options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
        with grpc.insecure_channel(self.url, options=options) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            while True:
                if (status := process.poll()) is not None:
                    raise TritonError(explain_exit(status, self._read_log()))
                try:
                    # The endpoint opens once all models have been loaded or have failed.
                    index = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(), timeout=2.0)
                    break
                except grpc.RpcError:
                    if time.monotonic() > deadline:
                        raise TritonError(
                            f"Triton was not ready within {self._start_timeout_seconds:.0f} s"
                            + (f": see {self._log_file}" if self._log_file else "")
                        ) from None
                    time.sleep(0.05)
        wanted = {model.name for model in index.models} if "*" in self._models else set(self._models)
        states = {model.name: model for model in index.models}
        failures = [
            f"  {name}: {states[name].reason or states[name].state or 'not loaded'}"
            if name in states
            else f"  {name}: not in {self._repository}"
            for name in sorted(wanted)
            if name not in states or states[name].state != "READY"
        ]
        if failures:
            raise TritonError(
                "\n".join([f"{len(failures)} of {len(wanted)} models fail to load:", *failures])
            )

    def _read_log(self) -> str:
        if self._log_file is None:
            return "(its output stands above)"
        return self._log_file.read_text(encoding="utf-8", errors="replace")


def _require_free(name: str, port: int) -> None:
    # A server that has just been killed needs a moment to end.
    for _ in range(50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                time.sleep(0.1)
            else:
                return
    raise TritonError(f"port {port} (Triton's {name}) is taken: stop what listens there, or choose another")


def _ending_with_parent() -> list[str]:
    """The beginning of a command that is killed when its parent ends.

    Killed, since nobody would be left to see to one that hangs while it stops; its
    models' processes end by themselves when it is gone.
    Not Popen's ``preexec_fn``: that runs after a fork, and gRPC's threads do not outlive one.
    """
    code = (
        "import ctypes, os, sys; "
        f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, {int(signal.SIGKILL)}); "
        f"os.getppid() == {os.getpid()} and os.execv(sys.argv[1], sys.argv[1:])"
    )
    return [sys.executable, "-I", "-S", "-c", code]
