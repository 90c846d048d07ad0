"""One running suite for all integration tests that need everything."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.client import FrontdeskClient
from services.local.suite import LocalSuite
from tests.harness.suite import ROOT, connect, running_suite


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSuite]:
    with running_suite(tmp_path_factory.mktemp("suite")) as running:
        yield running


@pytest.fixture
def client(suite: LocalSuite) -> Iterator[FrontdeskClient]:
    with connect(suite) as connected:
        yield connected


@pytest.fixture(scope="session")
def data_sets() -> Path:
    folder = ROOT / os.environ.get("FRONTDESK_DATA", "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set FRONTDESK_DATA")
    return folder
