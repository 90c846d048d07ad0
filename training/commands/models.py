"""Trains a public set's model where there is none yet, and asks it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from training.commands.errors import CommandError
from training.data.examples import ExampleSet
from training.evaluate.answers import Answers, Asked, names
from training.understanding import presets
from training.understanding.arguments import UnderstandingArguments

if TYPE_CHECKING:
    from training.understanding.predict import Trained

CHECKPOINTS: Final = Path("build/checkpoints")
_INDIFFERENT: Final = {"threads", "workers", "checkpoint_every"}
"""Arguments that change no result."""
_IDLE: Final = {
    "peft_rank": ("peft",),
    "peft_alpha": ("peft",),
    "contrastive_temperature": ("contrastive_weight", "contrastive_steps"),
    "contrastive_classes": ("contrastive_steps",),
    "contrastive_per_class": ("contrastive_steps",),
    "masked_language_rate": ("masked_language_steps",),
    "self_training_epochs": ("self_training_rounds",),
    "self_training_per_label": ("self_training_rounds",),
    "confidence": ("self_training_rounds",),
}
"""Arguments that change no result where others are off."""
_MANDARIN: Final = "multilingual-e5-small"


def chosen(preset: str, examples: ExampleSet, overrides: Sequence[str]) -> tuple[UnderstandingArguments, str]:
    """Give a preset's arguments with overrides, and what they began with: the preset or the defaults.

    A set without a preset is trained with the defaults, one with Mandarin texts from an encoder that
    reads them. Raises ``PresetError`` for a preset or an override that cannot be used.
    """
    if preset in presets.names():
        return presets.overridden(presets.read(preset), overrides), preset
    if preset != examples.name:
        presets.read(preset)  # says which there are
    languages = {example.language for example in examples.train}
    given = ["encoder=" + _MANDARIN] if "zh" in languages else []
    return presets.overridden(UnderstandingArguments(), [*given, *overrides]), "defaults"


def checkpoint_of(preset: str, arguments: UnderstandingArguments, first_seed: int) -> Path:
    """Give where a preset's model lies; those of other seeds lie beside it."""
    return CHECKPOINTS / (preset if arguments.seed == first_seed else f"{preset}-seed{arguments.seed}")


def trained_model(
    examples: ExampleSet, arguments: UnderstandingArguments, folder: Path, trackers: Sequence[str]
) -> "Trained":
    """Load the model in ``folder``, or train it there first.

    Raises:
        CommandError: the model there was trained with other arguments.
    """
    from training.understanding.predict import load
    from training.understanding.tracking import trackers as made
    from training.understanding.train import train

    if not (folder / "config.json").is_file():
        return train(examples, arguments, folder, tracker=made(trackers, folder.name))
    trained = load(folder)
    wanted, found = asdict(arguments), asdict(trained.arguments)
    other = [
        f"{name} {found[name]!r} instead of {wanted[name]!r}"
        for name in wanted
        if name not in _INDIFFERENT and wanted[name] != found[name] and not _idle(name, wanted, found)
    ]
    if other:
        raise CommandError(
            f"{folder}: was trained with {', '.join(other)}: remove the folder to train it anew,"
            " or name another by --checkpoint"
        )
    return trained


def _idle(name: str, *given: Mapping[str, Any]) -> bool:
    """Say whether what an argument belongs to is off in all of ``given``."""
    off = ("none", 0)
    return name in _IDLE and all(own[switch] in off for own in given for switch in _IDLE[name])


def asked(trained: "Trained", examples: ExampleSet) -> Asked:
    """Give a trained model as an evaluation asks it, with what it decided on validation.

    Raises:
        CommandError: it knows other intents than the set.
    """
    columns = names(examples)
    if trained.labels.intents != columns:
        raise CommandError(
            f"the model knows {len(trained.labels.intents)} intents, which are not the {len(columns)} of"
            f" {examples.name}: train it anew"
        )
    scope, threshold = _scope(trained)

    def ask(texts: Sequence[str]) -> Answers:
        predictions = trained.predict(texts)
        inside = None if scope is None else scope(predictions.logits)
        return Answers(predictions.probabilities, predictions.slots, inside)

    return Asked(
        ask,
        several_from=trained.threshold if examples.multi_label else None,
        in_scope_from=threshold,
        saw_validation=trained.arguments.learn_from_validation,
    )


def _scope(trained: "Trained") -> tuple[Any, float | None]:
    """Give how surely logits are in scope, and from when on that is answered, where the model knows."""
    if not trained.out_of_scope:
        return None, None
    import numpy as np

    from training.understanding.out_of_scope import OutOfScope

    found = OutOfScope.from_json(trained.out_of_scope)
    outside = trained.labels.intents.index(str(trained.labels.out_of_scope))

    def inside(logits: Any) -> Any:
        return -found.scores(logits, outside)

    # It rejects from its threshold on; an evaluation answers from a threshold on.
    return inside, float(np.nextafter(-found.threshold, 1.0))
