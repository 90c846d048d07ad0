"""``frontdesk evaluate``: what a model understands of a public set, beside words alone."""

import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from training.commands import errors
from training.commands.errors import CommandError, told

if TYPE_CHECKING:
    from training.data.examples import ExampleSet
    from training.evaluate.answers import Asked

app = typer.Typer(subcommand_metavar="")

Data = Annotated[Path, typer.Option(envvar="FRONTDESK_DATA", help="Folder of the data sets.")]


@app.callback(invoke_without_command=True)
def evaluate(
    context: typer.Context,
    set_name: Annotated[str, typer.Option("--set", metavar="NAME", help="Public set, as banking77.")],
    data: Data = Path("../shared/data"),
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    out: Annotated[Path | None, typer.Option(help="Report's folder; build/evaluation/NAME.")] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Training's seed; repeat it for mean and spread.")
    ] = None,
    baseline: Annotated[bool, typer.Option("--baseline", help="Judge TF-IDF and an SVM instead.")] = False,
    preset: Annotated[str | None, typer.Option(help="How to train; by default the set's own.")] = None,
    override: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change an argument of the preset.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="The model's folder; build/checkpoints/NAME.")
    ] = None,
    robustness: Annotated[bool, typer.Option("--robustness", help="Disturb the texts as well.")] = False,
    against: Annotated[
        str | None, typer.Option(metavar="PRESET", help="The plain model, for --robustness.")
    ] = None,
) -> None:
    """Judge a model on a public set; train the set's preset first where there is no model yet.

    Prints accuracy, macro-F1 and, with --json, all figures as one object. The report's
    folder gets report.json, README.md and pictures.
    """
    with told(context):
        _check(data, baseline, seed, checkpoint)
        from training.commands import models
        from training.understanding import presets
        from training.understanding.arguments import UnderstandingArguments

        presets.overridden(UnderstandingArguments(), override or ())  # before anything slow
        from training.data.sets import SETS, read_set

        if set_name not in SETS:
            raise CommandError(f"there is no set {set_name!r}: name one of {', '.join(SETS)}", 2)
        if split not in ("train", "validation", "test"):
            raise CommandError(f"there is no split {split!r}: name train, validation or test", 2)
        with context.obj.console.status(f"reading {set_name}"):
            examples = read_set(set_name, data)
        from training.evaluate.understanding import labelled

        labelled(examples, split)  # before hours of training
        command = _command(context.params)
        folder = out or Path("build/evaluation") / (
            f"{set_name}-baseline" if baseline else preset or set_name
        )
        progress = ["progress"]
        if baseline:
            found = [_judge_baseline(examples, split, command, folder, seed[0] if seed else 0)]
        else:
            name = preset or set_name
            arguments, made_of = models.chosen(name, examples, override or ())
            found = []
            for own_seed in seed or [arguments.seed]:
                own = replace(arguments, seed=own_seed)
                place = checkpoint or models.checkpoint_of(name, own, arguments.seed)
                began = time.monotonic()
                trained = models.trained_model(examples, own, place, progress)
                spent = time.monotonic() - began
                judged = models.asked(trained, examples)
                disturb = None
                if robustness:
                    disturb = _disturber(examples, split, data, own_seed, against, progress)
                facts = {
                    "model": f"{trained.encoder}, {made_of}",
                    "training_seconds": trained.report.get("seconds", round(spent, 1)),
                    "parameters": trained.report.get("parameters"),
                    "trainable_parameters": trained.report.get("trainable"),
                    "device": trained.report.get("device"),
                    "checkpoint": str(place),
                    "arguments": asdict(own),
                }
                own_folder = (
                    folder if len(seed or ()) < 2 else folder.with_name(f"{folder.name}-seed{own_seed}")
                )
                found.append(_judge(examples, split, judged, command, own_folder, own_seed, facts, disturb))
        _show(context, found, folder)


def _check(data: Path, baseline: bool, seeds: Sequence[int] | None, checkpoint: Path | None) -> None:
    errors.need_folder(data, "folder of data sets", "name it by --data or FRONTDESK_DATA")
    if not baseline:
        errors.need_torch()
    if checkpoint is not None and len(seeds or ()) > 1:
        raise CommandError("--checkpoint is one model's folder: name one --seed with it", 2)


def _judge_baseline(
    examples: "ExampleSet", split: str, command: str, folder: Path, seed: int
) -> dict[str, Any]:
    from training.evaluate import baseline

    began = time.monotonic()
    model = baseline.fit(examples, seed)
    spent = round(time.monotonic() - began, 1)
    facts = {"model": baseline.NAME, "training_seconds": spent, "arguments": {"seed": seed}}
    return _judge(examples, split, model, command, folder, seed, facts, None)


