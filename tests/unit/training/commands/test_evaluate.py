"""``frontdesk evaluate`` from a data folder to the report, with an encoder that is small enough."""

import json
from pathlib import Path

import pytest

from tests.unit.training.commands.test_errors import run, write_banking
from training.commands import evaluate, models, train
from training.understanding import presets
from training.understanding.arguments import UnderstandingArguments


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_banking(tmp_path / "data")


def test_the_baseline_is_judged_without_torch(data: Path) -> None:
    found = run(evaluate.app, "--set", "banking77", "--data", str(data), "--baseline", as_json=True)
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["accuracy"] > 0.9
    assert told["command"] == f"frontdesk evaluate --set banking77 --data {data} --split test --baseline"
    assert (Path(told["folder"]) / "report.json").is_file()


def test_a_model_is_trained_first_and_taken_the_second_time(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from tests.unit.training.understanding.tiny import encoder_folder

    encoder = encoder_folder(tmp_path / "encoder")
    given = ["--set", "banking77", "--data", str(data), "--preset", "banking77-plain"]
    for override in (f"encoder={encoder}", "epochs=2", "batch_size=4", "threads=1", "contrastive_weight=0"):
        given += ["--override", override]
    first = run(evaluate.app, *given, as_json=True)
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert {"set", "split", "accuracy", "macro_f1", "seconds", "command", "seed", "machine"} <= told.keys()
    assert told["arguments"]["epochs"] == 2.0
    assert told["baseline"]["accuracy"] > 0.9
    model = tmp_path / "build" / "checkpoints" / "banking77-plain" / "model.safetensors"
    written = model.stat().st_mtime_ns

    second = run(evaluate.app, *given, "--robustness", as_json=True)
    assert second.exit_code == 0, second.output
    again = json.loads(second.stdout)
    assert model.stat().st_mtime_ns == written
    assert again["accuracy"] == again["robustness"]["clean"] == told["accuracy"]
    assert (Path(again["folder"]) / "robustness.png").is_file()

    # Nothing is said of a model that was trained otherwise than asked for.
    other = run(evaluate.app, *given, "--override", "label_smoothing=0.3")
    assert other.exit_code == 1
    assert "was trained with label_smoothing" in other.output.replace("\n", " ")


def test_a_training_that_runs_away_is_told(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from tests.unit.training.understanding.tiny import encoder_folder

    given = [
        "--set",
        "banking77",
        "--data",
        str(data),
        "--override",
        f"encoder={encoder_folder(tmp_path / 'e')}",
    ]
    for override in ("learning_rate=1e38", "head_rate=1e38", "clip_norm=0", "threads=1", "warmup=0"):
        given += ["--override", override]
    found = run(train.app, *given)
    assert found.exit_code == 1
    assert "the loss is" in found.output
    assert "Traceback" not in found.output


def test_arguments_that_are_off_make_no_other_model() -> None:
    plain = {"peft": "none", "peft_rank": 4}
    assert models._idle("peft_rank", plain, {"peft": "none", "peft_rank": 8})
    assert not models._idle("peft_rank", plain, {"peft": "lora", "peft_rank": 8})
    assert not models._idle("epochs", {}, {})


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_can_be_trained_with(name: str) -> None:
    assert presets.read(name) != UnderstandingArguments()


def test_a_preset_names_what_it_gets_wrong(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("epochs = 3\nlerning_rate = 1e-4\n")
    with pytest.raises(presets.PresetError, match=r"own\.toml: no such argument: 'lerning_rate'"):
        presets.read("own", tmp_path)
    (tmp_path / "own.toml").write_text("epochs = \n")
    with pytest.raises(presets.PresetError, match=r"own\.toml: is no TOML"):
        presets.read("own", tmp_path)
    with pytest.raises(presets.PresetError, match="there is no preset 'other': name one of own"):
        presets.read("other", tmp_path)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("epochs", "is no KEY=VALUE"),
        ("batch_size=1.5", "batch_size is 1.5: it must be a whole number"),
        ("batch_size=true", "it must be a whole number"),
        ("peft=everything", "it must be one of none, lora"),
        ("dropout=2", "between 0 and 1"),
    ],
)
def test_an_override_that_cannot_be(override: str, said: str) -> None:
    with pytest.raises(presets.PresetError, match=said):
        presets.overridden(UnderstandingArguments(), [override])


def test_overrides_are_read_by_their_type() -> None:
    found = presets.overridden(UnderstandingArguments(), ["epochs=2", "peft=lora", "freeze_embeddings=false"])
    assert (found.epochs, found.peft, found.freeze_embeddings) == (2.0, "lora", False)
