from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from services.serving.run import run
from services.serving.settings import ServingSettings


class AsrSettings(ServingSettings):
    model_config = SettingsConfigDict(env_prefix="FRONTDESK_ASR_")

    port: int = 50051
    triton_url: str = "127.0.0.1:8001"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("FRONTDESK_"):
            monkeypatch.delenv(name)


def test_a_services_own_variable_comes_before_the_shared_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_LOG_LEVEL", "warning")
    monkeypatch.setenv("FRONTDESK_TRITON_URL", "triton:8001")
    monkeypatch.setenv("FRONTDESK_TOKEN_PUBLIC_KEY_FILE", "/keys/public.pem")
    settings = AsrSettings()
    assert settings.log_level == "warning"
    assert settings.triton_url == "triton:8001"
    assert settings.token_public_key_file == Path("/keys/public.pem")
    monkeypatch.setenv("FRONTDESK_ASR_LOG_LEVEL", "debug")
    assert AsrSettings().log_level == "debug"


def test_ports_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_PORT", "1")
    monkeypatch.setenv("FRONTDESK_METRICS_PORT", "2")
    assert (AsrSettings().port, AsrSettings().metrics_port) == (50051, 0)
    monkeypatch.setenv("FRONTDESK_ASR_PORT", "60000")
    assert AsrSettings().port == 60000


def test_production_is_what_nobody_named() -> None:
    assert AsrSettings().environment == "production"


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("ENVIRONMENT", "staging"), ("MAX_CONCURRENT_RPCS", "0"), ("DRAIN_SECONDS", "-1")],
)
def test_impossible_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"FRONTDESK_ASR_{name}", value)
    with pytest.raises(ValueError, match=name.lower()):
        AsrSettings()


def test_a_fault_is_told_by_the_variable_that_was_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def never(settings: AsrSettings) -> None:
        raise AssertionError("the settings are wrong")

    monkeypatch.setenv("FRONTDESK_LOG_LEVEL", "loud")
    monkeypatch.setenv("FRONTDESK_ASR_PORT", "70000")
    with pytest.raises(SystemExit) as exit_:
        run(never, AsrSettings)
    assert exit_.value.code == 2
    told = capsys.readouterr().err.splitlines()
    assert sorted(line.partition(":")[0] for line in told) == ["FRONTDESK_ASR_PORT", "FRONTDESK_LOG_LEVEL"]
