"""What cannot be done is told in a line, with an exit code and without a traceback."""

import csv
import errno
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gateway.cli.context import CliContext
from training.commands import evaluate, train
from training.commands.errors import told

INTENTS = {"card_lost": "my card is lost", "change_pin": "how do i change the pin", "top_up": "top up please"}


def run(app: typer.Typer, *arguments: str, as_json: bool = False) -> Any:
    return CliRunner().invoke(app, list(arguments), obj=CliContext("", "", Path("none"), 1.0, as_json))


def write_banking(folder: Path, intents: Sequence[str] = tuple(INTENTS), test: bool = True) -> Path:
    """A data folder whose BANKING77 has three intents."""
    words = ("today", "now", "again", "then", "thanks", "quickly", "somehow", "please")
    (folder / "banking77" / "banking_data").mkdir(parents=True)
    for split, shown in (("train", 16), ("test", 4 if test else 0)):
        with (folder / "banking77" / "banking_data" / f"{split}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("text", "category"))
            for number in range(shown):
                for intent in intents:
                    # Words of their own, so that none is nearly the same as another.
                    more = " ".join(
                        words[(number + step * (1 + number // 4)) % 8] for step in range(number % 4 + 1)
                    )
                    rows.writerow((f"{split} {INTENTS[intent]} {more} {number}", intent))
    return folder


@pytest.mark.parametrize(
    ("app", "arguments", "code", "said"),
    [
        (
            evaluate.app,
            ["--set", "nothing", "--data", "."],
            2,
            "there is no set 'nothing': name one of banking77",
        ),
        (evaluate.app, ["--set", "banking77", "--data", "absent"], 1, "absent: there is no such folder"),
        (evaluate.app, ["--set", "banking77", "--data", "."], 1, "train.csv: is not there"),
        (evaluate.app, ["--set", "banking77", "--data", ".", "--split", "dev"], 2, "no split 'dev'"),
        (
            evaluate.app,
            ["--set", "cold", "--data", ".", "--override", "depth=3"],
            1,
            "no such argument: 'depth'",
        ),
        (train.app, [], 2, "name one of --set NAME, --domain DIR and --examples FILE.jsonl"),
        (train.app, ["--domain", "absent"], 1, "absent: there is no such domain"),
        (train.app, ["--set", "cold", "--data", ".", "--override", "epochs=many"], 1, "epochs is 'many'"),
        (train.app, ["--set", "nothing", "--data", "."], 2, "there is no set 'nothing'"),
        (train.app, ["--examples", "absent.jsonl"], 1, "absent.jsonl"),
    ],
)
def test_a_wrong_command_line(
    app: typer.Typer,
    arguments: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(app, *arguments)
    assert (found.exit_code, found.exception and type(found.exception)) == (code, SystemExit)
    assert said in found.output
    assert "Traceback" not in found.output


def test_with_json_the_error_is_an_object() -> None:
    found = run(evaluate.app, "--set", "nothing", "--data", ".", as_json=True)
    assert json.loads(found.stdout)["error"]["code"] == "USAGE"


def test_an_empty_split_is_told_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(
        evaluate.app, "--set", "banking77", "--data", str(write_banking(tmp_path / "data", test=False))
    )
    assert found.exit_code == 1
    assert "banking77: the test split is empty" in found.output
    assert not (tmp_path / "build").exists()


def test_one_class_cannot_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = write_banking(tmp_path / "data", ["top_up"])
    found = run(evaluate.app, "--set", "banking77", "--data", str(data), "--baseline")
    assert found.exit_code == 1
    assert "banking77: the train split has 1 intent" in found.output


def test_without_torch_it_is_told_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    found = run(evaluate.app, "--set", "banking77", "--data", str(tmp_path))
    assert found.exit_code == 1
    assert "torch is not installed: install Frontdesk's extra `training`" in found.output


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            FloatingPointError("the loss is nan at step 3 of 9: lower learning_rate"),
            "the loss is nan at step 3",
        ),
        (OSError(errno.ENOSPC, "No space left on device", "model.safetensors"), "The disk is full"),
        (RuntimeError("PytorchStreamWriter failed: No space left on device"), "The disk is full"),
        (ValueError("set.jsonl:7: the intent is missing"), "set.jsonl:7: the intent is missing"),
        (ModuleNotFoundError("No module named 'sklearn'", name="sklearn"), "sklearn is not installed"),
        (MemoryError(), "Out of memory"),
    ],
)
def test_what_happens_while_training(error: Exception, said: str) -> None:
    app = typer.Typer()

    @app.command()
    def fail(context: typer.Context) -> None:
        with told(context):
            raise error

    found = run(app)
    assert found.exit_code == 1
    assert said in found.output


def test_an_error_of_ours_is_not_hidden() -> None:
    app = typer.Typer()

    @app.command()
    def fail(context: typer.Context) -> None:
        with told(context):
            raise KeyError("a fault of the program")

    assert isinstance(run(app).exception, KeyError)


def test_the_program_starts_without_what_trains() -> None:
    code = (
        "import sys; from gateway.cli.__main__ import build_app; build_app();"
        " import training.commands.evaluate, training.commands.train, training.commands.export;"
        " heavy = ('torch', 'sklearn', 'scipy', 'matplotlib', 'transformers');"
        " print([name for name in heavy if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
