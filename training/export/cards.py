"""Model cards: what every trained model's README.md begins with and contains, as Hugging Face reads it.

The front matter has the keys of https://huggingface.co/docs/hub/model-cards. No torch.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import yaml

from training.data.examples import Example, ExampleSet

SPLITS: Final = ("train", "validation", "test")
_IDENTIFIERS: Final = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "BSD-2": "bsd-2-clause",
    "CC-BY-4.0": "cc-by-4.0",
}
"""What the hub calls licences."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A result on a data set: ``value`` of ``metric``, as ``accuracy``, on ``split``."""

    dataset: str
    metric: str
    value: float
    split: str = "test"


@dataclass(frozen=True, slots=True)
class Split:
    """Examples of one split: how many, and the SHA-256 of what they say and mean."""

    name: str
    count: int
    sha256: str


def front_matter(
    name: str,
    *,
    licence: str,
    task: str,
    languages: Sequence[str] = (),
    base_model: str = "",
    datasets: Sequence[str] = (),
    figures: Sequence[Figure] = (),
    library: str = "onnx",
) -> str:
    """Give the head of a card: YAML between two lines of dashes, with what was reached as ``model-index``.

    ``licence`` is an SPDX name; the hub says ``other`` for those it has no word for. ``task`` is the hub's,
    as ``text-classification``.
    """
    known = _IDENTIFIERS.get(licence)
    head: dict[str, Any] = {"license": known or "other"}
    if known is None:
        head["license_name"] = licence
    head |= {"library_name": library, "pipeline_tag": task, "tags": ["frontdesk"]}
    if languages:
        head["language"] = list(languages)
    if base_model:
        head["base_model"] = base_model
    if datasets:
        head["datasets"] = list(datasets)
    if figures:
        head["metrics"] = sorted({figure.metric for figure in figures})
        results = [
            {
                "task": {"type": task},
                "dataset": {"name": figure.dataset, "type": figure.dataset, "split": figure.split},
                "metrics": [{"type": figure.metric, "value": figure.value}],
            }
            for figure in figures
        ]
        head["model-index"] = [{"name": name, "results": results}]
    text = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=100)
    return f"---\n{text}---\n\n"


def splits_of(examples: ExampleSet) -> tuple[Split, ...]:
    """Count and hash the splits of a set that have examples."""
    return tuple(
        Split(name, len(examples.split(name)), data_hash(examples.split(name)))
        for name in SPLITS
        if examples.split(name)
    )


def data_hash(examples: Iterable[Example]) -> str:
    """Give the SHA-256 of what examples say and mean, in whatever order and from whatever file they come."""
    lines = []
    for example in examples:
        told = {
            "text": example.text,
            "language": example.language,
            "intents": sorted(example.intents),
            "slots": [asdict(slot) for slot in example.slots],
            "answer": example.answer,
        }
        lines.append(json.dumps(told, sort_keys=True, ensure_ascii=False))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def data_table(name: str, splits: Sequence[Split], licence: str) -> str:
    """Tell what a model learned from and was judged by."""
    rows = ["| split | examples | SHA-256 |", "|---|---|---|"]
    rows += [f"| {split.name} | {split.count:,} | `{split.sha256}` |" for split in splits]
    return f"Data: `{name}`; licence: {licence}\n\n" + "\n".join(rows)


def table(figures: Mapping[str, float]) -> str:
    """Give figures by their names, two columns."""
    rows = [f"| {name.replace('_', ' ')} | {value:g} |" for name, value in figures.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def arguments_list(arguments: Mapping[str, Any]) -> str:
    """Give arguments in one line, by their names."""
    return ", ".join(f"{name}={value}" for name, value in sorted(arguments.items()))


def files_list(files: Mapping[str, str]) -> str:
    """Give files with their SHA-256 in one line."""
    return ", ".join(f"`{name}` (SHA-256 `{sha256}`)" for name, sha256 in sorted(files.items()))


def set_card(
    examples: ExampleSet,
    config: Mapping[str, Any],
    report: Mapping[str, Any],
    command: str,
    figures: Sequence[Figure] = (),
    data_licence: str = "as the source of the set says",
) -> str:
    """Give the card of an encoder that was fine-tuned on a set (``training.understanding.train``).

    ``config`` and ``report`` are its config.json and report.json.
    """
    languages = sorted({example.language for example in (*examples.train, *examples.test)})
    head = front_matter(
        f"understanding, {examples.name}",
        licence=config["licence"],
        task="text-classification",
        languages=languages,
        base_model=config["encoder"],
        datasets=[examples.name],
        figures=figures,
        library="transformers",
    )
    outside = f" and `{examples.out_of_scope}`" if examples.out_of_scope else ""
    slots = f", {len(examples.slot_names)} slots" if examples.slot_names else ""
    reached = "\n".join(f"| {f.dataset}, {f.split} | {f.metric} | {f.value:g} |" for f in figures)
    told = {name: value for name, value in report.items() if isinstance(value, int | float)}
    return f"""{head}# Understanding of {examples.name}

`{config["encoder"]}`, fine-tuned to tell {len(examples.labels)} intents{outside}{slots} from a text.

- Made by: `{command}`
- Licence of the encoder: {config["licence"]}
- Arguments: {arguments_list(config["arguments"])}
- Logits are divided by {config["temperature"]:g} before they become probabilities

## Data

{data_table(examples.name, splits_of(examples), data_licence)}

## Figures

| set | metric | value |
|---|---|---|
{reached or "| none measured yet | | |"}

Of the training itself:

{table(told)}

## Limits

It knows the intents of this set, in the language and way of speaking of its examples. What it says of other
texts means little where the set has nothing out of scope. Measure on examples of your own before use:
`frontdesk evaluate`.
"""
