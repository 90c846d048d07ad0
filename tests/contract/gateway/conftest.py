"""A gateway before scripted services."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.services import FakeServices
from tests.harness.gateway import ServedGateway, serving_gateway


@pytest.fixture
def peers() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def gateway(tmp_path: Path, peers: FakeServices) -> AsyncIterator[ServedGateway]:
    async with serving_gateway(tmp_path, peers.registrations(), speech_stall_seconds=0.5) as served:
        yield served
