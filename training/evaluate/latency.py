"""``python -m training.evaluate.latency``: how long forms of an exported model take, side by side.

One text at a time, as a customer's turn comes, through the code that serves it: tokenizing
counts. The forms take turns on every text in one run, so that whatever else the machine does
slows all of them alike; their ratio says more than the milliseconds.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from training.data.examples import DataError, Example
from training.evaluate.machine import machine
from training.export.backends.understanding.encoder import UnderstandingEncoder

TEXTS: Final = 200
THREADS: Final = (1, 2)
_WARM: Final = 20
_ROUNDS: Final = 3
_BATCH: Final = 32


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one text: the median, and what 95 % of the texts stay within.

    ``faster`` is how many times as fast as the first form: the median over texts of the ratio.
    """

    p50_ms: float
    p95_ms: float
    faster: float


def measure(
    forms: Mapping[str, Path], texts: Sequence[str], threads: int, rounds: int = _ROUNDS
) -> dict[str, Timing]:
    """Time forms of a model, each a folder as it is exported, on ``threads`` threads.

    Of each text the fastest of ``rounds`` counts, so that what else ran meanwhile counts less.

    Raises:
        ValueError: there are no texts or no forms.
    """
    if not texts or not forms:
        raise ValueError("latency is measured on one text and one form at least")
    encoders = {name: UnderstandingEncoder(folder, threads) for name, folder in forms.items()}
    for encoder in encoders.values():
        for text in texts[:_WARM]:
            encoder.understand([text])
    taken = {name: np.full(len(texts), np.inf) for name in forms}
    names = list(forms)
    for turn in range(rounds):
        for place, text in enumerate(texts):
            first = (turn + place) % len(names)  # none always runs on a cache that another warmed
            for name in names[first:] + names[:first]:
                began = time.perf_counter()
                encoders[name].understand([text])
                taken[name][place] = min(taken[name][place], time.perf_counter() - began)
    base = taken[names[0]]
    return {
        name: Timing(
            p50_ms=round(1e3 * float(np.median(each)), 3),
            p95_ms=round(1e3 * float(np.percentile(each, 95)), 3),
            faster=round(float(np.median(base / each)), 3),
        )
        for name, each in taken.items()
    }


def mixed(texts: Sequence[str], count: int = TEXTS) -> list[str]:
    """Give ``count`` texts of all lengths: evenly spread over the texts in order of length."""
    by_length = sorted((text for text in texts if text.strip()), key=lambda text: (len(text), text))
    if len(by_length) <= count:
        return by_length
    return [by_length[round(at)] for at in np.linspace(0, len(by_length) - 1, count)]


def compare(
    forms: Mapping[str, Path], judged: Sequence[Example], threads: Sequence[int] = THREADS
) -> dict[str, Any]:
    """Compare forms of a model on a split: accuracy, size on disk, latency by threads.

    The first form is what the others are compared with. Accuracy is over examples with one intent
    that the model knows; ``changed`` is the share of them whose best intent differs from the first form's.
    """
    texts = mixed([example.text for example in judged])
    found: dict[str, Any] = {"texts": len(texts), "longest": max(map(len, texts)), "forms": {}}
    asked = [example for example in judged if len(example.intents) == 1]
    best = {name: _best(folder, asked) for name, folder in forms.items()}
    timings = {count: measure(forms, texts, count) for count in threads}
    reference = next(iter(best.values()))
    for name, folder in forms.items():
        right = [label == example.intents[0] for label, example in zip(best[name], asked, strict=True)]
        sizes = [file.stat().st_size for file in folder.iterdir() if file.is_file()]
        found["forms"][name] = {
            "accuracy": round(float(np.mean(right)), 4) if right else None,
            "changed": round(float(np.mean(best[name] != reference)), 4) if right else None,
            "megabytes": round((folder / "model.onnx").stat().st_size / 1e6, 2),
            "megabytes_with_tokenizer": round(sum(sizes) / 1e6, 2),
            "threads": {
                str(count): {"p50_ms": t.p50_ms, "p95_ms": t.p95_ms, "faster": t.faster}
                for count, timing in timings.items()
                for t in [timing[name]]
            },
        }
    return found


def _best(folder: Path, asked: Sequence[Example]) -> NDArray[np.str_]:
    encoder = UnderstandingEncoder(folder, max(THREADS))
    texts = [example.text for example in asked]
    order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    best = np.empty(len(texts), object)
    for begin in range(0, len(order), _BATCH):
        places = order[begin : begin + _BATCH]
        intents = encoder.understand([texts[place] for place in places]).intents
        best[places] = [encoder.labels[int(column)] for column in intents.argmax(axis=1)]
    return best


def table(found: Mapping[str, Any]) -> Table:
    """Give a comparison for people."""
    shown = Table("", "accuracy", "MB", title=f"{found['texts']} texts of all lengths, one at a time")
    counts = list(next(iter(found["forms"].values()))["threads"])
    for count in counts:
        for column in ("p50 ms", "p95 ms", "faster"):
            shown.add_column(f"{column}, {count} thread{'s' * (count != '1')}", justify="right")
    for name, form in found["forms"].items():
        accuracy = "" if form["accuracy"] is None else f"{100 * form['accuracy']:.2f}"
        timings = [
            text
            for count in counts
            for t in [form["threads"][count]]
            for text in (f"{t['p50_ms']:.2f}", f"{t['p95_ms']:.2f}", f"× {t['faster']:.2f}")
        ]
        shown.add_row(name, accuracy, f"{form['megabytes']:.1f}", *timings)
    return shown


def main(
    form: Annotated[
        list[str], typer.Option(metavar="NAME=DIR", help="Exported model; the first is compared with.")
    ],
    set_name: Annotated[str, typer.Option("--set", help="Public set whose texts are asked.")],
    data: Annotated[Path, typer.Option(envvar="FRONTDESK_DATA")] = Path("../shared/data"),
    split: Annotated[str, typer.Option()] = "test",
    out: Annotated[Path, typer.Option(help="Where the figures go.")] = Path("build/bench/understanding.json"),
) -> None:
    """Compare forms of an exported model on a set's texts."""
    from training.data.sets import read_set

    forms: dict[str, Path] = {}
    for each in form:
        name, equals, folder = each.partition("=")
        if not equals or not (Path(folder) / "model.onnx").is_file():
            raise DataError(
                f"{each}: name a form as NAME=DIR, DIR with model.onnx, tokenizer.json, manifest.json"
            )
        forms[name] = Path(folder)
    found = {
        "set": set_name,
        "split": split,
        **compare(forms, read_set(set_name, data).split(split)),
        "machine": machine(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2), encoding="utf-8")
    Console(width=160).print(table(found))


if __name__ == "__main__":
    try:
        typer.run(main)
    except (OSError, ValueError) as error:
        print(f"latency failed: {error}", file=sys.stderr)
        sys.exit(1)
