"""Compares the ways to fine-tune on one set, over several seeds.

    python -m training.understanding.compare_methods --set banking77-10shot --data DIR --seeds 3
    python -m training.understanding.compare_methods … --methods plain lora --threads 1

Prints mean and standard deviation of each way's accuracy and what it gains over plain fine-tuning with
the same seed, and writes the same as JSON. Each run's figures are kept under ``--out`` as soon as it is
done and not made again while its arguments stay the same, so that a comparison that was stopped goes on,
and so that several may share the work: let each name some methods.

The way ``other-intents`` goes on from another model, which is trained first:

    frontdesk train --set other-intents --data DIR

All ways begin with the same arguments, ``COMMON``, and differ in what ``METHODS`` names. What stands there
was not searched for; ``--split validation`` compares on validation, to choose by.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Final

from training.data.examples import DataError, Example, ExampleSet
from training.data.sets import SETS, read_set
from training.evaluate.classification import single_label
from training.evaluate.machine import machine
from training.understanding.arguments import UnderstandingArguments
from training.understanding.train import train

PLAIN: Final = "plain"

COMMON: Final[Mapping[str, Any]] = {"epochs": 4.0, "batch_size": 32, "learning_rate": 2e-4}

METHODS: Final[Mapping[str, Mapping[str, Any]]] = {
    PLAIN: {},
    "lora": {"peft": "lora", "learning_rate": 2e-3, "layer_decay": 1.0},
    "adapter": {"peft": "adapter", "peft_rank": 16, "learning_rate": 2e-3, "layer_decay": 1.0},
    "prefix": {"peft": "prefix", "peft_rank": 8, "learning_rate": 1e-2},
    "ia3": {"peft": "ia3", "learning_rate": 1e-2, "layer_decay": 1.0},
    "setfit": {"contrastive_steps": 50, "epochs": 0.0},
    "contrastive": {"contrastive_weight": 0.2},
    "prompt": {"prompt": "{text} It is about {mask}.", "masked_language_steps": 60},
    "masked-language": {"masked_language_steps": 60},
    "self-training": {"self_training_rounds": 1, "self_training_epochs": 1.0},
    "self-training-neighbours": {
        "self_training_rounds": 1,
        "self_training_epochs": 1.0,
        "self_training_neighbours": 10,
        "confidence": 0.5,
    },
    "other-intents": {"encoder": "build/checkpoints/other-intents"},
    "adversarial": {"fgm_epsilon": 0.3},
    "multi-task": {"contrastive_weight": 0.2, "language_weight": 0.1, "learn_task_weights": True},
    "together": {
        "self_training_rounds": 1,
        "self_training_epochs": 1.0,
        "contrastive_weight": 0.2,
        "average_from": 0.5,
    },
}
"""By name, what a way changes of ``COMMON``."""


@dataclass(frozen=True, slots=True)
class Run:
    """One training and what it reached: shares from 0 to 1, seconds of training alone."""

    method: str
    seed: int
    split: str
    accuracy: float
    macro_f1: float
    seconds: float
    trainable: int
    parameters: int
    arguments: Mapping[str, Any]


def compare(
    examples: ExampleSet,
    methods: Sequence[str],
    seeds: int,
    out: Path,
    *,
    split: str = "test",
    overrides: Mapping[str, Any] | None = None,
    keep: bool = False,
) -> list[Run]:
    """Train each of ``methods`` with seeds 0 to ``seeds - 1``, or read what was trained before.

    ``overrides`` change arguments of all. Models are removed after they were asked, unless ``keep``.
    Raises ``DataError`` for a set with several labels.
    """
    if examples.multi_label:
        raise DataError(f"{examples.name}: ways are compared by accuracy, and this set has several labels")
    runs = []
    for seed in range(seeds):
        for method in methods:
            chosen = {**COMMON, **METHODS[method], **(overrides or {}), "seed": seed}
            arguments = UnderstandingArguments.of(chosen)
            path = out / f"{method}-{split}-{seed}.json"
            run = _read(path, arguments)
            if run is None:
                run = _train(examples, method, arguments, split, path.with_suffix(""), keep)
                path.write_text(json.dumps(asdict(run), indent=2) + "\n", encoding="utf-8")
            print(
                f"{method}, seed {seed}: {100 * run.accuracy:.2f} % in {run.seconds:.0f} s",
                file=sys.stderr,
                flush=True,
            )
            runs.append(run)
    return runs


def summarise(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Give a row for each method in the order of its first run.

    Accuracy and gain in percent and points, their standard deviation (of the sample) None with one
    seed; gain over plain runs of the same seeds, None without them; the trained share of what plain
    fine-tuning trains (of all parameters without a plain run).
    """
    plain = {run.seed: run for run in runs if run.method == PLAIN}
    rows = []
    for method in dict.fromkeys(run.method for run in runs):
        own = [run for run in runs if run.method == method]
        accuracies = [100 * run.accuracy for run in own]
        gains = [100 * (run.accuracy - plain[run.seed].accuracy) for run in own if run.seed in plain]
        whole = plain[min(plain)].trainable if plain else own[0].parameters
        rows.append(
            {
                "method": method,
                "seeds": [run.seed for run in own],
                "accuracy": round(mean(accuracies), 2),
                "accuracy_deviation": _deviation(accuracies),
                "macro_f1": round(100 * mean(run.macro_f1 for run in own), 2),
                "gain": round(mean(gains), 2) if gains else None,
                "gain_deviation": _deviation(gains),
                "trainable": own[0].trainable,
                "trainable_share": round(100 * own[0].trainable / whole, 2),
                "seconds": round(mean(run.seconds for run in own), 1),
            }
        )
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Give rows of ``summarise`` as a Markdown table."""
    lines = [
        "| way | accuracy % | gain, points | macro-F1 % | trained of plain's % | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        gain = "" if row["gain"] is None else f"{row['gain']:+.2f}{_more(row['gain_deviation'])}"
        lines.append(
            f"| {row['method']} | {row['accuracy']:.2f}{_more(row['accuracy_deviation'])} | {gain}"
            f" | {row['macro_f1']:.2f} | {row['trainable_share']:.2f} | {row['seconds']:.0f} |"
        )
    return "\n".join(lines)


def main(given: Sequence[str] | None = None) -> int:
    """Compare as the command line says; 2 for data or arguments that cannot be used."""
    parser = argparse.ArgumentParser(description="Compares the ways to fine-tune on one set.")
    parser.add_argument("--set", default="banking77-10shot", choices=sorted(SETS), metavar="NAME")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FRONTDESK_DATA", "../shared/data")))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS), metavar="WAY")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-steps", type=int, default=0, help="of each training, to try it quickly")
    parser.add_argument("--out", type=Path, help="by default build/methods/NAME")
    parser.add_argument("--keep", action="store_true", help="keep the models")
    options = parser.parse_args(given)
    out = options.out or Path("build/methods") / options.set
    overrides = {"threads": options.threads, "max_steps": options.max_steps}
    try:
        out.mkdir(parents=True, exist_ok=True)
        examples = read_set(options.set, options.data)
        runs = compare(
            examples,
            options.methods,
            options.seeds,
            out,
            split=options.split,
            overrides=overrides,
            keep=options.keep,
        )
    except (DataError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    rows = summarise(runs)
    found = {"set": options.set, "split": options.split, "machine": machine(), "methods": rows}
    (out / f"{options.split}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(table(rows))
    return 0


def _train(
    examples: ExampleSet,
    method: str,
    arguments: UnderstandingArguments,
    split: str,
    folder: Path,
    keep: bool,
) -> Run:
    trained = train(examples, arguments, folder)
    asked = examples.split(split)
    predicted = trained.predict([example.text for example in asked]).logits.argmax(axis=1)
    judged = single_label(
        [_label(example) for example in asked], [trained.labels.intents[at] for at in predicted.tolist()]
    )
    if not keep:
        shutil.rmtree(folder)
    report = trained.report
    return Run(
        method=method,
        seed=arguments.seed,
        split=split,
        accuracy=judged["accuracy"],
        macro_f1=judged["macro_f1"],
        seconds=report["seconds"],
        trainable=report["trainable"],
        parameters=report["parameters"],
        arguments=asdict(arguments),
    )


def _label(example: Example) -> str:
    if len(example.intents) != 1:
        raise DataError(f"{example.source}: intent {list(example.intents)} is not a single label")
    return example.intents[0]


def _read(path: Path, arguments: UnderstandingArguments) -> Run | None:
    """Read a run that was made with these arguments, whatever the number of threads."""
    try:
        found = Run(**json.loads(path.read_text(encoding="utf-8")))
        made_with = UnderstandingArguments.of(found.arguments)  # what it does not name had its default
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return found if replace(made_with, threads=1) == replace(arguments, threads=1) else None


def _deviation(values: Sequence[float]) -> float | None:
    return round(stdev(values), 2) if len(values) > 1 else None


def _more(deviation: float | None) -> str:
    return "" if deviation is None else f" ± {deviation:.2f}"


if __name__ == "__main__":
    sys.exit(main())
