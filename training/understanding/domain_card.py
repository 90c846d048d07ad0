"""Writes the model card of a company's fine-tuned encoder."""

from collections.abc import Mapping
from typing import Any

from training.export.cards import Figure, arguments_list, files_list, front_matter

_NAMES = ("accuracy", "accuracy_en", "accuracy_zh", "out_of_scope_recall", "calibration_error")


def card(manifest: Mapping[str, Any]) -> str:
    """Give the card, in Markdown, of what ``manifest`` describes."""
    report, training = manifest["report"], manifest["report"]["training"]
    head = front_matter(
        manifest["model"],
        licence=manifest["licence"],
        task="text-classification",
        languages=manifest["languages"],
        base_model=manifest["encoder"],
        datasets=[manifest["domain"]],
        figures=[Figure(manifest["domain"], "accuracy", report["accuracy"], "out of fold")],
    )
    return f"""{head}# {manifest["model"]}

Tells what a customer means from the text itself: `{manifest["encoder"]}`, fine-tuned on what the customers of
`{manifest["domain"]}` say, with a head on the mean of its tokens.

- Made by: `{manifest["command"]}`
- Trained on: `{manifest["trained_on"]}`, {report["utterances"]} utterances, {len(manifest["labels"])} labels
  ({manifest["labels"][-1]} among them); SHA-256 of what they say and mean: `{manifest["data_sha256"]}`
- {training["trainable"]:,} of {training["parameters"]:,} parameters trained, in {training["steps"]} steps;
  it took {report["seconds"]:g} s, with the {report["folds"]} trainings for the figures
- Served as {manifest["precision"]}; texts are cut to {manifest["window"]} tokens
- Fingerprint: `{manifest["fingerprint"]}`
- Files: {files_list(manifest["files"])}
- Licence of the encoder: {manifest["licence"]}; the rest is the company's own
- Arguments: {arguments_list(manifest["arguments"])}

## Figures, out of fold

Each utterance is judged by a training that did not see it, and by the code that serves the model. Beside it
the frozen encoder's head on the same folds. Held-out questions (`evaluation.yaml`) were not looked at.

{_figures(report)}

{_forms(report)}

## Limits

It knows the intents of its domain and the languages that they are written in. Utterances that are written,
changed or taken away need another training, and the export says so. A text that belongs to none of the
intents is meant to be told as `{manifest["labels"][-1]}`; see its recall above.
"""


def _figures(report: Mapping[str, Any]) -> str:
    head = report.get("frozen_head")
    rows = ["| | fine-tuned | frozen encoder's head |", "|---|---|---|"]
    for name in (name for name in _NAMES if name in report):
        compared = f"{head[name]:.4f}" if head else "not exported"
        rows.append(f"| {name.replace('_', ' ')} | {report[name]:.4f} | {compared} |")
    return "\n".join(rows)


def _forms(report: Mapping[str, Any]) -> str:
    rows = ["| form | accuracy | megabytes | milliseconds a text |", "|---|---|---|---|"]
    for name, each in report["forms"].items():
        figures = f"{each['accuracy']:.4f} | {each['megabytes']:g} | {each['milliseconds']:g}"
        rows.append(f"| {name} | {figures} |")
    return "\n".join(rows)
