"""Another gateway before the services of a running suite, with settings of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gateway.client import FrontdeskClient
from services.local.keys import ensure_keys
from services.local.processes import Process, environment
from services.local.readiness import is_ready
from services.local.suite import LocalSuite
from tests.harness.suite import BUILD, ROOT

START_SECONDS = 30


@contextmanager
def second_gateway(suite: LocalSuite, folder: Path, settings: Mapping[str, str]) -> Iterator[FrontdeskClient]:
    """Start it with its data in ``folder`` and give a client of it; ``settings`` go over the suite's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    values = environment(
        replace(suite.ports, gateway=port, metrics_offset=0),
        ensure_keys(suite.api_key_file.parent.resolve()),
        repository=BUILD / "model_repository",
        weights=BUILD / "weights",
        data=folder,
        domain="shop",
    )
    command = (sys.executable, "-m", "gateway")
    with (folder / "gateway.log").open("wb") as log:
        running = subprocess.Popen(
            command, env={**os.environ, **values, **settings}, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not is_ready(Process("gateway", command, port)):
            if running.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / "gateway.log").read_text()[-2000:])
            time.sleep(0.1)
        with FrontdeskClient(
            f"127.0.0.1:{port}", suite.api_key_file.read_text(), timeout_seconds=60
        ) as client:
            yield client
    finally:
        running.terminate()
        running.wait(15)
