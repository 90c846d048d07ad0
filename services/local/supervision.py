"""Supervised processes on this machine, through supervisord (http://supervisord.org)."""

import configparser
import hashlib
import os
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import SupervisorTransport

from services.local.processes import Process


class SupervisionError(RuntimeError):
    """supervisord could not be started or stopped."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What supervisord knows of a process."""

    name: str
    state: str
    """supervisord's word: STARTING, RUNNING, BACKOFF, STOPPED, EXITED, FATAL."""
    pid: int


class Supervisor:
    """One supervisord, known by its run folder.

    Restarts what dies. ``stop`` ends its own processes and nothing else.
    """

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder
        self._config = run_folder / "supervisord.conf"
        self._pid_file = run_folder / "supervisord.pid"
        # Socket paths are limited to 107 bytes, run folders are not.
        digest = hashlib.sha256(str(run_folder.resolve()).encode()).hexdigest()[:16]
        self._socket = Path(tempfile.gettempdir()) / f"frontdesk-{digest}.sock"

    def log_file(self, name: str) -> Path:
        """Where a process's output goes."""
        return self._folder / "logs" / f"{name}.log"

    def running(self) -> bool:
        """Whether this supervisord is alive."""
        try:
            self._call("getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start(self, processes: Sequence[Process], environment: Mapping[str, str]) -> None:
        """Start all processes. Raises SupervisionError where supervisord refuses."""
        (self._folder / "logs").mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        self._write_config(processes)
        result = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise SupervisionError(f"supervisord did not start: {result.stdout}{result.stderr}")

    def stop(self, timeout_seconds: float = 60.0) -> None:
        """Stop all processes, then supervisord; returns when it is gone."""
        pid = int(self._call("getPID"))
        self._call("shutdown")
        end = time.monotonic() + timeout_seconds
        # Where nobody reaps orphans, as in many containers, its process id stays for ever.
        while self._pid_file.exists() and _alive(pid):
            if time.monotonic() > end:
                raise SupervisionError(
                    f"supervisord (pid {pid}) is still stopping after {timeout_seconds:.0f} s"
                )
            time.sleep(0.1)

    def states(self) -> list[ProcessState]:
        """The state of every process."""
        infos = cast(list[dict[str, Any]], self._call("getAllProcessInfo"))
        return [ProcessState(info["name"], info["statename"], info["pid"]) for info in infos]

    def _call(self, method: str) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)()

    def _write_config(self, processes: Sequence[Process]) -> None:
        config = configparser.RawConfigParser()
        config["unix_http_server"] = {"file": str(self._socket), "chmod": "0700"}
        config["supervisord"] = {
            "logfile": _literal(str(self.log_file("supervisord"))),
            "pidfile": _literal(str(self._pid_file)),
        }
        if os.getuid() == 0:
            config["supervisord"]["user"] = "root"  # silences the warning about root
        config["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for priority, process in enumerate(processes):
            config[f"program:{process.name}"] = {
                "command": _literal(shlex.join(process.command)),
                "directory": _literal(str(Path.cwd())),
                "priority": str(priority),
                "autorestart": "true",
                "startsecs": "5",
                "startretries": "10",  # with a growing pause, about a minute
                "stopwaitsecs": "20",
                "killasgroup": "true",
                "redirect_stderr": "true",
                # supervisord expands this one twice
                "stdout_logfile": _literal(_literal(str(self.log_file(process.name)))),
            }
        with self._config.open("w") as file:
            config.write(file)


def _literal(value: str) -> str:
    return value.replace("%", "%%")  # supervisord expands %(…)s


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
