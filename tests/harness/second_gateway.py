"""Another gateway before the services of a running suite, with settings of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gateway.client import FrontdeskClient
from services.local.suite import LocalSuite
from tests.harness.second_process import second_process


@contextmanager
def second_gateway(suite: LocalSuite, folder: Path, settings: Mapping[str, str]) -> Iterator[FrontdeskClient]:
    """Start it with its data in ``folder`` and give a client of it; ``settings`` go over the suite's."""
    with (
        second_process(suite, "gateway", folder, settings, module="gateway") as target,
        FrontdeskClient(target, suite.api_key_file.read_text(), timeout_seconds=60) as client,
    ):
        yield client
