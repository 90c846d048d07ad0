"""Fine-tunes an understanding encoder. Reads from top to bottom in ``train``.

    frontdesk train --set banking77 --data DIR       a public set, with its preset
    frontdesk train --domain domains/shop            a company's intents
    frontdesk train --examples conversations.jsonl   labelled conversations
    torchrun --nproc_per_node 2 -m training.understanding --set banking77 --data DIR   several processes

Every choice is a field of ``UnderstandingArguments``: ``--override learning_rate=5e-5``.
"""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from training.data.augmentation.text import asr_errors, typos
from training.data.examples import DataError, Example, ExampleSet
from training.understanding import distributed, encoders
from training.understanding.arguments import UnderstandingArguments
from training.understanding.batches import Epoch, Labels, TextBatches, order
from training.understanding.calibrate import calibrate
from training.understanding.checkpoints import Checkpoints, Place
from training.understanding.methods import parameter_efficient, stages
from training.understanding.methods.self_training import self_train
from training.understanding.model import drop_layers
from training.understanding.objective import Objective
from training.understanding.predict import Trained
from training.understanding.rates import freeze, groups_of


class Tracker(Protocol):
    """Told how a training goes: a progress bar, TensorBoard, Weights & Biases."""

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        """Told how many steps there will be, of which ``done`` were done before a kill."""
        ...

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Told the figures after a step."""
        ...

    def end(self) -> None:
        """Told that it is over, or broke off."""
        ...


class Untracked:
    """A tracker that tells nobody."""

    def start(self, steps: int, arguments: Mapping[str, Any], done: int = 0) -> None:
        """Ignore it."""

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Ignore it."""

    def end(self) -> None:
        """Ignore it."""


def train(
    examples: ExampleSet,
    arguments: UnderstandingArguments,
    folder: Path,
    *,
    tracker: Tracker | None = None,
    encoder: encoders.Encoder | None = None,
    watch: Callable[[int, float], None] | None = None,
    soft: Mapping[str, NDArray[np.float32]] | None = None,
) -> Trained:
    """Train on ``examples.train``, choose on ``examples.validation``, and keep the model in ``folder``.

    ``encoder`` takes the place of the one that ``arguments`` name, and is changed. ``soft`` are
    distributions over the labels, float32[I], that texts teach instead of their own label. ``watch`` is
    told how many epochs are done and their score on validation, 0 to 1; what it raises ends the training.
    A training that was killed goes on from its last checkpoint with the same result. Raises
    ``DataError`` for data that cannot be trained on, ``FloatingPointError`` where the loss is no number
    any more, ``OSError`` where something cannot be written, ``ValueError`` for arguments that do not
    fit the machine.
    """
    tracker = tracker or Untracked()
    try:
        return _train(examples, arguments, folder, tracker, encoder, watch, soft)
    finally:
        tracker.end()


