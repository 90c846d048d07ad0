"""How a process of ours starts, is told to stop, and ends: the real one, on uvloop."""

import asyncio
import json
import os
import re
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from frontdesk.tts.v1 import tts_pb2, tts_pb2_grpc

from services.serving.tokens import TokenMinter, new_key_pair
from tests.harness.free_port import free_port
from tests.harness.grpc_server import bearer

STARTED_TWO = re.compile(r'grpc_server_started_total{grpc_method="Synthesize",.*} 2\.0')


def scrape(port: int) -> str:
    """Read the metrics as Prometheus does."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        content: bytes = response.read()
    return content.decode()


class Process:
    """The process, and the log lines that it wrote so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []

    async def line(self, event: str) -> dict[str, Any]:
        """Read on to the next line with this event."""
        assert self.process.stdout
        while content := await asyncio.wait_for(self.process.stdout.readline(), 20):
            self.lines.append(json.loads(content))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"ended without {event!r}: {self.lines}")


@asynccontextmanager
async def started(**settings: str) -> AsyncIterator[Process]:
    """Start the process with these settings; it is killed where it did not end."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FRONTDESK_")}
    environment |= {f"FRONTDESK_{key.upper()}": value for key, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.contract.serving",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[bytes, str]:
    private, public = new_key_pair()
    (tmp_path / "public.pem").write_bytes(public)
    return private, str(tmp_path / "public.pem")


async def test_a_process_serves_drains_on_sigterm_and_ends(keys: tuple[bytes, str]) -> None:
    private, key_file = keys
    metrics_port = free_port()
    metadata = bearer(TokenMinter(private).mint("demo", "gateway"))
    async with started(token_public_key_file=key_file, metrics_port=str(metrics_port)) as running:
        port = (await running.line("started"))["port"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = tts_pb2_grpc.TtsServiceStub(channel)
            request = tts_pb2.SynthesizeRequest(text="hello")
            assert (await stub.Synthesize(request, timeout=5, metadata=metadata)).audio == b"hello"
            page = await asyncio.to_thread(scrape, metrics_port)
            assert 'grpc_server_handled_total{grpc_code="OK",grpc_method="Synthesize"' in page
            assert "process_resident_memory_bytes" in page
            waiting = stub.Synthesize(
                tts_pb2.SynthesizeRequest(text="a moment"), timeout=10, metadata=metadata
            )
            while not STARTED_TWO.search(await asyncio.to_thread(scrape, metrics_port)):
                pass
            running.process.send_signal(signal.SIGTERM)
            await running.line("draining")
            assert (await waiting).audio == b"a moment"
        await running.line("stopped")
        await running.line("closed")
        assert await asyncio.wait_for(running.process.wait(), 10) == 0
        finished = [line for line in running.lines if line["event"] == "rpc finished"]
        assert [line["code"] for line in finished] == ["OK", "OK"]
        assert {"request_id", "tenant", "service", "method", "duration_ms", "timestamp"} <= set(finished[0])


async def test_wrong_settings_are_named_one_a_line(keys: tuple[bytes, str]) -> None:
    async with started(log_level="loud", drain_seconds="-1", token_public_key_file=keys[1]) as running:
        _, errors = await asyncio.wait_for(running.process.communicate(), 20)
        assert running.process.returncode == 2
        first, second = errors.decode().splitlines()
        assert first.startswith("FRONTDESK_LOG_LEVEL: ")
        assert second.startswith("FRONTDESK_DRAIN_SECONDS: ")


async def test_a_process_that_cannot_run_says_why() -> None:
    async with started() as running:
        line = await running.line("cannot run")
        assert line["reason"] == "TOKEN_KEY_MISSING"
        assert "FRONTDESK_TOKEN_PUBLIC_KEY_FILE" in line["message"]
        assert await asyncio.wait_for(running.process.wait(), 10) == 1
