"""Searches for arguments on validation alone; the test split is taken away before it begins.

    python -m training.understanding.search --set banking77-10shot --data DIR --trials 20

Optuna proposes them (tree-structured Parzen estimator; Bergstra et al., "Algorithms for Hyper-Parameter
Optimization", NeurIPS 2011) and stops trials that stand below the median of the others after as many
epochs. A search that was killed goes on where it stood, in the middle of a trial, and comes to the same
trials. The best is written as a preset after every trial.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.trial import FrozenTrial, TrialState

from training.data.examples import ExampleSet
from training.understanding import command, encoders
from training.understanding.arguments import UnderstandingArguments
from training.understanding.tracking import trackers
from training.understanding.train import Tracker, train


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``; by their logarithm where ``log``."""

    low: float
    high: float
    log: bool = False


Space = Mapping[str, Range | tuple[Any, ...]]
"""What is tried for each argument: a range, or one of several values."""

SPACE: Final[Space] = {
    "learning_rate": Range(2e-5, 5e-4, log=True),
    "head_rate": Range(3e-4, 1e-2, log=True),
    "layer_decay": Range(0.6, 1.0),
    "batch_size": (16, 32, 64),
    "dropout": Range(0.0, 0.3),
    "label_smoothing": Range(0.0, 0.2),
    "contrastive_weight": Range(0.0, 1.0),
    "freeze_embeddings": (True, False),
}

STARTUP_TRIALS: Final = 5
"""Trials at random, and without an early end, before there is something to learn from."""


def search(
    examples: ExampleSet,
    base: UnderstandingArguments,
    trials: int,
    folder: Path,
    *,
    space: Space = SPACE,
    seed: int = 0,
    load_encoder: Callable[[str], encoders.Encoder] = encoders.load,
    tracker: Callable[[str], Tracker] | None = None,
    source: str = "",
) -> optuna.Study:
    """Try ``trials`` arguments out of ``space``, all else as in ``base``; ``folder`` keeps what was found.

    ``folder/trials.sqlite`` has the trials, ``folder/best.toml`` the best, under a comment that names
    ``source``. A loss that is no number ends its trial alone. Raises what training raises, and
    ``ValueError`` for an argument of ``space`` that does not exist.
    """
    unknown = sorted(set(space) - {field.name for field in fields(UnderstandingArguments)})
    if unknown:
        raise ValueError(f"no such argument: {', '.join(unknown)}")
    examples = replace(examples, test=())
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name=_identity(examples, base, space, seed),
        storage=f"sqlite:///{folder / 'trials.sqlite'}",
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1),
    )
    while (done := len(_ended(study))) < trials:
        interrupted = study.get_trials(states=(TrialState.RUNNING,))
        for left in interrupted:
            study.tell(left.number, state=TrialState.FAIL)
        # A sampler for each trial: after a kill it proposes what it would have proposed.
        study.sampler = optuna.samplers.TPESampler(seed=seed + done, n_startup_trials=STARTUP_TRIALS)
        trial = study.ask()
        arguments = replace(base, **{name: _suggest(trial, name, tried) for name, tried in space.items()})
        work = folder / f"trial_{done + 1}"
        _try(study, trial, examples, arguments, work, interrupted, load_encoder, tracker)
        shutil.rmtree(work, ignore_errors=True)
        if study.get_trials(states=(TrialState.COMPLETE,)):
            write_best(study, base, folder / "best.toml", source)
    return study


def write_best(study: optuna.Study, base: UnderstandingArguments, path: Path, source: str) -> None:
    """Write the best arguments so far as a preset that differs from the defaults; whole or not at all."""
    best = study.best_trial
    defaults = asdict(UnderstandingArguments())
    values = {name: value for name, value in asdict(base).items() if value != defaults[name]} | best.params
    lines = [
        f"# {source}: validation {best.value:.4f}, the best of {len(_ended(study))} trials",
        *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items()),
    ]
    partial = path.with_suffix(".partial")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    partial.replace(path)


def _try(
    study: optuna.Study,
    trial: optuna.Trial,
    examples: ExampleSet,
    arguments: UnderstandingArguments,
    work: Path,
    interrupted: list[FrozenTrial],
    load_encoder: Callable[[str], encoders.Encoder],
    tracker: Callable[[str], Tracker] | None,
) -> None:
    """Train once; tell the study how it went."""
    scores: dict[int, float] = {}
    for left in interrupted:
        if left.params == trial.params:  # its training goes on from a checkpoint, after these epochs
            scores = dict(left.intermediate_values)
    for epoch, score in scores.items():
        trial.report(score, epoch)

    def watch(epoch: int, score: float) -> None:
        if epoch not in scores:
            trial.report(score, epoch)
        scores[epoch] = score
        if trial.should_prune():
            raise optuna.TrialPruned

    told = tracker(work.name) if tracker else None
    try:
        encoder = load_encoder(arguments.encoder)
        train(examples, arguments, work, encoder=encoder, tracker=told, watch=watch)
    except (optuna.TrialPruned, FloatingPointError):
        shutil.rmtree(work.with_name(f"{work.name}.training"), ignore_errors=True)
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, max(scores.values()) if arguments.patience else scores[max(scores)])
    finally:
        if told is not None:
            told.end()


def _suggest(trial: optuna.Trial, name: str, tried: Range | tuple[Any, ...]) -> Any:
    if isinstance(tried, Range):
        return trial.suggest_float(name, tried.low, tried.high, log=tried.log)
    return trial.suggest_categorical(name, tried)


def _ended(study: optuna.Study) -> list[FrozenTrial]:
    return list(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _identity(examples: ExampleSet, base: UnderstandingArguments, space: Space, seed: int) -> str:
    """A search of other examples, arguments or space is another one, beside it in the same file."""
    digest = hashlib.sha256(repr((replace(base, threads=1), sorted(space.items()), seed)).encode())
    for example in (*examples.train, None, *examples.validation):
        digest.update(repr(example and (example.text, example.intents, example.slots)).encode())
    return f"{examples.name} {digest.hexdigest()[:16]}"


def main() -> int:
    """Search, printing the best; 1 on an error that the user can mend."""
    parser = argparse.ArgumentParser(
        prog="python -m training.understanding.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_choices(parser)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of what is proposed")
    parser.add_argument(
        "--space",
        nargs="+",
        choices=sorted(SPACE),
        default=list(SPACE),
        metavar="NAME",
        help=", ".join(SPACE),
    )
    given = parser.parse_args()
    try:
        examples = command.examples_of(given)
        folder = given.out or Path("build/search") / examples.name
        study = search(
            examples,
            command.arguments_of(given, examples),
            given.trials,
            folder,
            space={name: SPACE[name] for name in given.space},
            seed=given.seed,
            tracker=lambda trial: trackers(command.trackers_of(given), f"{examples.name}-{trial}"),
            source=f"{examples.name}, search seed {given.seed}",
        )
        best = study.best_trial
    except (OSError, ValueError) as error:
        print(f"search failed: {error}", file=sys.stderr)
        return 1
    print(f"{folder / 'best.toml'}: validation {best.value:.4f} by {best.params}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