def _train(
    examples: ExampleSet,
    arguments: UnderstandingArguments,
    folder: Path,
    tracker: Tracker,
    encoder: encoders.Encoder | None,
    watch: Callable[[int, float], None] | None,
    soft: Mapping[str, NDArray[np.float32]] | None,
) -> Trained:
    began = time.monotonic()
    watches = bool(arguments.patience or watch)
    _check(examples, watches)
    if arguments.self_training_rounds:
        return self_train(examples, arguments, folder, partial(train, tracker=tracker, watch=watch), encoder)
    accelerator = distributed.begin(arguments)
    tracker = tracker if accelerator.is_main_process else Untracked()
    labels = Labels.of(examples)
    learned = (*examples.train, *(examples.validation if arguments.learn_from_validation else ()))
    targets = _soft_targets(learned, labels, soft) if soft else labels.targets(learned)
    labels.targets(examples.validation)  # what is wrong with them is said before the work, not after
    written = [example.text for example in learned]

    # The encoder, and how many batches its texts are.
    encoder = encoder or encoders.load(arguments.encoder)
    if arguments.keep_layers:
        drop_layers(encoder.model, arguments.keep_layers)
    batches = TextBatches(encoder.tokenizer, encoder.prefix, arguments.max_tokens, labels)
    lengths = [len(ids) for ids in batches.encode(written)[0]]
    share = accelerator.num_processes
    per_epoch = -(-len(order(lengths, arguments.batch_size, np.random.default_rng(0))) // share)
    steps = max(1, round(arguments.epochs * per_epoch)) if arguments.epochs else 0
    steps = min(steps, arguments.max_steps) if arguments.max_steps else steps

    # Where a killed training stood: what came before the loop is then not done again.
    checkpoints = Checkpoints(folder.with_name(f"{folder.name}.training"))
    identity = _identity(examples, targets, arguments, accelerator)
    checkpoint = checkpoints.read(identity)
    distributed.agree_on(checkpoint)
    tracker.start(steps, asdict(arguments), checkpoint.place.step if checkpoint else 0)

    # The network, on an encoder that is adapted to texts where asked.
    encoder.model.to(accelerator.device)
    freeze(encoder.model, arguments)
    language = None
    if arguments.masked_language_steps and checkpoint is None:
        told = partial(_tell, tracker, "masked_language")
        language = stages.adapt(encoder, batches, [*written, *examples.unlabelled], arguments, told)
    model = stages.network(encoder.model, encoder.tokenizer, labels, arguments, language)
    model.to(accelerator.device)
    trained = Trained(
        model, encoder.tokenizer, labels, arguments, encoder.prefix, encoder.name, encoder.licence
    )

    # What learns, and how fast; sentence vectors alone where asked, then the heads' start.
    groups = groups_of(model, arguments)
    if arguments.contrastive_steps and checkpoint is None:
        told = partial(_tell, tracker, "sentences")
        stages.learn_sentences(model, batches, written, targets, groups, arguments, told)
    if arguments.head_start == "frozen" and not arguments.prompt and checkpoint is None:
        fit_head(trained, learned, labels.targets(learned))
    objective = Objective(model, labels, arguments, encoder.tokenizer, language).to(accelerator.device)
    learning = [*groups, *objective.groups(arguments.head_rate)]
    optimizer = AdamW(learning, weight_decay=arguments.weight_decay, fused=True)
    schedule = LambdaLR(optimizer, lambda step: _rate(step, steps, arguments.warmup))
    model.zero_grad()  # what came before the loop left gradients, which would count when they are clipped
    # Precision alone: gradients are averaged below, also of what a process had none for in a step.
    prepared = accelerator.prepare_model(model, evaluation_mode=True)
    optimizer = accelerator.prepare_optimizer(optimizer)
    distributed.begin_alike(accelerator, (model, objective))
    distributed.own_random_numbers(accelerator, arguments.seed)
    average = AveragedModel(model) if arguments.average_from < 1 else None

    # Go on where a killed training stood.
    states = {"model": model, "objective": objective, "optimizer": optimizer, "schedule": schedule}
    states |= {"average": average} if average is not None else {}
    states |= {"scaler": accelerator.scaler} if accelerator.scaler is not None else {}
    best: dict[str, Any] = {"score": -1.0, "epoch": 0, "state": None}
    place, spent = Place(), 0.0
    if checkpoint is not None:
        kept = checkpoint.restore(states, accelerator.process_index)
        place, best, spent = checkpoint.place, dict(kept["best"]), kept["seconds"]
    elif arguments.masked_language_steps or arguments.contrastive_steps:
        plain = {"best": best, "seconds": time.monotonic() - began}
        _save(accelerator, checkpoints, place, {**states, **plain}, identity)

    # Epochs of batches; each process of several takes every n-th batch.
    epoch, step = place.epoch, place.step
    while step < steps and not _waited_enough(best, epoch, arguments):
        rng = np.random.default_rng((arguments.seed, epoch))
        texts = _disturbed(written, learned, arguments, rng)
        positions = order(lengths, arguments.batch_size, rng)
        first = place.batch if epoch == place.epoch else 0
        own = [
            positions[(number * share + accelerator.process_index) % len(positions)]
            for number in range(min(per_epoch, first + steps - step))
        ]
        ready = Epoch(batches, learned, texts, targets, own).ready(first, arguments.workers)
        prepared.train()
        for number, batch in enumerate(ready, first):
            optimizer.zero_grad()
            figures = objective.backward(prepared, batch, accelerator)
            distributed.average_gradients(accelerator, learning)
            norm = accelerator.clip_grad_norm_(prepared.parameters(), arguments.clip_norm or float("inf"))
            # fp16's scaler leaves out steps whose gradient is too long for it, and scales less.
            if not (isfinite(figures["loss"]) and (torch.isfinite(norm) or accelerator.scaler is not None)):
                raise FloatingPointError(
                    f"the loss is {figures['loss']:.3g} and its gradient {float(norm):.3g} long at step"
                    f" {step + 1} of {steps}: train with a lower learning_rate (it is"
                    f" {arguments.learning_rate}) or with precision=no (it is"
                    f" {accelerator.mixed_precision}). What was learned until the last checkpoint lies in"
                    f" {checkpoints.folder}"
                )
            figures["learning_rate"] = schedule.get_last_lr()[0]
            optimizer.step()
            schedule.step()
            step += 1
            if average is not None and step >= arguments.average_from * steps:
                average.update_parameters(model)
            tracker.log(step, figures)
            if arguments.checkpoint_every and step % arguments.checkpoint_every == 0:
                plain = {"best": best, "seconds": spent + time.monotonic() - began}
                _save(accelerator, checkpoints, Place(epoch, number + 1, step), {**states, **plain}, identity)

        # Early stopping on validation, of what would be kept.
        epoch += 1
        if watches:
            kept_model = model if average is None or not average.n_averaged else average.module
            score = _score(accelerator, replace(trained, model=kept_model), examples.validation)
            tracker.log(step, {"validation": score})
            if arguments.patience and score > best["score"]:
                state = {name: value.detach().clone() for name, value in kept_model.state_dict().items()}
                best = {"score": score, "epoch": epoch, "state": state}
            if watch is not None:
                watch(epoch, score)
        plain = {"best": best, "seconds": spent + time.monotonic() - began}
        _save(accelerator, checkpoints, Place(epoch, 0, step), {**states, **plain}, identity)

    # Keep the best, or the average.
    accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    if best["state"] is not None:
        model.load_state_dict(best["state"])
    elif average is not None:
        model.load_state_dict(average.module.state_dict())
    model.encoder = parameter_efficient.merge(model.encoder, arguments.peft)
    model.eval()
    if examples.validation and not arguments.learn_from_validation:
        calibrate(trained, examples.validation)
    trained.report = {
        "examples": {name: len(examples.split(name)) for name in ("train", "validation", "test")},
        "steps": step,
        "epochs": epoch,
        "seconds": round(spent + time.monotonic() - began, 1),
        "trainable": sum(p.numel() for group in groups for p in group["params"]),
        "parameters": sum(p.numel() for p in model.parameters()),
        "processes": share,
        "device": str(accelerator.device),
        "best_epoch": best["epoch"] if arguments.patience else epoch,
    }
    if accelerator.is_main_process:
        trained.save(folder)
        checkpoints.clear()
    accelerator.wait_for_everyone()
    return trained


def fit_head(trained: Trained, examples: Sequence[Example], targets: NDArray[Any]) -> None:
    """Set the intent head to regression on the encoder's vectors as they are."""
    vectors = trained.predict([example.text for example in examples]).sentences * trained.model.scale
    several = targets if trained.labels.multi_label else np.eye(len(trained.labels.intents))[targets]
    head = trained.model.intent_head
    weight = np.zeros((len(trained.labels.intents), vectors.shape[1]))
    bias = np.full(len(weight), -5.0)
    if trained.labels.multi_label:
        for number, column in enumerate(several.T):
            if 0 < column.sum() < len(column):
                regression = LogisticRegression(C=0.1, max_iter=200).fit(vectors, column)
                weight[number], bias[number] = regression.coef_[0], regression.intercept_[0]
    else:
        regression = LogisticRegression(C=0.1, max_iter=200, tol=1e-3).fit(vectors, targets)
        coefficients, intercepts = regression.coef_, regression.intercept_
        if len(regression.classes_) == 2:
            coefficients = np.concatenate([-coefficients, coefficients]) / 2
            intercepts = np.concatenate([-intercepts, intercepts]) / 2
        weight[regression.classes_], bias[regression.classes_] = coefficients, intercepts
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(bias))


