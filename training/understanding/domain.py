"""Fine-tunes an encoder on what a company's customers say. Reads from top to bottom in ``train_domain``.

    frontdesk train --domain domains/shop
    frontdesk export --domain domains/shop

Held-out questions (``evaluation.yaml``) are not looked at: all figures are out of fold.
"""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import softmax

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import OUT_OF_SCOPE, Domain
from services.dialogue.ports import Purpose
from services.text.model import TEXT_ENCODER
from training.data.examples import Example, ExampleSet
from training.evaluate.calibration import calibration_error, fit_temperature
from training.export import publish
from training.export.cards import data_hash
from training.export.choose import MOST_LOST
from training.export.models.understanding import references
from training.text import out_of_fold
from training.text.intent import fit_head
from training.text.passages import Embed
from training.text.utterances import utterances_of
from training.text.vector_cache import CachedTextEncoder
from training.understanding import encoders, served
from training.understanding.arguments import UnderstandingArguments
from training.understanding.cross_fit import cross_fit, folds_of, left_of, set_of
from training.understanding.domain_card import card
from training.understanding.predict import Trained
from training.understanding.train import Tracker, train

DEFAULTS: Final = UnderstandingArguments(
    encoder=encoders.E5, freeze_layers=6, epochs=3.0, learning_rate=2e-4, average_from=0.6, batch_size=32
)
"""For two cores and some thousand utterances in both languages; about ten minutes."""
FOLDS: Final = 3
_TIMED: Final = 50


