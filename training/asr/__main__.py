"""``python -m training.asr``: fine-tunes speech recognition and writes what `frontdesk export` serves."""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from training.asr.arguments import AsrArguments
from training.asr.data import Utterance, check
from training.asr.evaluate import some
from training.asr.export import QUANTIZATIONS, convert, parity, publish
from training.asr.judge import SPECS, Judged, judge, judge_exported
from training.asr.model import Texts
from training.asr.sets import read_examples, read_set
from training.asr.train import train
from training.weights.manifest import WeightsError
from training.weights.store import WeightStore

_DEFAULTS = AsrArguments()


def main(
    out: Annotated[Path, typer.Option(help="The model's folder, as domains/shop/models/asr_en.")],
    name: Annotated[str, typer.Option("--set", help="an4, aishell3, or a path from --data.")] = "an4",
    data: Annotated[Path | None, typer.Option(help="Data sets; default FRONTDESK_DATA.")] = None,
    model: Annotated[str, typer.Option(help="asr_en or asr_multilingual.")] = _DEFAULTS.model,
    elsewhere: Annotated[
        list[str] | None, typer.Option(help="Another set that must not be heard worse; may be repeated.")
    ] = None,
    most_elsewhere: Annotated[int, typer.Option(help="Clips of each of these, drawn at random.")] = 120,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = _DEFAULTS.seed,
    epochs: Annotated[int, typer.Option(help="The most.")] = _DEFAULTS.epochs,
    learning_rate: Annotated[float, typer.Option(help="The highest.")] = _DEFAULTS.learning_rate,
    lora_rank: Annotated[int, typer.Option(help="Of the matrices that learn.")] = _DEFAULTS.lora_rank,
    lora_layers: Annotated[
        str, typer.Option(help="q_proj, k_proj, v_proj, out_proj, fc1, fc2; separated by commas.")
    ] = ",".join(_DEFAULTS.lora_layers),
    quantization: Annotated[
        str, typer.Option(help="Of the weights that are kept: int8 or float16.")
    ] = "int8",
    threads: Annotated[int, typer.Option(help="Cores to use.")] = _DEFAULTS.threads,
    workers: Annotated[int, typer.Option(help="Processes that prepare clips.")] = _DEFAULTS.workers,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run stopped.")] = False,
    finish: Annotated[
        bool, typer.Option("--finish", help="Export the best epoch of an earlier run; train no further.")
    ] = False,
    manifest: Annotated[Path, typer.Option(help="Where weights come from.")] = Path(
        "training/weights/cpu.toml"
    ),
    weights: Annotated[Path, typer.Option(help="Cache of weights.")] = Path("build/weights"),
) -> None:
    """Fine-tune Whisper on recordings with transcripts, and say what it gained."""
    console = Console()
    began = time.monotonic()
    if model not in SPECS:
        raise ValueError(f"there is no model {model!r}: name one of {', '.join(SPECS)}")
    if quantization not in QUANTIZATIONS:
        raise ValueError(f"there is no quantization {quantization!r}: name one of {', '.join(QUANTIZATIONS)}")
    arguments = replace(
        _DEFAULTS,
        model=model,
        seed=seed,
        epochs=epochs,
        learning_rate=learning_rate,
        lora_rank=lora_rank,
        lora_layers=tuple(lora_layers.split(",")),
        threads=threads,
        workers=workers,
    )
    root = data or Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    examples = read_set(root, name, arguments)
    store = WeightStore(manifest, weights)
    source, pretrained = store.models[model], store.fetch(model)
    texts = Texts(pretrained / "tokenizer.json", multilingual=model != "asr_en")
    others = {
        other: some(check(read_examples(root, other), texts), most_elsewhere, seed)
        for other in elsewhere or ()
    }

    # Train.
    scratch = out.with_name(f".{out.name}.training")
    with Progress(console=console) as bar:
        task = bar.add_task("fine-tuning")

        def progress(step: int, steps: int, figures: str) -> None:
            bar.update(task, completed=step, total=steps, description=figures)
            if "validation" in figures:
                bar.console.print(f"[dim]{figures}[/]", highlight=False, soft_wrap=True)

        trained = train(examples, pretrained, arguments, scratch, resume, finish, progress)
    console.print(
        f"trained after {time.monotonic() - began:.0f} s, best epoch {trained.report['best_epoch']}"
    )

    # Export, and compare with what was trained.
    staged = scratch / "model"
    shutil.rmtree(staged, ignore_errors=True)
    convert(trained.model, pretrained, staged, quantization)
    spec = SPECS[model]
    test = list(trained.test)
    with console.status("hearing the test clips"):
        exported = judge_exported(staged, test, spec, threads)
        agreement = parity(judge(trained.model, test, trained.texts, spec), exported, test)
        figures = _rows(name, test, judge_exported(pretrained, test, spec, threads), exported)
        for other, utterances in others.items():
            pair = [judge_exported(folder, utterances, spec, threads) for folder in (pretrained, staged)]
            figures += _rows(other, utterances, *pair)
    command = ["python", "-m", "training.asr", *sys.argv[1:]]
    facts: dict[str, Any] = {
        "model": model,
        "command": shlex.join(command),
        "base": {"source": source.source, "licence": source.licence},
        "set": name,
        "quantization": quantization,
        "megabytes": round((staged / "model.bin").stat().st_size / 1e6, 1),
        "report": trained.report,
        "parity": agreement,
        "figures": figures,
    }
    publish(staged, out, facts)
    shutil.rmtree(scratch, ignore_errors=True)
    _show(console, figures)
    console.print(f"{out}: {facts['megabytes']} MB after {time.monotonic() - began:.0f} s", soft_wrap=True)


def _rows(name: str, utterances: Sequence[Utterance], before: Judged, after: Judged) -> list[dict[str, Any]]:
    channels = {
        "as recorded": (before.recorded, after.recorded),
        "8 kHz µ-law": (before.telephone, after.telephone),
    }
    return [
        {
            "set": name,
            "clips": len(utterances),
            "words": first.said,
            "channel": channel,
            "before": first.percent,
            "after": second.percent,
        }
        for channel, (first, second) in channels.items()
    ]


def _show(console: Console, figures: Sequence[dict[str, Any]]) -> None:
    table = Table("set", "clips", "heard", "before %", "after %", title="words heard wrong")
    for row in figures:
        table.add_row(
            row["set"], str(row["clips"]), row["channel"], f"{row['before']:g}", f"{row['after']:g}"
        )
    console.print(table)


if __name__ == "__main__":
    try:
        typer.run(main)
    except (OSError, ValueError, WeightsError) as error:
        print(f"training failed: {error}", file=sys.stderr)
        sys.exit(1)
