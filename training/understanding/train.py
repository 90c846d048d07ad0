"""Fine-tunes an understanding encoder. Reads from top to bottom in ``train``.

    frontdesk train --set banking77 --data DIR       a public set, with its preset
    frontdesk train --domain domains/shop            a company's intents
    frontdesk train --examples conversations.jsonl   labelled conversations
    accelerate launch --cpu --num_processes 2 -m training.understanding --set banking77 --data DIR

Every choice is a field of ``UnderstandingArguments``: ``--override learning_rate=5e-5``.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from training.data.augmentation.text import asr_errors, typos
from training.data.examples import DataError, Example, ExampleSet
from training.understanding import encoders
from training.understanding.arguments import UnderstandingArguments
from training.understanding.batches import Batch, Labels, order
from training.understanding.calibrate import calibrate
from training.understanding.checkpoints import Checkpoints, Place
from training.understanding.losses import losses, mixed_out_of_scope
from training.understanding.model import UnderstandingModel, drop_layers
from training.understanding.predict import Trained


class Tracker(Protocol):
    """Told how a training goes: a progress bar, TensorBoard, Weights & Biases."""

    def start(self, steps: int, arguments: Mapping[str, Any]) -> None:
        """Told how many steps there will be."""
        ...

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        """Told the figures after a step."""
        ...

    def end(self) -> None:
        """Told that it is over."""
        ...


class Untracked:
    """A tracker that tells nobody."""

    def start(self, steps: int, arguments: Mapping[str, Any]) -> None:
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
) -> Trained:
    """Train on ``examples.train``, choose on ``examples.validation``, and keep the model in ``folder``.

    ``encoder`` takes the place of the one that ``arguments`` name. A training that was killed goes
    on from its last checkpoint with the same result. Raises ``DataError`` for data that cannot be
    trained on and ``FloatingPointError`` where the loss is no number any more.
    """
    began = time.monotonic()
    tracker = tracker or Untracked()
    _check(examples)
    accelerator = Accelerator(mixed_precision=_precision(arguments), cpu=not torch.cuda.is_available())
    torch.set_num_threads(arguments.threads)
    set_seed(arguments.seed)
    labels = Labels.of(examples)
    learned = (*examples.train, *(examples.validation if arguments.learn_from_validation else ()))

    # The encoder, and its heads.
    encoder = encoder or encoders.load(arguments.encoder)
    if arguments.keep_layers:
        drop_layers(encoder.model, arguments.keep_layers)
    model = UnderstandingModel(encoder.model, len(labels.intents), len(labels.tags), arguments.dropout)
    trained = Trained(
        model, encoder.tokenizer, labels, arguments, encoder.prefix, encoder.name, encoder.licence
    )
    targets = labels.targets(learned)
    if arguments.head_start == "frozen":
        fit_head(trained, learned, targets)

    # What learns, and how fast.
    groups = _groups(model, arguments)
    optimizer = AdamW(groups, weight_decay=arguments.weight_decay, fused=True)
    batches = trained.batches
    lengths = [len(ids) for ids in batches.encode([example.text for example in learned])[0]]
    share = accelerator.num_processes
    per_epoch = -(-len(order(lengths, arguments.batch_size, np.random.default_rng(0))) // share)
    steps = max(1, round(arguments.epochs * per_epoch))
    steps = min(steps, arguments.max_steps) if arguments.max_steps else steps
    schedule = LambdaLR(optimizer, lambda step: _rate(step, steps, arguments.warmup))
    prepared, optimizer = accelerator.prepare(model, optimizer)
    average = AveragedModel(model) if arguments.average_from < 1 else None

    # Go on where a killed training stood.
    checkpoints = Checkpoints(folder.with_name(f"{folder.name}.training"))
    states = {"model": model, "optimizer": optimizer, "schedule": schedule}
    states |= {"average": average} if average is not None else {}
    identity = _identity(learned, arguments, share)
    best: dict[str, Any] = {"score": -1.0, "epoch": -1, "state": None}
    place = Place()
    if resumed := checkpoints.resume(states, identity):
        place, kept = resumed
        best = dict(kept["best"])
    tracker.start(steps, asdict(arguments))

    # Epochs of batches; each process of several takes every n-th batch.
    epoch, step = place.epoch, place.step
    stopped = False
    while step < steps and not stopped:
        rng = np.random.default_rng((arguments.seed, epoch))
        texts = _disturbed([example.text for example in learned], learned, arguments, rng)
        positions = order(lengths, arguments.batch_size, rng)
        own = [
            positions[(number * share + accelerator.process_index) % len(positions)]
            for number in range(per_epoch)
        ]
        prepared.train()
        for number, chosen in enumerate(own):
            if (epoch == place.epoch and number < place.batch) or step >= steps:
                continue
            batch = batches.batch([learned[p] for p in chosen], [texts[p] for p in chosen], targets[chosen])
            parts = _losses(prepared, batch, labels, arguments, accelerator.device)
            loss = torch.stack(list(parts.values())).sum()
            if not torch.isfinite(loss):
                raise FloatingPointError(
                    f"the loss is {float(loss.detach())} at step {step + 1} of {steps}: lower learning_rate"
                    f" (it is {arguments.learning_rate}), or train with precision=no. The last checkpoint"
                    f" lies in {folder.with_name(f'{folder.name}.training')}"
                )
            optimizer.zero_grad()
            accelerator.backward(loss)
            if arguments.clip_norm:
                accelerator.clip_grad_norm_(prepared.parameters(), arguments.clip_norm)
            optimizer.step()
            schedule.step()
            step += 1
            if average is not None and step >= arguments.average_from * steps:
                average.update_parameters(model)
            tracker.log(step, {name: float(part.detach()) for name, part in parts.items()})
            if arguments.checkpoint_every and step % arguments.checkpoint_every == 0:
                _save(accelerator, checkpoints, Place(epoch, number + 1, step), states, best, identity)

        # Early stopping on validation.
        epoch += 1
        if arguments.patience and examples.validation:
            score = _score(trained, examples.validation)
            tracker.log(step, {"validation": score})
            if score > best["score"]:
                state = {name: value.detach().clone() for name, value in model.state_dict().items()}
                best = {"score": score, "epoch": epoch, "state": state}
            stopped = epoch - best["epoch"] >= arguments.patience
        _save(accelerator, checkpoints, Place(epoch, 0, step), states, best, identity)

    # Keep the best, or the average; say how sure it is.
    if best["state"] is not None:
        model.load_state_dict(best["state"])
    elif average is not None:
        model.load_state_dict(average.module.state_dict())
    model.eval()
    if examples.validation and not arguments.learn_from_validation:
        calibrate(trained, examples.validation)
    trained.report = {
        "examples": {name: len(examples.split(name)) for name in ("train", "validation", "test")},
        "steps": step,
        "epochs": epoch,
        "seconds": round(time.monotonic() - began, 1),
        "trainable": sum(p.numel() for group in groups for p in group["params"]),
        "parameters": sum(p.numel() for p in model.parameters()),
        "processes": share,
        "device": str(accelerator.device),
        "best_epoch": best["epoch"],
    }
    if accelerator.is_main_process:
        trained.save(folder)
        checkpoints.clear()
    accelerator.wait_for_everyone()
    tracker.end()
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


def _check(examples: ExampleSet) -> None:
    if not examples.train:
        raise DataError(f"{examples.name}: the train split is empty")
    known = {intent for example in examples.train for intent in example.intents}
    if len(known) < 2:
        raise DataError(
            f"{examples.name}: the train split has {len(known)} intent(s): two are needed to tell apart"
        )


def _precision(arguments: UnderstandingArguments) -> str:
    if arguments.precision != "auto":
        return arguments.precision
    return "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "no"


def _groups(model: UnderstandingModel, arguments: UnderstandingArguments) -> list[dict[str, Any]]:
    """Parameters by layer, each with its rate; what is frozen stands in none."""
    layers = model.encoder.encoder.layer
    groups: list[dict[str, Any]] = []
    for depth, layer in enumerate(reversed(layers)):
        frozen = len(layers) - depth <= arguments.freeze_layers
        groups.append(
            _group(layer.parameters(), arguments.learning_rate * arguments.layer_decay**depth, frozen)
        )
    bottom = arguments.learning_rate * arguments.layer_decay ** len(layers)
    frozen = arguments.freeze_embeddings or arguments.freeze_layers > 0
    groups.append(_group(model.encoder.embeddings.parameters(), bottom, frozen))
    heads = [*model.intent_head.parameters(), *(model.slot_head.parameters() if model.slot_head else ())]
    groups.append(_group(heads, arguments.head_rate, False))
    return [group for group in groups if group["params"]]


def _group(parameters: Any, rate: float, frozen: bool) -> dict[str, Any]:
    chosen = []
    for parameter in parameters:
        parameter.requires_grad_(parameter.requires_grad and not frozen)
        if parameter.requires_grad:
            chosen.append(parameter)
    return {"params": chosen, "lr": rate}


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
            disturbed.append(typos(text, rng))
        elif chance < arguments.typos + arguments.asr_errors:
            disturbed.append(asr_errors(text, rng, language=example.language))
        else:
            disturbed.append(text)
    return disturbed


def _losses(
    model: Any, batch: Batch, labels: Labels, arguments: UnderstandingArguments, device: torch.device
) -> dict[str, Tensor]:
    output = model(batch.input_ids.to(device), batch.attention_mask.to(device))
    targets = batch.targets.to(device)
    tags = None if batch.tags is None else batch.tags.to(device)
    parts = losses(output, targets, tags, labels, arguments)
    if arguments.synthetic_out_of_scope and labels.out_of_scope:
        parts["out_of_scope"] = mixed_out_of_scope(model, output.sentence, targets, labels, arguments)
    return parts


def _score(trained: Trained, examples: Sequence[Example]) -> float:
    """Accuracy, or micro-F1 where several labels may hold."""
    targets = trained.labels.targets(examples)
    logits = trained.predict([example.text for example in examples]).logits
    if trained.labels.multi_label:
        return float(f1_score(targets, logits > 0, average="micro", zero_division=0))
    return float((logits.argmax(axis=1) == targets).mean())


def _save(
    accelerator: Accelerator,
    checkpoints: Checkpoints,
    place: Place,
    states: Mapping[str, Any],
    best: Mapping[str, Any],
    identity: str,
) -> None:
    if accelerator.is_main_process:
        checkpoints.save(place, {**states, "best": dict(best)}, identity)


def _identity(examples: Sequence[Example], arguments: UnderstandingArguments, processes: int) -> str:
    digest = hashlib.sha256(repr((replace(arguments, threads=1), processes)).encode())
    for example in examples:
        digest.update(repr((example.text, example.intents, example.slots)).encode())
    return digest.hexdigest()
