"""The folder of an evaluation: JSON, Markdown and pictures, without a customer's text."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.data.examples import Example, ExampleSet
from training.evaluate import plots, report
from training.evaluate.answers import Answers, Asked
from training.evaluate.calibration import reliability
from training.evaluate.understanding import Evaluation, evaluate

SECRET = "my iban is GB00"


def evaluation() -> Evaluation:
    test = (Example(SECRET, intents=("a",)), Example(SECRET, intents=("b",)))
    data = ExampleSet("small", test, test, test, labels=("a", "b"))
    return evaluate(data, "test", Asked(lambda texts: Answers(np.array([[0.8, 0.2]] * len(texts)))))


def figures(found: Evaluation) -> dict[str, Any]:
    return {
        "set": "small",
        "split": "test",
        "command": "frontdesk evaluate --set small",
        "model": "a model",
        "seed": 0,
        "seconds": 12.3,
        "machine": {"processor": "a processor", "cores": 2},
        **found.figures,
    }


def test_a_report_has_the_figures_the_baseline_and_pictures_but_no_text(tmp_path: Path) -> None:
    found = evaluation()
    baseline = {"model": "words", **found.figures}
    written = report.write(tmp_path / "out", figures(found), found, baseline)
    assert {path.name for path in written} == {"report.json", "README.md", "reliability.png", "confusion.png"}
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["accuracy"] == content["baseline"]["accuracy"] == 0.5
    told = (tmp_path / "out" / "README.md").read_text()
    assert "| accuracy | 50.00 | 50.00 |" in told
    assert "| `b` | `a` | 1 | 100.00 |" in told
    assert all(SECRET not in path.read_text("latin-1") for path in written)
    assert (tmp_path / "out" / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_a_summary_leaves_tables_and_curves_out() -> None:
    short = report.summary(figures(evaluation()))
    assert short["accuracy"] == 0.5
    assert "report" not in short
    assert "curve" not in short["calibration"]
    assert json.dumps(short)


def test_of_many_labels_those_confused_most_are_drawn() -> None:
    matrix = 30 * np.eye(150, dtype=np.int64)
    matrix[140, 3] = 12
    matrix[7, 90] = 5
    chosen = plots._confused_most(matrix)
    assert chosen[:2] == [3, 140]
    assert set(chosen) == {3, 140, 7, 90}


def test_few_labels_are_all_drawn_in_their_order() -> None:
    assert plots._confused_most(np.eye(24, dtype=np.int64)) == list(range(24))


@pytest.mark.parametrize("labels", [2, 77])
def test_every_picture_is_drawn(labels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = 30 * np.eye(labels, dtype=np.int64) + rng.integers(0, 3, (labels, labels))
    plots.confusion([f"label_{n}" for n in range(labels)], matrix, "a title", tmp_path / "confusion.png")
    curve = reliability(rng.random(200), rng.random(200) < 0.5)
    plots.reliability({"as it is": curve}, "a title", tmp_path / "reliability.png")
    groups = {"clean": {"a": 0.9, "b": 0.8}, "typos": {"a": 0.7}}
    plots.bars(groups, "a title", tmp_path / "bars.png", measure="accuracy")
    assert all(path.stat().st_size > 5_000 for path in tmp_path.glob("*.png"))
    assert len(list(tmp_path.glob("*.png"))) == 3
