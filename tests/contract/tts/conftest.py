"""A speech service whose models hum."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.tts.model import TTS_EN, TTS_ZH
from tests.contract.tts.speaking import registration
from tests.fakes.inference import FakeInference
from tests.fakes.speech import hum
from tests.harness.grpc_server import Served, serving


@pytest.fixture
def inference() -> FakeInference:
    return FakeInference({TTS_EN.name: hum, TTS_ZH.name: hum})


@pytest_asyncio.fixture
async def served(inference: FakeInference) -> AsyncIterator[Served]:
    async with serving([registration(inference)]) as running:
        yield running
