"""One small model for all tests of this folder: none of them changes its files."""

from pathlib import Path

import pytest

from tests.unit.training.asr import small


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.weights(tmp_path_factory.mktemp("asr") / "weights")