def train_domain(
    folder: Path,
    arguments: UnderstandingArguments = DEFAULTS,
    *,
    folds: int = FOLDS,
    work: Path | None = None,
    repository: Path = Path("build/model_repository"),
    console: Console | None = None,
    tracker: Callable[[str], Tracker] | None = None,
    load_encoder: Callable[[str], encoders.Encoder] = encoders.load,
    command: str = "",
) -> Mapping[str, Any]:
    """Train the understanding of the domain in ``folder``; write ``folder/models/understanding``.

    Args:
        folder: The domain.
        arguments: How to train.
        folds: Trainings for the out-of-fold figures, 2 to 10, beside the one that is kept.
        work: A folder of its own where unfinished trainings lie, for the next run to go on with, and
            which is taken away at the end; by default in ``build``.
        repository: Exported models, for the frozen encoder's head to compare with.
        console: Where figures are printed.
        tracker: Gives what is told how each training goes, by the training's name.
        load_encoder: Gives the encoder of a name, anew each time.
        command: What was typed, for the card.

    Raises ``DomainError`` for a folder with faults, ``ValueError`` for arguments, and what training raises.
    """
    began = time.monotonic()
    console = console or Console()
    domain = load_domain(folder)
    work = work or Path("build/training") / f"understanding_{domain.name}"
    utterances = utterances_of(domain)
    whole = examples_of(domain)
    targets = np.array([domain.labels.index(utterance.label) for utterance in utterances])
    places = folds_of(whole.train, folds, arguments.seed)

    def train_one(examples: ExampleSet, given: UnderstandingArguments, into: Path) -> Trained:
        told = tracker(into.name) if tracker else None
        console.print(f"{into.name}: {len(examples.train)} utterances", highlight=False)
        return train(examples, given, into, tracker=told, encoder=load_encoder(given.encoder))

    def ask(trained: Trained, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        trained.temperature = 1.0  # one is fitted on all folds together
        forms = served.write_forms(trained, work / "asked")
        found = {form: served.ask(path, texts, arguments.threads) for form, path in forms.items()}
        shutil.rmtree(work / "asked")
        return found

    # What it says of utterances that it did not see, in each form; which form is worth serving.
    logits = cross_fit(whole.train, whole, arguments, places, work, train_one, ask)
    accuracy = {form: float((rows.argmax(axis=1) == targets).mean()) for form, rows in logits.items()}
    form = served.INT8 if accuracy[served.INT8] >= accuracy[served.FLOAT] - MOST_LOST / 100 else served.FLOAT
    temperature = fit_temperature(logits[form], targets)
    probabilities = softmax(logits[form].astype(np.float64) / temperature, axis=1)

    # The model that is kept, trained on all of them.
    trained = train_one(set_of(whole, whole.train, arguments), arguments, work / "kept")
    trained.temperature = temperature
    forms = served.write_forms(trained, work / "forms")
    texts = [utterance.text for utterance in utterances]
    weights = {
        name: served.weigh(path, texts[:: max(len(texts) // _TIMED, 1)], arguments.threads)
        for name, path in forms.items()
    }

    report: dict[str, Any] = {
        "utterances": len(utterances),
        "folds": folds,
        **figures(domain, whole.train, targets, probabilities),
        "forms": {name: {"accuracy": round(accuracy[name], 4), **asdict(weights[name])} for name in forms},
        "training": dict(trained.report),
    }
    if head := _head(domain, whole.train, targets, places, repository):
        report["frozen_head"] = head

    # All of it beside the domain, or nothing.
    target = folder / out_of_fold.UNDERSTANDING
    staging = target.with_name(f".{target.name}.partial")
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(forms[form], staging, ignore=shutil.ignore_patterns("manifest.json"))
    out_of_fold.write(staging, utterances, domain.labels, logits[form])
    report["seconds"] = round(time.monotonic() - began, 1)
    manifest = served.write_manifest(
        staging,
        trained,
        {
            "model": f"understanding_{domain.name}",
            "domain": domain.name,
            "languages": list(domain.languages),
            "trained_on": domain.version,
            "data_sha256": data_hash(whole.train),
            "encoder": trained.encoder,
            "licence": trained.licence,
            "precision": form,
            "arguments": asdict(arguments),
            "command": command or f"frontdesk train --domain {folder}",
            "report": report,
            "references": references(forms[form]),
        },
    )
    (staging / "README.md").write_text(card(manifest), encoding="utf-8")
    publish.flush(staging)
    publish.swap(staging, target)
    shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)
    console.print(_table(manifest))
    if head and head["accuracy"] >= report["accuracy"]:
        console.print(
            f"The frozen encoder's head is as good: with {target} taken away it understands again.",
            soft_wrap=True,
        )
    return manifest


def examples_of(domain: Domain) -> ExampleSet:
    """Give a domain's utterances as a set, all of them to be trained on."""
    return ExampleSet(
        name=domain.name,
        train=tuple(
            Example(
                text=utterance.text,
                language=utterance.language,
                intents=(utterance.label,),
                source="out_of_scope.yaml"
                if utterance.label == OUT_OF_SCOPE
                else f"intents/{utterance.label}.yaml",
            )
            for utterance in utterances_of(domain)
        ),
        validation=(),
        test=(),
        labels=tuple(label for label in domain.labels if label != OUT_OF_SCOPE),
        out_of_scope=OUT_OF_SCOPE,
    )


def figures(
    domain: Domain,
    examples: Sequence[Example],
    targets: NDArray[np.int64],
    probabilities: NDArray[np.float64],
) -> dict[str, float]:
    """Judge probabilities ``[n, labels]``: shares that are right, and how far they can be believed."""
    right = probabilities.argmax(axis=1) == targets
    language = np.array([example.language for example in examples])
    outside = targets == domain.labels.index(OUT_OF_SCOPE)
    told = {
        "accuracy": right.mean(),
        **{f"accuracy_{each}": right[language == each].mean() for each in domain.languages},
        "out_of_scope_recall": right[outside].mean(),
        "calibration_error": calibration_error(probabilities.max(axis=1), right),
    }
    return {name: round(float(figure), 4) for name, figure in told.items()}


def _head(
    domain: Domain,
    examples: Sequence[Example],
    targets: NDArray[np.int64],
    folds: Sequence[NDArray[np.int64]],
    repository: Path,
) -> dict[str, float] | None:
    """Judge the frozen encoder's head on the same folds; None where the encoder was not exported."""
    if not (repository / TEXT_ENCODER.name).is_dir():
        return None
    embed: Embed = CachedTextEncoder.beside(repository)
    vectors = embed([example.text for example in examples], Purpose.QUERY)
    logits = np.empty((len(examples), len(domain.labels)))
    for seen, unseen in left_of(folds):
        weight, bias = fit_head(vectors[seen], targets[seen])
        logits[unseen] = vectors[unseen] @ weight + bias
    return figures(domain, examples, targets, softmax(logits / fit_temperature(logits, targets), axis=1))


def _table(manifest: Mapping[str, Any]) -> Table:
    report = manifest["report"]
    head = report.get("frozen_head", {})
    table = Table(title=f"{manifest['model']}, out of {report['folds']} folds, {manifest['precision']}")
    for name, justify in (("", "left"), ("fine-tuned", "right"), ("frozen encoder's head", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for name in ("accuracy", "accuracy_en", "accuracy_zh", "out_of_scope_recall", "calibration_error"):
        if name in report:
            table.add_row(name, f"{report[name]:.4f}", f"{head[name]:.4f}" if head else "-")
    return table
