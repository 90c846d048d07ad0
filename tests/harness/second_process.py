"""Another process of one of the services beside a running suite, with settings of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from services.local.keys import ensure_keys
from services.local.processes import Process, environment
from services.local.readiness import is_ready
from services.local.suite import LocalSuite
from tests.harness.suite import BUILD, ROOT

START_SECONDS = 60


@contextmanager
def second_process(
    suite: LocalSuite, name: str, folder: Path, settings: Mapping[str, str], *, module: str = ""
) -> Iterator[str]:
    """Start ``services.<name>``, or ``module``, with its data in ``folder``; give ``host:port``.

    ``settings`` go over the suite's.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    changed: dict[str, Any] = {name: port, "metrics_offset": 0}
    values = environment(
        replace(suite.ports, **changed),
        ensure_keys(suite.api_key_file.parent.resolve()),
        repository=BUILD / "model_repository",
        weights=BUILD / "weights",
        data=folder,
        domain="shop",
    )
    command = (sys.executable, "-m", module or f"services.{name}")
    with (folder / f"{name}.log").open("wb") as log:
        running = subprocess.Popen(
            command, env={**os.environ, **values, **settings}, cwd=ROOT, stdout=log, stderr=log
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not is_ready(Process(name, command, port)):
            if running.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / f"{name}.log").read_text()[-2000:])
            time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait(15)
