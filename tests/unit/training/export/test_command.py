"""Going back to an earlier version from both command lines."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.context import CliContext
from tests.unit.training.export.building import Repository
from training.commands.export import app
from training.export.__main__ import main


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path)
    for content in ("one", "two"):
        made.build(content)
    return made


def frontdesk(*arguments: str, as_json: bool = False) -> Any:
    told = CliContext("", "", Path("none"), 1.0, as_json)
    return CliRunner().invoke(app, list(arguments), obj=told)


def test_frontdesk_export_rolls_back(repository: Repository) -> None:
    found = frontdesk("--repository", str(repository.path), "--roll-back", "model", as_json=True)

    assert found.exit_code == 0, found.output
    assert json.loads(found.output)["served"] == {"model": 1}
    assert repository.served() == "one"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--roll-back", "other"], 1, "no model 'other' in the repository"),
        (["--to", "1"], 2, "--to goes with --roll-back"),
        (["--profile", "tpu"], 2, "tpu"),
    ],
)
def test_what_cannot_be_done_is_told(
    repository: Repository, arguments: list[str], code: int, said: str
) -> None:
    found = frontdesk("--repository", str(repository.path), *arguments)
    assert found.exit_code == code
    assert said in found.output
    assert repository.served() == "two"


def test_the_module_rolls_back_too(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["training.export", "--repository", str(repository.path), "--roll-back", "model"]
    monkeypatch.setattr("sys.argv", command)
    assert main() == 0
    assert "model: version 1 is served from Triton's next start on" in capsys.readouterr().out
    assert repository.served() == "one"

    assert main() == 1
    assert "version 1 is the earliest that is kept" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", [*command, "--to", "2"])
    assert main() == 0
    assert repository.served() == "two"
