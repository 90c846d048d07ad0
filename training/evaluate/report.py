"""One folder for an evaluation: ``report.json``, ``README.md`` and pictures. Figures and labels, no texts."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from training.evaluate.understanding import Evaluation

_LONG: Final = ("report", "most_confused", "curve")
_MOST_ROWS: Final = 20
_NAMES: Final = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "exact_match": "exact match",
    "accuracy_of_all": "accuracy, out of scope as a label",
}
_SCOPE: Final = {
    "in_scope_accuracy_unthresholded": "in-scope accuracy without the threshold",
    "in_scope_rejected": "in scope, rejected",
    "out_of_scope_recall": "out-of-scope recall",
    "auroc": "AUROC of in scope against out of scope",
}
CONDITIONS: Final = {
    "clean": "as it is",
    "typos": "a typo in every third word",
    "asr_errors": "as if misheard",
}


def summary(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Give the figures without tables by label, curves and single slots, for a line of JSON."""
    short: dict[str, Any] = {}
    for name, value in figures.items():
        if name in _LONG or name == "by_name":
            continue
        short[name] = summary(value) if isinstance(value, Mapping) else value
    return short


def write(
    folder: Path,
    figures: Mapping[str, Any],
    evaluation: Evaluation,
    baseline: Mapping[str, Any] | None,
) -> list[Path]:
    """Write a report; ``baseline`` holds the figures of words alone on the same split, where they are known.

    Gives the files. Without matplotlib there are no pictures, and the report says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = {**figures, **({"baseline": summary(baseline)} if baseline else {})}
    pictures = _draw(folder, figures, evaluation)
    texts = {
        folder / "report.json": json.dumps(content, ensure_ascii=False, indent=2) + "\n",
        folder / "README.md": markdown(figures, baseline, pictures),
    }
    for path, text in texts.items():
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return [*texts, *(folder / name for name in pictures)]


def markdown(
    figures: Mapping[str, Any], baseline: Mapping[str, Any] | None, pictures: Mapping[str, str]
) -> str:
    """Give the report for people; ``pictures`` are file names with what they show."""
    machine = figures["machine"]
    lines = [
        f"# {figures['set']}, {figures['split']}",
        "",
        f"    {figures['command']}",
        "",
        f"{figures['examples']} examples, {figures['model']}, seed {figures['seed']},"
        f" {figures['seconds']:.0f} s on {machine['cores']} cores of {machine['processor']}.",
        "",
    ]
    lines += _table(("", "model", "baseline"), rows(figures, baseline))
    if baseline:
        lines += ["", f"Baseline: {baseline['model']}, on the same splits."]
    if "robustness" in figures:
        lines += ["", "## Disturbed texts", "", *_robust(figures["robustness"])]
    if figures.get("slots"):
        named = figures["slots"]["by_name"].items()
        lines += ["", "## Slots", ""]
        lines += _table(
            ("slot", "precision", "recall", "F1", "of them"),
            [(n, _p(s["precision"]), _p(s["recall"]), _p(s["f1"]), str(s["support"])) for n, s in named],
        )
    if figures.get("most_confused"):
        lines += ["", "## Most confused", ""]
        lines += _table(
            ("right", "predicted", "times", "of the label"),
            [
                (f"`{pair['right']}`", f"`{pair['predicted']}`", str(pair["count"]), _p(pair["share"]))
                for pair in figures["most_confused"][:_MOST_ROWS]
            ],
        )
    lines += ["", *(f"![{told}]({name})" for name, told in pictures.items())]
    if not pictures:
        lines.append("No pictures: matplotlib is not installed.")
    return "\n".join(lines).rstrip() + "\n"


def rows(figures: Mapping[str, Any], baseline: Mapping[str, Any] | None) -> list[tuple[str, str, str]]:
    """Give what is told of a model with the baseline beside it, as name and two shares in percent."""
    found = []
    other = baseline or {}
    scope, beside = figures.get("out_of_scope") or {}, other.get("out_of_scope") or {}
    for name, told in _NAMES.items():
        if name in figures:
            label = "in-scope accuracy, rejected ones wrong" if scope and name == "accuracy" else told
            found.append((label, _p(figures[name]), _p(other.get(name))))
    for name, told in _SCOPE.items():
        if scope.get(name) is not None:
            found.append((told, _p(scope[name]), _p(beside.get(name))))
    for kind, share in scope.get("recall_by_kind", {}).items():
        found.append(
            (f"out-of-scope recall, {kind}", _p(share), _p(beside.get("recall_by_kind", {}).get(kind)))
        )
    if figures.get("slots"):
        found.append(("slots, F1 of exact spans", _p(figures["slots"]["f1"]), ""))
    own, others = figures["calibration"], other.get("calibration", {})
    found.append(("calibration error (15 bins)", _p(own["error"]), _p(others.get("error"))))
    if "with_temperature" in own:
        after = others.get("with_temperature", {})
        told = "calibration error behind a temperature"
        found.append((told, _p(own["with_temperature"]["error"]), _p(after.get("error"))))
    brier = others.get("brier")
    found.append(("Brier score", f"{own['brier']:.3f}", "" if brier is None else f"{brier:.3f}"))
    return found


def _robust(found: Mapping[str, Any]) -> list[str]:
    plain = found.get("plain")
    header = ("", found["measure"].replace("_", "-"), "plain model", "won back")
    table = []
    for name, told in CONDITIONS.items():
        own = found[name] if name == "clean" else found[name]["score"]
        other = None if plain is None else (plain[name] if name == "clean" else plain[name]["score"])
        table.append((told, _p(own), _p(other), _p(found.get("won_back", {}).get(name))))
    lines = _table(header, table)
    lines += ["", f"Means over {found['draws']} draws, the first by seed {found['seed']}."]
    if "out_of_domain" in found:
        outside = found["out_of_domain"]
        lines.append(
            f"Of {outside['texts']} texts of another domain {_p(outside['answered'])} % are answered."
        )
    return lines


def _draw(folder: Path, figures: Mapping[str, Any], evaluation: Evaluation) -> dict[str, str]:
    try:
        from training.evaluate import plots
    except ModuleNotFoundError:
        return {}
    where = f"{figures['set']}, {figures['split']}"
    pictures = {"reliability.png": "How far confidence can be believed"}
    curves = {"as it is": evaluation.curve}
    if evaluation.calibrated:
        curves["behind the temperature of validation"] = evaluation.calibrated
    plots.reliability(curves, f"{where}: how far confidence can be believed", folder / "reliability.png")
    if evaluation.matrix is not None:
        pictures["confusion.png"] = "What is taken for what"
        title = f"{where}: what is taken for what"
        plots.confusion(evaluation.labels, evaluation.matrix, title, folder / "confusion.png")
    if "robustness" in figures:
        found = figures["robustness"]
        models = {"this model": found, **({"plain model": found["plain"]} if "plain" in found else {})}
        groups = {
            told: {
                model: each[name] if name == "clean" else each[name]["score"]
                for model, each in models.items()
            }
            for name, told in CONDITIONS.items()
        }
        pictures["robustness.png"] = "Disturbed texts"
        measure = found["measure"].replace("_", "-")
        plots.bars(groups, f"{where}: disturbed texts", folder / "robustness.png", measure=measure)
    return pictures


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    kept = [at for at in range(len(header)) if at == 0 or any(row[at] for row in body)]
    rule = "|".join("---" if at == 0 else "---:" for at in kept)
    return [
        "| " + " | ".join(header[at] for at in kept) + " |",
        f"|{rule}|",
        *("| " + " | ".join(row[at] for at in kept) + " |" for row in body),
    ]


def _p(share: float | None) -> str:
    """Write a share in percent."""
    return "" if share is None else f"{100 * share:.2f}"