def _judge(
    examples: "ExampleSet",
    split: str,
    model: "Asked",
    command: str,
    folder: Path,
    seed: int,
    facts: dict[str, Any],
    disturb: "Callable[[Asked], dict[str, Any]] | None",
) -> dict[str, Any]:
    """Judge, write the report, and give its figures."""
    from training.evaluate import baseline, report
    from training.evaluate.machine import machine
    from training.evaluate.understanding import evaluate as judge

    began = time.monotonic()
    evaluation = judge(examples, split, model)
    spent = time.monotonic() - began
    disturbed = {"robustness": disturb(model)} if disturb else {}
    figures = {
        "set": examples.name,
        "split": split,
        "accuracy": evaluation.figures["accuracy"],
        "macro_f1": evaluation.figures["macro_f1"],
        "seconds": round(facts["training_seconds"] + spent, 1),
        "evaluation_seconds": round(spent, 1),
        "command": command,
        "seed": seed,
        "train_examples": len(examples.train),
        **facts,
        **{k: v for k, v in evaluation.figures.items() if k not in ("accuracy", "macro_f1")},
        **disturbed,
        "machine": machine(),
    }
    beside = None if facts["model"] == baseline.NAME else _beside(examples, split)
    report.write(folder, figures, evaluation, beside)
    return {**figures, "baseline": report.summary(beside) if beside else None, "folder": str(folder)}


def _beside(examples: "ExampleSet", split: str) -> dict[str, Any]:
    """Give the baseline's figures, from the last time where the set was the same."""
    import hashlib
    import json

    from training.evaluate import baseline
    from training.evaluate.understanding import evaluate as judge

    digest = hashlib.sha256(Path(baseline.__file__).read_bytes())
    for name in ("train", "validation", split):
        digest.update(repr([(e.text, e.intents) for e in examples.split(name)]).encode())
    kept = Path("build/evaluation/.baselines") / f"{examples.name}-{split}-{digest.hexdigest()[:16]}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    figures = {"model": baseline.NAME, **judge(examples, split, baseline.fit(examples)).figures}
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(figures, ensure_ascii=False), encoding="utf-8")
    return figures


def _disturber(
    examples: "ExampleSet", split: str, data: Path, seed: int, against: str | None, progress: Sequence[str]
) -> "Callable[[Asked], dict[str, Any]]":
    """Give what asks a model about disturbed texts, with the plain model beside it where one is named."""
    from training.commands import models
    from training.evaluate.disturbed import disturbed_figures

    plain = None
    if against is not None:
        arguments, _ = models.chosen(against, examples, ())
        first, arguments = arguments.seed, replace(arguments, seed=seed)
        place = models.checkpoint_of(against, arguments, first)
        plain = models.asked(models.trained_model(examples, arguments, place, progress), examples)
    return lambda model: disturbed_figures(examples, split, data, model, plain)


def _show(context: typer.Context, found: Sequence[dict[str, Any]], folder: Path) -> None:
    from rich.table import Table

    from training.evaluate import report

    if context.obj.json:
        context.obj.print_json(_summed(found))
        return
    console = context.obj.console
    for figures in found:
        title = f"{figures['set']}, {figures['split']}: {figures['model']}, seed {figures['seed']}"
        table = Table("", title=title, title_justify="left")
        table.add_column("model", justify="right")
        table.add_column("TF-IDF", justify="right")
        for row in report.rows(figures, figures["baseline"]):
            table.add_row(*row)
        console.print(table)
    summed = _summed(found)
    if "seeds" in summed:
        console.print(
            f"mean of {len(found)} seeds: accuracy {100 * summed['accuracy']:.2f}"
            f" ± {100 * summed['accuracy_deviation']:.2f}, macro-F1 {100 * summed['macro_f1']:.2f}"
        )
    console.print(f"{summed['seconds']:.0f} s; the report lies in {folder}")


def _summed(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Give one object: of several seeds the means, with each seed's figures."""
    import statistics

    from training.evaluate import report

    told = [report.summary(figures) for figures in found]
    if len(told) == 1:
        return told[0]
    means: dict[str, Any] = {
        name: round(statistics.mean(each[name] for each in told), 4)
        for name in ("accuracy", "macro_f1", "micro_f1")
        if name in told[0]
    }
    return {
        **told[0],
        **means,
        "accuracy_deviation": round(statistics.stdev(each["accuracy"] for each in told), 4),
        "seconds": round(sum(each["seconds"] for each in told), 1),
        "seed": [each["seed"] for each in told],
        "seeds": told,
    }


def _command(given: dict[str, Any]) -> str:
    """Give the command line that does the same again."""
    parts = ["frontdesk", "evaluate", "--set", given["set_name"], "--data", str(given["data"])]
    parts += ["--split", given["split"]]
    for name in ("seed", "override"):
        for value in given[name] or ():
            parts += [f"--{name}", str(value)]
    for name in ("preset", "checkpoint", "against", "out"):
        if given[name] is not None:
            parts += [f"--{name}", os.fspath(given[name])]
    parts += [f"--{name}" for name in ("baseline", "robustness") if given[name]]
    return shlex.join(parts)
