"""The whole suite on one machine: started, awaited and stopped as one thing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.local.keys import ensure_keys
from services.local.processes import Ports, Process, environment, processes
from services.local.readiness import wait_until_ready
from services.local.supervision import SupervisionError, Supervisor


@dataclass(frozen=True, slots=True)
class SuiteFolders:
    """Where a suite lives."""

    run: Path
    """Keys, logs, ports and supervisord's files."""
    repository: Path
    """Triton's model repository."""
    weights: Path
    """Verified pretrained weights."""
    data: Path
    """Sessions, media and knowledge base."""


class LocalSuite:
    """One suite, known by its run folder; another process can find it again by that folder."""

    def __init__(self, folders: SuiteFolders, domain: str) -> None:
        self._folders = folders
        self._domain = domain
        self._ports_file = folders.run / "ports.json"
        self.supervisor = Supervisor(folders.run)

    @property
    def ports(self) -> Ports:
        """The ports of the running suite."""
        return Ports.load(self._ports_file)

    @property
    def endpoint(self) -> str:
        """The gateway's address."""
        return f"127.0.0.1:{self.ports.gateway}"

    @property
    def api_key_file(self) -> Path:
        """The development tenant's key."""
        return self._folders.run / "api_key"

    def processes(self) -> Sequence[Process]:
        """The suite's processes, in order of start."""
        return processes(self.ports, self._folders.repository.resolve())

    def start(self, ports: Ports) -> None:
        """Start all processes. Raises SupervisionError where a port is taken."""
        if taken := ports.occupied():
            raise SupervisionError(
                f"in use already: {', '.join(taken)}; stop what listens there, or pass --free-ports"
            )
        keys = ensure_keys(self._folders.run.resolve())
        ports.save(self._ports_file)
        settings = environment(
            ports,
            keys,
            repository=self._folders.repository.resolve(),
            weights=self._folders.weights.resolve(),
            data=self._folders.data.resolve(),
            domain=self._domain,
        )
        self.supervisor.start(self.processes(), settings)

    def wait_until_ready(
        self, timeout_seconds: float, on_ready: Callable[[Process], None] = lambda process: None
    ) -> None:
        """Return when every process is ready; SupervisionError with the log of one that is not."""
        wait_until_ready(
            self.processes(), self.supervisor, timeout_seconds=timeout_seconds, on_ready=on_ready
        )

    def stop(self) -> None:
        """Stop all processes of this suite, and nothing else."""
        self.supervisor.stop()
