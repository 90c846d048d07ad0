"""``python -m training.understanding.export``: a trained encoder as ONNX, in full precision and in 8 bits.

    python -m training.understanding.export --model build/training/banking77 --set banking77 \\
        --out build/exported

Writes a folder for each form, ``out/float32`` and ``out/int8``, as Triton's backend runs them; compares
both with what was trained, on the validation texts of the set, and refuses what is too far apart; and
says which one is worth serving: 8 bits where they cost at most 0.3 points of accuracy on validation, with
what they gain in milliseconds and megabytes. ``out/README.md`` is the card, ``out/report.json`` all
figures. A model with fewer layers (``keep_layers``) is trained and exported alike;
``python -m training.evaluate.latency`` compares its forms with those of the whole one.
"""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from training.data.examples import DataError, ExampleSet
from training.evaluate.latency import compare, table
from training.evaluate.machine import machine
from training.export.cards import Figure, set_card
from training.export.choose import choose
from training.export.parity import EIGHT_BITS, FULL_PRECISION, Said, report
from training.understanding import predict, served
from training.understanding.command import examples_of

_LIMITS: Final = {served.FLOAT: FULL_PRECISION, served.INT8: EIGHT_BITS}
_COMPARED: Final = 500
"""Validation texts on which parity is measured."""


def export_set(
    model: Path, examples: ExampleSet, out: Path, *, threads: Sequence[int] = (1, 2), command: str = ""
) -> Mapping[str, Any]:
    """Write the forms of the model in ``model``, their card and report into ``out``; give the report.

    Raises ``DataError`` without validation examples or without a whole model, ``ValueError`` where a form
    says something else than what was trained.
    """
    if not examples.validation:
        raise DataError(f"{examples.name}: the validation split is empty, and forms are chosen on it")
    trained = predict.load(model)
    forms = served.write_forms(trained, out)
    texts = [example.text for example in examples.validation][:_COMPARED]
    predicted = trained.predict(texts)
    said = {name: Said.by(folder, texts) for name, folder in forms.items()}
    parity = report(Said(predicted.probabilities, predicted.sentences), said, _LIMITS)
    compared = compare(forms, examples.validation, threads)
    found = {
        "set": examples.name,
        "split": "validation",
        "command": command,
        # What 8 bits cost where several labels may hold is not measured: nothing is risked.
        "chosen": served.FLOAT if examples.multi_label else choose(compared, threads=threads[0]),
        "parity": parity,
        **compared,
        "machine": machine(),
    }
    (out / "report.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    accuracy = compared["forms"][found["chosen"]]["accuracy"]
    figures = [] if accuracy is None else [Figure(examples.name, "accuracy", accuracy, "validation")]
    card = set_card(examples, config, trained.report, command, figures)
    (out / "README.md").write_text(f"{card}\n## Forms, on validation\n\n{_rows(found)}\n", encoding="utf-8")
    return found


def _rows(found: Mapping[str, Any]) -> str:
    counts = list(next(iter(found["forms"].values()))["threads"])
    titles = [f"p50 ms, {count} thread(s) | times as fast" for count in counts]
    lines = [
        " | ".join(["| form | accuracy | megabytes", *titles, "agrees with torch |"]),
        "|---|---|---|" + "---|---|" * len(counts) + "---|",
    ]
    for name, form in found["forms"].items():
        timings = [
            f"{form['threads'][count]['p50_ms']:.2f} | {form['threads'][count]['faster']:.2f}"
            for count in counts
        ]
        agreement = f"{100 * found['parity'][name]['agreement']:.2f} % |"
        shown = f"**{name}**" if name == found["chosen"] else name
        accuracy = "" if form["accuracy"] is None else f"{100 * form['accuracy']:.2f}"
        lines.append(" | ".join([f"| {shown}", accuracy, f"{form['megabytes']:.1f}", *timings, agreement]))
    return "\n".join(lines)


def main() -> int:
    """Export; 1 on an error that the user can mend."""
    parser = argparse.ArgumentParser(prog="python -m training.understanding.export", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--set", help="the public set that it was trained on")
    what.add_argument("--examples", type=Path, metavar="FILE", help="labelled conversations, JSONL")
    data = Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data, help="folder of the public sets")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    command = shlex.join(["python", "-m", "training.understanding.export", *sys.argv[1:]])
    try:
        examples = examples_of(given)
        found = export_set(given.model, examples, given.out, command=command)
    except (OSError, ValueError) as error:
        print(f"export failed: {error}", file=sys.stderr)
        return 1
    console = Console(width=160)
    console.print(table(found))
    console.print(f"to be served: {given.out / found['chosen']}", highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
