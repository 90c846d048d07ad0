"""What the command says of what it cannot do."""

from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from training.reranker.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a --domain or a --set"),
        (["--set", "squad"], "there is no set 'squad' to rerank: name one of cmrc2018, abcd_kb"),
        (["--set", "abcd_kb", "--data", "{folder}"], "guidelines.json: cannot be read"),
        (["--set", "abcd_kb", "--override", "steps"], "'steps' is no KEY=VALUE"),
        (["--domain", "{folder}"], "domain.yaml:1: the file is missing"),
    ],
)
def test_bad_input_is_named(tmp_path: Path, arguments: list[str], said: str) -> None:
    app = Typer()
    app.command()(main)

    result = CliRunner().invoke(app, [argument.format(folder=tmp_path) for argument in arguments])

    assert result.exit_code == 1
    assert "training the reranker failed" in result.output
    assert said.format(folder=tmp_path) in result.output.replace("\n", "")
