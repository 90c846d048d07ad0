"""A trained reranker as it is served: the graph, its tokenizer, its manifest and its card. No torch."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.export.backends.reranker.scorer import PairScorer
from training.export.cards import arguments_list, files_list, front_matter
from training.export.models.reranker import references
from training.export.quantize import quantize

FLOAT, INT8 = "float32", "int8"
MOST_LOST: Final = 0.003
"""Of the mean reciprocal rank on validation, for int8 in the place of float32."""
_TIMED: Final = 10
"""Passages of the question that is timed."""


class Served:
    """A model in ``folder``, asked by the code that serves it; ``identity`` names it."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        self._scorer = PairScorer(folder, threads)
        self.identity: str = self._scorer.identity

    def __call__(self, questions: Sequence[str], passages: Sequence[str]) -> NDArray[np.float32]:
        """Score pairs, float32 ``[n]``."""
        scores: NDArray[np.float32] = self._scorer.score(list(questions), list(passages))
        return scores


def write(
    folder: Path,
    write_graph: Callable[[Path], Mapping[str, float]],
    save_tokenizer: Callable[[Path], None],
    told: Mapping[str, Any],
    validate: Callable[[Served], float],
    pairs: tuple[Sequence[str], Sequence[str]],
) -> dict[str, Any]:
    """Write ``folder`` anew, whole or not at all: int8 where it is as good as float32 on validation.

    ``write_graph`` writes float32 and gives its parity with torch; ``validate`` gives a
    form's mean reciprocal rank; ``pairs`` are of one question, to time. Gives the manifest.
    """
    staging = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    forms: dict[str, dict[str, float]] = {}
    for form in (FLOAT, INT8):
        own = staging / form
        own.mkdir(parents=True)
        if form == FLOAT:
            parity = write_graph(own / "model.onnx")
        else:
            quantize(staging / FLOAT / "model.onnx", own / "model.onnx")
        save_tokenizer(own / "tokenizer.json")
        _manifest(own, told)
        served = Served(own)
        forms[form] = {
            "validation_mrr": round(validate(served), 4),
            "megabytes": round((own / "model.onnx").stat().st_size / 1e6, 1),
            "milliseconds": _milliseconds(served, *pairs),
        }
    lost = forms[FLOAT]["validation_mrr"] - forms[INT8]["validation_mrr"]
    chosen = INT8 if lost <= MOST_LOST else FLOAT
    whole = staging / chosen
    added = {"precision": chosen, "forms": forms, "parity": dict(parity), "references": references(whole)}
    manifest = _manifest(whole, {**told, **added})
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        folder.rename(old)
    os.rename(whole, folder)
    shutil.rmtree(old, ignore_errors=True)
    shutil.rmtree(staging, ignore_errors=True)
    return manifest


def add_to_manifest(folder: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Write what else is told into the manifest, and the card beside it."""
    manifest = {**json.loads((folder / "manifest.json").read_text(encoding="utf-8")), **told}
    _write_json(folder / "manifest.json", manifest)
    (folder / "README.md").write_text(card(manifest), encoding="utf-8")
    return manifest


def card(manifest: Mapping[str, Any]) -> str:
    """Give the card, in Markdown, of what ``manifest`` describes."""
    report = manifest["report"]
    rows = ["| test questions | way | MRR@10 | recall@1 | recall@10 |", "|---|---|---|---|---|"]
    for name, ways in manifest["test"].items():
        rows += [
            f"| {name} | {way} | {f['mrr']:.4f} | {f['recall_at_1']:.4f} | {f['recall_at_10']:.4f} |"
            for way, f in ways["figures"].items()
        ]
    forms = ["| form | MRR@10, validation | megabytes | milliseconds |", "|---|---|---|---|"]
    forms += [
        f"| {form} | {f['validation_mrr']:.4f} | {f['megabytes']:g} | {f['milliseconds']:g} |"
        for form, f in manifest["forms"].items()
    ]
    head = front_matter(
        manifest["reranker_model"],
        licence=manifest["licence"],
        task="text-ranking",
        base_model=manifest["encoder"],
        datasets=list(manifest["sources"]),
    )
    sources = ", ".join(f"`{name}`" for name in manifest["sources"])
    return f"""{head}# {manifest["reranker_model"]}

Says how well a passage answers a question, reading both together: the lowest {manifest["layers"]} layers of
`{manifest["encoder"]}`, fine-tuned on {report["questions"]} questions of {sources}.

- Made by: `{manifest["command"]}`, in {report["seconds"]:g} s and {report["steps"]} steps
- Served as {manifest["precision"]}; pairs are cut to {manifest["window"]} tokens
- Files: {files_list(manifest["files"])}
- Licence of the encoder: {manifest["licence"]}; data: as each source says
- Arguments: {arguments_list(manifest["arguments"])}

## Figures

The best ten of the search that serves (vectors and BM25 joined) in a new order. Nothing was chosen on these
questions; how long to train was chosen on {report["validation_questions"]} others.

{chr(10).join(rows)}

A question with {_TIMED} passages, on one thread:

{chr(10).join(forms)}

## Limits

It orders passages that were found; what was not found stays unfound. Utterances are taught with all passages
of their intent, though each asks for one of them. Scores of different models must not be compared.
"""


def _manifest(folder: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    files = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("model.onnx", "tokenizer.json")
    }
    both = hashlib.sha256("".join(files.values()).encode()).hexdigest()
    manifest = {**told, "files": files, "reranker_model": f"{told['encoder']}-{told['layers']}@{both[:8]}"}
    _write_json(folder / "manifest.json", manifest)
    return manifest


def _milliseconds(served: Served, questions: Sequence[str], passages: Sequence[str]) -> float:
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        served(questions[:_TIMED], passages[:_TIMED])
        seconds.append(time.perf_counter() - began)
    return round(1000 * float(np.median(seconds)), 1)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n", encoding="utf-8")