def _check(examples: ExampleSet, watches: bool) -> None:
    if not examples.train:
        raise DataError(f"{examples.name}: the train split is empty")
    if watches and not examples.validation:
        raise DataError(
            f"{examples.name}: the validation split is empty, but early stopping and search choose on it:"
            " name examples for it, or train with patience=0"
        )
    known = {intent for example in examples.train for intent in example.intents}
    if len(known) < 2:
        raise DataError(
            f"{examples.name}: the train split has {len(known)} intent(s): two are needed to tell apart"
        )


def _rate(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(steps * warmup))
    return min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))


def _disturbed(
    texts: Sequence[str],
    examples: Sequence[Example],
    arguments: UnderstandingArguments,
    rng: np.random.Generator,
) -> list[str]:
    """Texts of an epoch, some with typos or as if misheard."""
    if not arguments.typos and not arguments.asr_errors:
        return list(texts)
    disturbed = []
    for text, example, chance in zip(texts, examples, rng.random(len(texts)), strict=True):
        if chance < arguments.typos:
            disturbed.append(typos(text, rng, language=example.language))
        elif chance < arguments.typos + arguments.asr_errors:
            disturbed.append(asr_errors(text, rng, language=example.language))
        else:
            disturbed.append(text)
    return disturbed


def _waited_enough(best: Mapping[str, Any], epoch: int, arguments: UnderstandingArguments) -> bool:
    return bool(arguments.patience) and epoch - best["epoch"] >= arguments.patience


