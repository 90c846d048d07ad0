"""The whole suite for integration tests: its own folders and ports, a real Triton, the shop published."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.client import FrontdeskClient
from services.local.processes import Ports
from services.local.suite import LocalSuite, SuiteFolders
from training.export.publish import link_tree

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


@contextmanager
def running_suite(folder: Path) -> Iterator[LocalSuite]:
    """Start everything under ``folder``, publish the shop, and stop it at the end.

    Its repository shares the files of the exported one, so that a test may put models of its own into it.
    """
    repository = repository_of(folder)
    link_tree(BUILD / "model_repository", repository)
    suite = LocalSuite(SuiteFolders(folder / "run", repository, BUILD / "weights", folder / "data"), "shop")
    suite.start(Ports.free())
    try:
        suite.wait_until_ready(120)
        run_cli(suite, "domain", "publish", str(ROOT / "domains" / "shop"))
        yield suite
    finally:
        suite.stop()
    for log in (folder / "run" / "logs").glob("*.log"):
        # A server that finds its peers' keepalive pings too many cuts them off, calls and all.
        assert "too_many_pings" not in log.read_text(errors="replace"), log.name


def repository_of(folder: Path) -> Path:
    """Where the model repository of a suite under ``folder`` lies."""
    return folder / "model_repository"


def connect(suite: LocalSuite, timeout_seconds: float = 30.0) -> FrontdeskClient:
    """A client of the suite's one tenant."""
    return FrontdeskClient(suite.endpoint, suite.api_key_file.read_text(), timeout_seconds=timeout_seconds)


def run_cli(suite: LocalSuite, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``frontdesk`` against the suite, as a user would."""
    connection = ("--endpoint", suite.endpoint, "--api-key-file", str(suite.api_key_file))
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *connection, *arguments],
        check=check,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=180,
    )
