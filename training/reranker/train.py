"""Trains a reranker. Reads from top to bottom in ``train``.

    python -m training.reranker --domain domains/shop --out build/reranker
    python -m training.reranker --domain domains/shop --set cmrc2018 --set abcd_kb --data DIR

Every choice is a field of ``RerankerArguments``: ``--override keep_layers=6``.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from training.reranker.arguments import RerankerArguments
from training.reranker.batches import Batches
from training.reranker.data import Corpus
from training.reranker.evaluate import compared
from training.reranker.model import RerankerModel
from training.reranker.predict import Trained
from training.reranker.retrieval import Found
from training.understanding import encoders
from training.understanding.checkpoints import Checkpoints, Place, random_state
from training.understanding.model import drop_layers
from training.understanding.tracking import Tracker

Sources = Sequence[tuple[Corpus, Sequence[Found]]]
"""Corpora, each with what was found for questions of one split."""


def train(
    training: Sources,
    validation: Sources,
    arguments: RerankerArguments,
    folder: Path,
    *,
    tracker: Tracker,
    encoder: encoders.Encoder | None = None,
) -> tuple[Trained, dict[str, Any]]:
    """Train on ``training``, choose on ``validation``; give the best model, and how it went.

    ``encoder`` takes the place of the one that ``arguments`` name, and is changed. A training
    that was killed goes on from its last checkpoint beside ``folder``, with the same result.
    Raises ``DataError`` for data that cannot be trained on, ``FloatingPointError`` where the
    loss is no number any more, ``OSError`` where something cannot be written.
    """
    began = time.monotonic()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    batches = Batches(training, arguments)

    # The encoder, and its score.
    encoder = encoder or encoders.load(arguments.encoder)
    if arguments.keep_layers:
        drop_layers(encoder.model, arguments.keep_layers)
    model = RerankerModel(encoder.model, int(encoder.tokenizer.sep_token_id))
    trained = Trained(model, encoder.tokenizer, encoder.prefix, encoder.name, encoder.licence, arguments)

    # What learns, and how fast.
    if arguments.freeze_embeddings or arguments.freeze_layers:
        model.encoder.embeddings.requires_grad_(False)
    for layer in model.encoder.encoder.layer[: arguments.freeze_layers]:
        layer.requires_grad_(False)
    learning = [parameter for parameter in model.encoder.parameters() if parameter.requires_grad]
    heads = [model.scale, *model.head.parameters()]
    optimizer = AdamW(
        [
            {"params": learning, "lr": arguments.learning_rate},
            {"params": heads, "lr": arguments.head_rate},
        ],
        weight_decay=arguments.weight_decay,
    )
    schedule = LambdaLR(optimizer, lambda step: _rate(step, arguments))

    # Go on where a killed training stood; else begin by looking at what no step has changed.
    checkpoints = Checkpoints(folder.with_name(f".{folder.name}.training"))
    identity = _identity((*training, *validation), arguments)
    states = {"model": model, "optimizer": optimizer, "schedule": schedule}
    if checkpoint := checkpoints.read(identity):
        kept = checkpoint.restore(states)
        step, best, spent = checkpoint.place.step, dict(kept["best"]), float(kept["seconds"])
    else:
        step, spent = 0, 0.0
        score = _score(trained, validation)
        best = {"score": score, "start": score, "step": 0, "state": _copy(model)}
    tracker.start(arguments.steps, asdict(arguments), step)

    # Steps; a look at validation now and then.
    while step < arguments.steps and not _waited_enough(best, step, arguments):
        model.train()
        batch = batches.batch(step)
        scores = model(**trained.inputs(batch.questions, batch.passages))
        loss = loss_of(scores.view(-1, 1 + arguments.negatives), arguments)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is {float(loss.detach())} at step {step + 1} of {arguments.steps}: train with a"
                f" lower learning_rate (it is {arguments.learning_rate})"
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        if arguments.clip_norm:
            torch.nn.utils.clip_grad_norm_([*learning, *heads], arguments.clip_norm)
        optimizer.step()
        schedule.step()
        step += 1
        figures = {"loss": float(loss.detach()), "learning_rate": schedule.get_last_lr()[0]}
        if step % arguments.validate_every == 0 or step == arguments.steps:
            score = _score(trained, validation)
            figures["validation"] = score
            if score > best["score"]:
                best = {**best, "score": score, "step": step, "state": _copy(model)}
            plain = {"best": best, "seconds": spent + time.monotonic() - began}
            checkpoints.save(Place(step=step), {**states, **plain}, identity, [random_state()])
        tracker.log(step, figures)

    # Keep the best.
    model.load_state_dict(best["state"])
    model.eval()
    checkpoints.clear()
    tracker.end()
    return trained, {
        "questions": batches.questions,
        "validation_questions": sum(len(found) for _, found in validation),
        "steps": step,
        "best_step": best["step"],
        "validation_mrr_before_training": best["start"],
        "validation_mrr": best["score"],
        "trainable": sum(parameter.numel() for parameter in (*learning, *heads)),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": round(spent + time.monotonic() - began, 1),
    }


def loss_of(scores: Tensor, arguments: RerankerArguments) -> Tensor:
    """Scores float[questions, 1 + negatives], the right passage's first → the mean loss."""
    if arguments.loss == "listwise":
        return functional.cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long))
    targets = torch.zeros_like(scores)
    targets[:, 0] = 1.0
    return functional.binary_cross_entropy_with_logits(scores, targets)


def _score(trained: Trained, validation: Sources) -> float:
    """Mean reciprocal rank of what is reranked, over the questions of all sources."""
    told = [
        (len(found), compared(corpus, found, trained)["reranked"].mrr)
        for corpus, found in validation
        if found
    ]
    return sum(count * mrr for count, mrr in told) / max(sum(count for count, _ in told), 1)


def _copy(model: RerankerModel) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _rate(step: int, arguments: RerankerArguments) -> float:
    rising = max(1, round(arguments.warmup * arguments.steps))
    if step < rising:
        return (step + 1) / rising
    return max(0.0, (arguments.steps - step) / max(1, arguments.steps - rising))


def _waited_enough(best: Mapping[str, Any], step: int, arguments: RerankerArguments) -> bool:
    waited = step - int(best["step"])
    return bool(arguments.patience) and waited >= arguments.patience * arguments.validate_every


def _identity(sources: Sources, arguments: RerankerArguments) -> str:
    digest = hashlib.sha256(json.dumps(asdict(arguments), sort_keys=True).encode())
    for corpus, founds in sources:
        for found in founds:
            question = found.question
            told = (corpus.name, question.text, sorted(question.answers), dict(found.ranked))
            digest.update(json.dumps(told, sort_keys=True).encode())
    return digest.hexdigest()
