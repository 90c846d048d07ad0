"""The real Triton and the client: streams, deadlines, cancellation, crashes and restarts."""

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from services.inference.client import TritonClient
from services.inference.port import Tensors
from services.inference.spec import DataType, ModelSpec, TensorSpec
from services.serving.errors import DeadlineExceeded, InvalidArgument, Unavailable
from services.triton.installation import TritonError
from services.triton.local_server import LocalTriton
from tests.harness.triton import free_ports
from training.export.config import render

pytestmark = pytest.mark.integration

ECHO = ModelSpec(
    name="echo",
    backend="test",
    inputs=(TensorSpec("words", DataType.BYTES, (-1,)), TensorSpec("matrix", DataType.FP32, (-1, 2), True)),
    outputs=(
        TensorSpec("words_out", DataType.BYTES, (-1,)),
        TensorSpec("matrix_out", DataType.FP32, (-1, 2)),
    ),
    parameters={"greeting": "hello"},
)
ECHO_CODE = """
import numpy as np
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            words = pb_utils.get_input_tensor_by_name(request, "words").as_numpy()
            if b"refuse" in words:
                error = pb_utils.TritonError("words: one is refused", pb_utils.TritonError.INVALID_ARG)
                responses.append(pb_utils.InferenceResponse(error=error))
                continue
            if b"crash" in words:
                raise RuntimeError("crashed")
            matrix = pb_utils.get_input_tensor_by_name(request, "matrix")
            matrix = np.zeros((0, 2), np.float32) if matrix is None else matrix.as_numpy()
            tensors = [pb_utils.Tensor("words_out", words), pb_utils.Tensor("matrix_out", matrix)]
            wanted = set(request.requested_output_names())
            responses.append(pb_utils.InferenceResponse([t for t in tensors if t.name() in wanted]))
        return responses
"""

COUNTER = ModelSpec(
    name="counter",
    backend="test",
    inputs=(TensorSpec("count", DataType.INT32, (1,)), TensorSpec("journal", DataType.BYTES, (1,))),
    outputs=(TensorSpec("number", DataType.INT32, (1,)),),
    decoupled=True,
)
COUNTER_CODE = """
import time
import numpy as np
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        for request in requests:
            sender = request.get_response_sender()
            count = int(pb_utils.get_input_tensor_by_name(request, "count").as_numpy()[0])
            journal = pb_utils.get_input_tensor_by_name(request, "journal").as_numpy()[0].decode()
            if count < 0:
                error = pb_utils.TritonError("INVALID_ARGUMENT: count is negative")
                sender.send(pb_utils.InferenceResponse(error=error))
            for number in range(count):
                if sender.is_cancelled():
                    open(journal, "w").write(f"cancelled {number}")
                    break
                tensor = pb_utils.Tensor("number", np.array([number], np.int32))
                sender.send(pb_utils.InferenceResponse([tensor]))
                time.sleep(0.02)
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
"""

SLOW = ModelSpec(
    name="slow",
    backend="test",
    inputs=(TensorSpec("journal", DataType.BYTES, (1,)), TensorSpec("seconds", DataType.FP32, (1,))),
    outputs=(TensorSpec("done", DataType.BOOL, (1,)),),
)
SLOW_CODE = """
import time
import numpy as np
import triton_python_backend_utils as pb_utils
class TritonPythonModel:
    def execute(self, requests):
        responses = []
        for request in requests:
            journal = pb_utils.get_input_tensor_by_name(request, "journal").as_numpy()[0].decode()
            open(journal, "a").write("cancelled" if request.is_cancelled() else "ran")
            time.sleep(float(pb_utils.get_input_tensor_by_name(request, "seconds").as_numpy()[0]))
            responses.append(pb_utils.InferenceResponse([pb_utils.Tensor("done", np.array([True]))]))
        return responses
"""


def write_model(repository: Path, spec: ModelSpec, code: str) -> None:
    version = repository / spec.name / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(code)
    (repository / spec.name / "config.pbtxt").write_text(render(spec, {}))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    for spec, code in ((ECHO, ECHO_CODE), (COUNTER, COUNTER_CODE), (SLOW, SLOW_CODE)):
        write_model(folder, spec, code)
    return folder


