import json
from pathlib import Path

import pytest

from training.understanding import compare_methods
from training.understanding.arguments import UnderstandingArguments
from training.understanding.compare_methods import COMMON, METHODS, Run, compare, summarise, table


def run(method: str, seed: int, accuracy: float, trainable: int = 100) -> Run:
    return Run(method, seed, "test", accuracy, accuracy, 10.0 * (seed + 1), trainable, 200, {})


def test_gains_are_over_the_plain_run_of_the_same_seed() -> None:
    rows = summarise(
        [run("plain", 0, 0.8), run("lora", 0, 0.81, 2), run("plain", 1, 0.9), run("lora", 1, 0.93, 2)]
    )
    assert [row["method"] for row in rows] == ["plain", "lora"]
    plain, lora = rows
    assert (plain["accuracy"], plain["gain"], plain["accuracy_deviation"]) == (85.0, 0.0, 7.07)
    assert (lora["accuracy"], lora["gain"], lora["gain_deviation"]) == (87.0, 2.0, 1.41)
    assert (lora["trainable_share"], lora["seconds"]) == (2.0, 15.0)
    assert "| lora | 87.00 ± 8.49 | +2.00 ± 1.41 | 87.00 | 2.00 | 15 |" in table(rows).splitlines()


def test_without_plain_runs_there_is_no_gain() -> None:
    (row,) = summarise([run("lora", 0, 0.81, 2)])
    assert row["gain"] is None
    assert row["accuracy_deviation"] is None
    assert row["trainable_share"] == 1.0
    assert "| lora | 81.00 |  | 81.00 | 1.00 | 10 |" in table([row])


def test_every_way_is_arguments_that_can_be_trained_with() -> None:
    chosen = {name: UnderstandingArguments.of({**COMMON, **changes}) for name, changes in METHODS.items()}
    assert len({repr(arguments) for arguments in chosen.values()}) == len(METHODS)
    assert {arguments.peft for arguments in chosen.values()} == {"none", "lora", "adapter", "prefix", "ia3"}


def test_runs_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.training.understanding.small import small_encoder
    from tests.unit.training.understanding.test_methods_training import small_set
    from training.understanding import train as training

    trained: list[str] = []

    def once(examples: object, arguments: UnderstandingArguments, folder: Path) -> object:
        trained.append(folder.name)
        return training.train(small_set(), arguments, folder, encoder=small_encoder())

    monkeypatch.setattr(compare_methods, "train", once)
    few = {"max_steps": 1, "threads": 1}
    (first,) = compare(small_set(), ["plain"], 1, tmp_path, overrides=few)
    assert trained == ["plain-test-0"]
    assert 0 <= first.accuracy <= 1
    kept = tmp_path / "plain-test-0.json"
    assert list(tmp_path.iterdir()) == [kept]  # the model is not

    # Neither the number of threads nor an argument that did not exist then makes it another run.
    older = json.loads(kept.read_text())
    del older["arguments"]["fgm_epsilon"]
    kept.write_text(json.dumps(older))
    (again,) = compare(small_set(), ["plain"], 1, tmp_path, overrides={**few, "threads": 2})
    assert trained == ["plain-test-0"]
    assert again.accuracy == first.accuracy
    compare(small_set(), ["plain"], 1, tmp_path, overrides={**few, "learning_rate": 1e-3})
    assert trained == ["plain-test-0", "plain-test-0"]
    assert json.loads(kept.read_text())["arguments"]["learning_rate"] == 1e-3
