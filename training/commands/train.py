"""``frontdesk train``: fine-tunes an encoder on a public set, a company's domain or its conversations."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from training.commands import errors
from training.commands.errors import CommandError, told
from training.understanding import presets
from training.understanding.arguments import UnderstandingArguments

app = typer.Typer(subcommand_metavar="")


@app.callback(invoke_without_command=True)
def train(
    context: typer.Context,
    set_name: Annotated[str | None, typer.Option("--set", metavar="NAME", help="Public set.")] = None,
    domain: Annotated[Path | None, typer.Option(metavar="DIR", help="Company's folder.")] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Labelled conversations.")
    ] = None,
    data: Annotated[Path, typer.Option(envvar="FRONTDESK_DATA", help="Folder of the data sets.")] = Path(
        "../shared/data"
    ),
    out: Annotated[
        Path | None, typer.Option(help="Model's folder; build/checkpoints/NAME, or in the domain.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="How to train; by default the set's own.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides everything random.")] = None,
    override: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Change an argument; may be repeated.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(help="progress, tensorboard or wandb; may be repeated.")
    ] = None,
) -> None:
    """Fine-tune an encoder to understand customers. A training that was killed goes on where it stood.

    Name one of --set, --domain and --examples. What can be changed by --override are the
    fields of UnderstandingArguments, as learning_rate=5e-5 or peft=lora.
    """
    with told(context):
        given = [name for name in (set_name, domain, examples) if name is not None]
        if len(given) != 1:
            raise CommandError("name one of --set NAME, --domain DIR and --examples FILE.jsonl", 2)
        if domain is not None and (out is not None or preset is not None):
            raise CommandError("a domain's model lies in the domain: leave --out and --preset away", 2)
        if set_name is not None:
            errors.need_folder(data, "folder of data sets", "name it by --data or FRONTDESK_DATA")
        if domain is not None:
            errors.need_folder(domain, "domain", "name the folder that holds domain.yaml")
        errors.need_torch()
        choices = [*(override or ()), *([f"seed={seed}"] if seed is not None else [])]
        presets.overridden(UnderstandingArguments(), choices)  # before anything slow
        trackers = track or ["progress"]
        if domain is not None:
            _train_domain(context, domain, choices, trackers)
        else:
            _train_set(context, set_name, examples, data, out, preset, choices, trackers)


def _train_domain(context: Any, folder: Path, choices: Sequence[str], trackers: Sequence[str]) -> None:
    from training.understanding.domain import DEFAULTS, train_domain
    from training.understanding.tracking import trackers as made

    command = ["frontdesk", "train", "--domain", str(folder)]
    command += [part for choice in choices for part in ("--override", choice)]
    manifest = train_domain(
        folder,
        presets.overridden(DEFAULTS, choices),
        console=context.obj.console,
        tracker=lambda name: made(trackers, name),
        command=shlex.join(command),
    )
    if context.obj.json:
        context.obj.print_json({"domain": str(folder), **manifest})


def _train_set(
    context: Any,
    set_name: str | None,
    file: Path | None,
    data: Path,
    out: Path | None,
    preset: str | None,
    choices: Sequence[str],
    trackers: Sequence[str],
) -> None:
    from training.commands import models
    from training.data.sets import SETS, read_set

    if set_name is not None and set_name not in SETS:
        raise CommandError(f"there is no set {set_name!r}: name one of {', '.join(SETS)}", 2)
    with context.obj.console.status("reading"):
        if set_name is not None:
            examples = read_set(set_name, data)
        else:
            from training.data.jsonl import read_jsonl

            examples = read_jsonl(Path(str(file)))
    name = preset or examples.name
    arguments, made_of = models.chosen(name, examples, choices)
    first_seed = models.chosen(name, examples, ())[0].seed
    folder = out or models.checkpoint_of(name, arguments, first_seed)
    trained = models.trained_model(examples, arguments, folder, trackers)
    told = {
        "set": examples.name,
        "began_with": made_of,
        "folder": str(folder),
        "labels": len(trained.labels.intents),
        "seed": arguments.seed,
        **trained.report,
    }
    if context.obj.json:
        context.obj.print_json(told)
        return
    context.obj.console.print(
        f"{examples.name}: {told['labels']} labels, {trained.report.get('seconds', 0):.0f} s;"
        f" the model lies in {folder}"
    )
