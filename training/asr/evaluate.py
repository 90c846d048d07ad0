"""``python -m training.asr.evaluate --model DIR --set an4``: errors of a model that Triton can serve.

``--model`` is a folder of CTranslate2 weights: fine-tuned ones, or the pretrained ``build/weights/asr_en``.
Each clip is heard as recorded, and as 8 kHz µ-law, by the backend's own code.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from training.asr.arguments import AsrArguments
from training.asr.data import Utterance, check
from training.asr.judge import SPECS, judge_exported
from training.asr.model import Texts
from training.asr.sets import read_examples, read_set


def some(utterances: Sequence[Utterance], most: int, seed: int) -> list[Utterance]:
    """Give ``most`` of them at random (all, where ``most`` is 0 or there are fewer), in their order."""
    if not most or len(utterances) <= most:
        return list(utterances)
    chosen = np.random.default_rng(seed).choice(len(utterances), most, replace=False)
    return [utterances[index] for index in sorted(chosen.tolist())]


def main(
    model: Annotated[Path, typer.Option(help="Folder of the weights.")],
    name: Annotated[str, typer.Option("--set", help="Name of a set, or its path from --data.")] = "an4",
    data: Annotated[Path | None, typer.Option(help="Data sets; default FRONTDESK_DATA.")] = None,
    base: Annotated[
        str, typer.Option(help="asr_en or asr_multilingual: which the weights are of.")
    ] = "asr_en",
    split: Annotated[str, typer.Option(help="train, validation, test, or all.")] = "test",
    most: Annotated[int, typer.Option(help="Hear only so many clips, drawn at random; 0: all.")] = 0,
    seed: Annotated[int, typer.Option(help="Of the split, and of what is drawn.")] = 0,
    threads: Annotated[int, typer.Option(help="Cores to use.")] = 1,
) -> None:
    """Print the errors as JSON."""
    if base not in SPECS:
        raise ValueError(f"there is no model {base!r}: name one of {', '.join(SPECS)}")
    root = data or Path(os.environ.get("FRONTDESK_DATA", "../shared/data"))
    arguments = AsrArguments(model=base, seed=seed)
    chosen = read_examples(root, name) if split == "all" else read_set(root, name, arguments).split(split)
    texts = Texts(model / "tokenizer.json", multilingual=base != "asr_en")
    utterances = some(check(chosen, texts), most, seed)
    judged = judge_exported(model, utterances, SPECS[base], threads)
    told: dict[str, Any] = {
        "set": name,
        "split": split,
        "clips": len(utterances),
        "words": judged.recorded.said,
        "error_percent": judged.recorded.percent,
        "error_percent_8khz_mulaw": judged.telephone.percent,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    try:
        typer.run(main)
    except (OSError, ValueError) as error:
        print(f"evaluation failed: {error}", file=sys.stderr)
        sys.exit(1)
