"""Writes the card of a fine-tuned model. No torch."""

from collections.abc import Mapping
from typing import Any

from training.export.cards import front_matter


def card(manifest: Mapping[str, Any]) -> str:
    """Give the card as Markdown, from the model's manifest."""
    report, base = manifest["report"], manifest["base"]
    clips, seconds = report["clips"], report["seconds"]
    arguments = report["arguments"]
    rows = "\n".join(
        f"| {row['set']} | {row['clips']} | {row['channel']} | {row['before']:g} | {row['after']:g} |"
        for row in manifest["figures"]
    )
    parity = manifest["parity"]
    head = front_matter(
        manifest["model"],
        licence=base["licence"],
        task="automatic-speech-recognition",
        base_model=base["source"],
        datasets=[manifest["set"]],
        library="ctranslate2",
    )
    return f"""{head}# {manifest["model"]}, fine-tuned

{base["source"]} ({base["licence"]}), fine-tuned on recordings with transcripts and served in its place.

- Made by: `{manifest["command"]}`
- Learned from: {clips["train"]} clips ({seconds["train"]:g} s) of {manifest["set"]}; epochs were chosen on
  {clips["validation"]} clips ({seconds["validation"]:g} s) of other speakers; the best was epoch
  {report["best_epoch"]} of {len(report["epochs"]) - 1}
- Clips, transcripts and arguments: SHA-256 `{report["fingerprint"]}`
- What learned: matrices of rank {arguments["lora_rank"]} beside {", ".join(arguments["lora_layers"])},
  {report["trained_parameters"]:,} numbers, merged into the weights
- Weights are kept in {manifest["quantization"]}, {manifest["megabytes"]:g} MB

## Figures

Words (in Mandarin, characters) heard wrong in percent, by this model in int8 as Triton runs it, before and
after fine-tuning. No speaker of a test was learned from, unless the set is one that training read.

| set | clips | heard | before % | after % |
|---|---|---|---|---|
{rows}

On the test clips the exported model says {parity["different_words"]} of {parity["words"]} words otherwise
than the one in training; {parity["trained_percent"]:g} % were wrong before the export, and
{parity["exported_percent"]:g} % after it.

## Limits

It hears best what sounds like its recordings and writes as their transcripts do. What customers say that was
not in them, other languages and other lines may be heard worse than before: measure on recordings of your own
that it did not learn from, `python -m training.asr.evaluate --model FOLDER --set SET`.
"""