@pytest.fixture(scope="module")
def triton(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    log = tmp_path_factory.mktemp("log") / "triton.log"
    with LocalTriton(repository, **free_ports(), log_file=log) as running:
        yield running


@pytest_asyncio.fixture
async def client(triton: LocalTriton) -> AsyncIterator[TritonClient]:
    connected = TritonClient(triton.url)
    yield connected
    await connected.close()


def words(*items: bytes) -> Tensors:
    return {"words": np.array(items, dtype=np.object_)}


def counter(count: int, journal: Path) -> Tensors:
    return {
        "count": np.array([count], np.int32),
        "journal": np.array([str(journal).encode()], dtype=np.object_),
    }


def slow(journal: Path, seconds: float) -> Tensors:
    return {
        "journal": np.array([str(journal).encode()], dtype=np.object_),
        "seconds": np.array([seconds], np.float32),
    }


async def wait_until(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 (another process changes it)
            await asyncio.sleep(0.02)


async def wait_for_file(path: Path, seconds: float = 5.0) -> None:
    await wait_until(functools.partial(asyncio.to_thread, path.exists), seconds)


async def test_tensors_come_back_as_they_went(client: TritonClient) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2)

    answer = await client.infer(ECHO, {**words("退货".encode(), b""), "matrix": matrix}, timeout_seconds=5)

    assert list(answer["words_out"]) == ["退货".encode(), b""]
    np.testing.assert_array_equal(answer["matrix_out"], matrix)


async def test_only_the_outputs_asked_for_come(client: TritonClient) -> None:
    answer = await client.infer(ECHO, words(b"a"), outputs=["words_out"], timeout_seconds=5)

    assert set(answer) == {"words_out"}


async def test_empty_tensors_pass(client: TritonClient) -> None:
    answer = await client.infer(ECHO, words(), timeout_seconds=5)

    assert answer["words_out"].shape == (0,)
    assert answer["matrix_out"].shape == (0, 2)


async def test_parameters_and_readiness(client: TritonClient) -> None:
    assert (await client.parameters(ECHO))["greeting"] == "hello"
    assert await client.ready(ECHO)
    assert not await client.ready(ModelSpec("absent", "test", (), ()))


async def test_what_the_model_refuses_is_an_invalid_argument_with_its_reason(client: TritonClient) -> None:
    with pytest.raises(InvalidArgument, match="words: one is refused"):
        await client.infer(ECHO, words(b"refuse"), timeout_seconds=5)


async def test_a_model_that_raises_is_unavailable_and_goes_on(client: TritonClient) -> None:
    with pytest.raises(Unavailable) as caught:
        await client.infer(ECHO, words(b"crash"), timeout_seconds=5)

    assert caught.value.reason == "INFERENCE_FAILED"
    assert await client.infer(ECHO, words(b"a"), timeout_seconds=5)


async def test_a_model_that_is_not_there_is_unavailable(client: TritonClient) -> None:
    with pytest.raises(Unavailable):
        await client.infer(ModelSpec("absent", "test", (), ()), {}, timeout_seconds=5)


async def test_streams_yield_every_response_in_order(client: TritonClient, tmp_path: Path) -> None:
    numbers = [
        int(response["number"][0])
        async for response in client.stream(COUNTER, counter(5, tmp_path / "j"), timeout_seconds=5)
    ]

    assert numbers == [0, 1, 2, 3, 4]


async def test_the_first_response_comes_before_the_last_is_made(client: TritonClient, tmp_path: Path) -> None:
    began = time.monotonic()

    async with aclosing(client.stream(COUNTER, counter(100, tmp_path / "j"), timeout_seconds=5)) as responses:
        await anext(responses)
        assert time.monotonic() - began < 1.0  # all take 2 s


async def test_a_closed_stream_stops_the_model(client: TritonClient, tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    async with aclosing(client.stream(COUNTER, counter(200, journal), timeout_seconds=10)) as responses:
        await anext(responses)

    await wait_for_file(journal, 2.0)


async def test_a_stream_past_its_deadline_stops_the_model(client: TritonClient, tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    with pytest.raises(DeadlineExceeded):
        async for _ in client.stream(COUNTER, counter(200, journal), timeout_seconds=0.2):
            pass

    await wait_for_file(journal, 2.0)


async def test_an_error_in_a_stream_has_its_status(client: TritonClient, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="refuses its input: count is negative"):
        async for _ in client.stream(COUNTER, counter(-1, tmp_path / "j"), timeout_seconds=5):
            pass


async def test_a_deadline_that_passes_in_the_queue_is_known_to_the_model(
    client: TritonClient, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    busy = asyncio.create_task(client.infer(SLOW, slow(first, 0.6), timeout_seconds=5))
    await wait_for_file(first)

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        await client.infer(SLOW, slow(second, 0.0), timeout_seconds=0.1)
    assert time.monotonic() - began < 0.4

    await busy
    await client.infer(SLOW, slow(first, 0.0), timeout_seconds=5)
    assert second.read_text() == "cancelled"


async def test_a_cancellation_in_the_queue_is_known_to_the_model(
    client: TritonClient, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    busy = asyncio.create_task(client.infer(SLOW, slow(first, 0.6), timeout_seconds=5))
    await wait_for_file(first)
    waiting = asyncio.create_task(client.infer(SLOW, slow(second, 0.0), timeout_seconds=5))
    await asyncio.sleep(0.1)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await busy
    await client.infer(SLOW, slow(first, 0.0), timeout_seconds=5)
    assert second.read_text() == "cancelled"


def memory_regions(port: int) -> list[Path]:
    return list(Path("/dev/shm").glob(f"frontdesk_triton_{port}_*"))


def group_members(group: int) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = (line.split(None, 2) for line in listed.stdout.splitlines())
    return [row[2] for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


async def test_stopping_leaves_no_processes_and_no_memory(repository: Path, tmp_path: Path) -> None:
    ports = free_ports()
    with LocalTriton(repository, **ports, log_file=tmp_path / "log") as triton:
        group = triton.pid
        assert any("stub" in process for process in group_members(group))
        assert memory_regions(ports["grpc_port"])

    assert group_members(group) == []
    assert memory_regions(ports["grpc_port"]) == []


async def test_a_killed_server_starts_again_and_clients_come_back(repository: Path, tmp_path: Path) -> None:
    ports = free_ports()
    killed = LocalTriton(repository, **ports, log_file=tmp_path / "log")
    killed.start()
    client = TritonClient(killed.url)
    assert await client.infer(ECHO, words(b"a"), timeout_seconds=5)

    os.kill(killed.pid, signal.SIGKILL)
    await wait_until(lambda: asyncio.to_thread(lambda: killed.status() is not None), 10.0)
    with pytest.raises(Unavailable):
        await client.infer(ECHO, words(b"a"), timeout_seconds=2)
    assert not await client.ready(ECHO)

    with LocalTriton(repository, **ports, log_file=tmp_path / "log2"):
        await wait_until(lambda: client.ready(ECHO), 10.0)
        assert await client.infer(ECHO, words(b"a"), timeout_seconds=5)
        group = killed.pid
        killed.stop()
        assert group_members(group) == []
        assert await client.infer(ECHO, words(b"a"), timeout_seconds=5)
    await client.close()


async def test_models_that_fail_to_load_are_named_with_their_reason(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    write_model(folder, ECHO, ECHO_CODE)
    write_model(folder, SLOW, "raise RuntimeError('weights are missing')")

    with (
        pytest.raises(TritonError, match=r"1 of 2 models fail to load:\n  slow: .*weights are missing"),
        LocalTriton(folder, **free_ports(), log_file=tmp_path / "log"),
    ):
        pass


async def test_a_port_that_is_taken_is_named(triton: LocalTriton, repository: Path, tmp_path: Path) -> None:
    ports = free_ports()
    ports["grpc_port"] = int(triton.url.rsplit(":")[-1])

    with (
        pytest.raises(TritonError, match=f"port {ports['grpc_port']}"),
        LocalTriton(repository, **ports, log_file=tmp_path / "log"),
    ):
        pass


async def test_the_program_serves_until_it_is_told_to_stop(repository: Path) -> None:
    ports = free_ports()
    arguments = [f"--{name.replace('_', '-')}={port}" for name, port in ports.items()]
    command = [sys.executable, "-m", "services.triton", f"--repository={repository}", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    client = TritonClient(f"127.0.0.1:{ports['grpc_port']}")
    await wait_until(lambda: client.ready(ECHO))
    assert process.stderr is not None
    async with asyncio.timeout(30):  # the server is ready a moment before the program says so
        while b"Triton is ready on" not in await process.stderr.readline():
            assert not process.stderr.at_eof()

    process.terminate()
    await process.communicate()

    assert process.returncode == 0
    assert memory_regions(ports["grpc_port"]) == []
    await client.close()


async def test_a_killed_program_takes_its_server_along(repository: Path) -> None:
    ports = free_ports()
    arguments = [f"--{name.replace('_', '-')}={port}" for name, port in ports.items()]
    command = [sys.executable, "-m", "services.triton", f"--repository={repository}", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    client = TritonClient(f"127.0.0.1:{ports['grpc_port']}")
    await wait_until(lambda: client.ready(ECHO))

    process.kill()
    await process.wait()
    # Started again at once, as a supervisor does.
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    await wait_until(lambda: client.ready(ECHO))
    assert await client.infer(ECHO, words(b"a"), timeout_seconds=5)

    process.terminate()
    assert await process.wait() == 0
    await client.close()
