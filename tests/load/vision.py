"""What a picture costs: ``python -m tests.load.vision``; writes build/bench/vision.json.

A photograph of 12 megapixels (a page on a desk, JPEG) goes through ``AnnotateImage`` of the running service,
ten times after two that warm up; each part of it alone, too. Then bad pictures: a JPEG cut at every kilobyte,
and all that ``tests/fakes/pictures.py`` has. Memory is that of the vision service and of Triton with its
models: at rest, the most while the photograph is looked at, and the most while bad pictures come.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import numpy as np
import psutil
from frontdesk.vision.v1 import vision_pb2, vision_pb2_grpc
from PIL import Image

from services.local.processes import Ports
from services.local.suite import LocalSuite, SuiteFolders
from tests.fakes.pictures import BAD, TOO_MUCH, detailed, encoded
from tests.harness.suite import BUILD
from tests.load.report import percentiles, write_report
from training.export.models.ocr import drawn_page

REPEATS = 10
WARM_UP = 2
SECONDS = 60.0
PAGE = (
    "Order 2026-118773 was shipped",
    "Error code: NET-4012",
    "Total: 128.40 EUR incl. VAT",
    "Serial number: BR2-88317-KQ",
    "Return before 30 April",
)
EMBEDDING = vision_pb2.IMAGE_FEATURE_EMBEDDING
TEXT = vision_pb2.IMAGE_FEATURE_TEXT
LABELS = vision_pb2.IMAGE_FEATURE_LABELS


def photograph() -> bytes:
    """Return a JPEG of 4000 x 3000: a page on a desk, with a camera's noise."""
    random = np.random.default_rng(0)
    desk = random.integers(90, 160, (30, 40, 3), dtype=np.uint8)
    whole = Image.fromarray(desk).resize((4000, 3000), Image.Resampling.BICUBIC)
    whole.paste(Image.fromarray(drawn_page(PAGE)).resize((3000, 1500)), (500, 750))
    noise = random.normal(0, 4, (3000, 4000, 1))
    return encoded(Image.fromarray(np.clip(np.asarray(whole) + noise, 0, 255).astype(np.uint8)), quality=90)


@contextmanager
def suite_without_a_domain(folder: Path) -> Iterator[LocalSuite]:
    """Start everything under ``folder``; pictures need no published domain."""
    folders = SuiteFolders(folder / "run", BUILD / "model_repository", BUILD / "weights", folder / "data")
    suite = LocalSuite(folders, "shop")
    suite.start(Ports.free())
    try:
        suite.wait_until_ready(120)
        yield suite
    finally:
        suite.stop()


class Usage:
    """What processes take, their children included: resident memory in MiB, and processor time."""

    def __init__(self, suite: LocalSuite, names: tuple[str, ...]) -> None:
        pids = {state.name: state.pid for state in suite.supervisor.states()}
        self._processes = {name: psutil.Process(pids[name]) for name in names}

    def memory(self) -> dict[str, float]:
        """Memory of each process now."""
        return {
            name: sum(one.memory_info().rss for one in (process, *process.children(recursive=True))) / 2**20
            for name, process in self._processes.items()
        }

    def processor_seconds(self) -> float:
        """Processor time that all of them have taken so far, in seconds."""
        processes = [
            one
            for process in self._processes.values()
            for one in (process, *process.children(recursive=True))
        ]
        return float(sum(one.cpu_times().user + one.cpu_times().system for one in processes))

    @contextmanager
    def most_memory(self) -> Iterator[dict[str, float]]:
        """Watch while the block runs; what is yielded holds the most of each process afterwards."""
        most = self.memory()
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.01):
                for name, size in self.memory().items():
                    most[name] = max(most[name], size)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield most
        finally:
            ended.set()
            watcher.join()


def seconds(call: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Durations of ``repeats`` calls, after those that warm up."""
    durations = []
    for number in range(WARM_UP + repeats):
        began = time.monotonic()
        call()
        if number >= WARM_UP:
            durations.append(time.monotonic() - began)
    return durations


def bad_pictures() -> Iterator[bytes]:
    """Yield a JPEG cut at every kilobyte, and every other kind of bad picture."""
    whole = encoded(detailed(320, 240))
    yield from (whole[:length] for length in range(0, len(whole), 1024))
    yield from (make() for _, make in (*BAD.values(), *TOO_MUCH.values()))


def main() -> None:
    """Measure and write the report."""
    photo = photograph()
    with TemporaryDirectory() as folder, suite_without_a_domain(Path(folder)) as suite:
        metadata = (("authorization", f"Bearer {suite.api_key_file.read_text().strip()}"),)
        with grpc.insecure_channel(
            suite.endpoint, options=(("grpc.max_receive_message_length", 64 * 2**20),)
        ) as channel:
            stub = vision_pb2_grpc.VisionServiceStub(channel)

            def annotate(content: bytes, *features: Any, domain: str = "") -> vision_pb2.ImageFeatures:
                request = vision_pb2.AnnotateImageRequest(image=content, features=features, domain=domain)
                return stub.AnnotateImage(request, timeout=SECONDS, metadata=metadata).features

            usage = Usage(suite, ("vision", "triton"))
            rest = usage.memory()
            with usage.most_memory() as most:
                before = usage.processor_seconds()
                whole = seconds(lambda: annotate(photo, EMBEDDING, TEXT, LABELS, domain="shop"))
                processor = (usage.processor_seconds() - before) / (WARM_UP + REPEATS)
                times = {
                    "whole": whole,
                    "embedding": seconds(lambda: annotate(photo, EMBEDDING)),
                    "words": seconds(lambda: annotate(photo, TEXT)),
                    "labels": seconds(lambda: annotate(photo, LABELS, domain="shop")),
                }
            read = [line.text for line in annotate(photo, TEXT).lines]
            settled = usage.memory()
            errors, slowest = 0, 0.0
            with usage.most_memory() as most_bad:
                for content in bad_pictures():
                    began = time.monotonic()
                    try:
                        annotate(content, EMBEDDING, TEXT)
                    except grpc.RpcError as error:
                        if error.code() in (
                            grpc.StatusCode.INVALID_ARGUMENT,
                            grpc.StatusCode.RESOURCE_EXHAUSTED,
                        ):
                            errors += 1
                            slowest = max(slowest, time.monotonic() - began)
                            continue
                        raise
                    raise SystemExit("a bad picture was accepted")
            after = [line.text for line in annotate(photo, TEXT).lines]
    write_report(
        "vision",
        {
            "photo": {"megapixels": 12, "bytes": len(photo), "lines_read": read == list(PAGE)},
            "load_average": round(os.getloadavg()[0], 1),
            "processor_seconds_a_photo": round(processor, 2),
            "seconds": {name: percentiles(found) for name, found in times.items()},
            "memory_mib": {
                name: {
                    "rest": round(rest[name]),
                    "most_more_with_photo": round(most[name] - rest[name]),
                    "most_more_with_bad_pictures": round(most_bad[name] - settled[name]),
                }
                for name in rest
            },
            "bad_pictures": {
                "refused": errors,
                "slowest_ms": round(slowest * 1000),
                "next_good_one_is_read": after == list(PAGE),
            },
        },
    )


if __name__ == "__main__":
    main()