def _score(accelerator: Accelerator, trained: Trained, examples: Sequence[Example]) -> float:
    """Accuracy, or micro-F1 where several labels may hold."""
    targets = trained.labels.targets(examples)
    texts = [example.text for example in examples]
    logits = distributed.shared_logits(accelerator, texts, lambda own: trained.predict(own).logits)
    if trained.labels.multi_label:
        return float(f1_score(targets, logits > 0, average="micro", zero_division=0))
    return float((logits.argmax(axis=1) == targets).mean())


def _save(
    accelerator: Accelerator,
    checkpoints: Checkpoints,
    place: Place,
    states: Mapping[str, Any],
    identity: str,
) -> None:
    random_states = distributed.random_states()
    if accelerator.is_main_process:
        checkpoints.save(place, states, identity, random_states)


def _tell(tracker: Tracker, name: str, step: int, loss: float) -> None:
    tracker.log(step, {name: loss})


def _soft_targets(
    examples: Sequence[Example], labels: Labels, soft: Mapping[str, NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Distributions, float32[n, I]: those of ``soft``, else all on an example's own label."""
    own = labels.targets(examples)
    targets = (
        own.astype(np.float32) if labels.multi_label else np.eye(len(labels.intents), dtype=np.float32)[own]
    )
    for row, example in enumerate(examples):
        if example.text in soft:
            targets[row] = soft[example.text]
    return targets


def _identity(
    examples: ExampleSet, targets: NDArray[Any], arguments: UnderstandingArguments, accelerator: Accelerator
) -> str:
    """Of all that decides the result; not of what only changes how soon it is there."""
    decisive = replace(arguments, threads=1, workers=0, checkpoint_every=0)
    digest = hashlib.sha256(
        repr((decisive, accelerator.mixed_precision, accelerator.num_processes, examples.labels)).encode()
    )
    digest.update(targets.tobytes())
    digest.update(repr((examples.out_of_scope, examples.slot_names, examples.unlabelled)).encode())
    for example in (*examples.train, None, *examples.validation):
        digest.update(repr(example and (example.text, example.intents, example.slots)).encode())
    return digest.hexdigest()
