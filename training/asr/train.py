"""Fine-tunes Whisper on a company's recordings, by low-rank matrices (LoRA) that are merged in the end.

Run as ``python -m training.asr --data DIR --set an4 --out DIR``. The same arguments and recordings give the
same model on the same machine, whether training was stopped and resumed in between or not.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import WhisperForConditionalGeneration

from training.asr import checkpoints
from training.asr.arguments import AsrArguments
from training.asr.data import DisturbedClips, LikeLengths, Utterance, check, collate
from training.asr.judge import SPECS, Judged, judge, loss_of
from training.asr.model import Texts, load, with_lora
from training.data.examples import ExampleSet

_CHECKPOINT = "checkpoint.pt"

OnProgress = Callable[[int, int, str], None]
"""Told the steps so far, the most there may be, and figures as text."""


class TrainingError(ValueError):
    """Training cannot go on; the message says where and what to do."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A fine-tuned model with what is known of its training."""

    model: WhisperForConditionalGeneration
    """With the low-rank matrices merged."""
    texts: Texts
    test: tuple[Utterance, ...]
    report: dict[str, Any]


def train(
    examples: ExampleSet,
    weights: Path,
    arguments: AsrArguments,
    folder: Path,
    resume: bool = False,
    finish: bool = False,
    on_progress: OnProgress = lambda step, steps, figures: None,
) -> Trained:
    """Fine-tune the weights of a folder, keeping in ``folder`` what is needed to go on.

    ``resume`` goes on where an earlier run stopped; ``finish`` takes the best epoch of that run as it is.

    Raises:
        DataError: a clip or transcript cannot be learned from, with file and line.
        TrainingError: the loss is no number.
        CheckpointError: there is nothing to go on from, or the disk is full.
    """
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    # Data: every clip and transcript is looked at before anything is learned.
    spec = SPECS[arguments.model]
    multilingual = arguments.model != "asr_en"
    texts = Texts(weights / "tokenizer.json", multilingual, spec.parameters.get("prompt_zh", ""))
    sides = (examples.train, examples.validation, examples.test)
    training, validation, test = (check(side, texts) for side in sides)
    for name, side in zip(("train", "validation"), (training, validation), strict=True):
        if not side:
            raise TrainingError(f"{examples.name}: the split {name} is empty: add clips to it")

    # The model: the matrices alone learn.
    lora = with_lora(load(weights).to(device), arguments)
    whisper = lora.get_base_model()
    learned = [parameter for parameter in lora.parameters() if parameter.requires_grad]

    # The optimizer: the rate rises, then falls by a cosine.
    batches = math.ceil(len(training) / arguments.batch)
    steps = arguments.epochs * batches
    optimizer = torch.optim.AdamW(learned, lr=arguments.learning_rate, weight_decay=arguments.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step / steps, arguments.warm_up)
    )

    # Where to begin: with the weights as they came, or where an earlier run stopped.
    checkpoint = folder / _CHECKPOINT
    fingerprint = _fingerprint(arguments, (training, validation, test))
    if resume or finish:
        state = checkpoints.load(checkpoint, fingerprint)
        set_peft_model_state_dict(lora, state["matrices"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history, best, best_matrices = state["history"], state["best"], state["best_matrices"]
    else:
        on_progress(0, steps, "judging the model as it came")
        history = [_entry(judge(whisper, validation, texts, spec), None)]
        best, best_matrices = 0, _matrices(lora)

    # The loop. Each epoch draws from its own seed, so that a resumed one is the same.
    for epoch in range(len(history), arguments.epochs + 1):
        if finish or epoch - best > arguments.patience:
            break
        torch.manual_seed(arguments.seed * 1_000_003 + epoch)
        clips = DisturbedClips(training, texts, whisper.config.num_mel_bins, arguments, epoch)
        lengths = [utterance.seconds for utterance in training]
        order = LikeLengths(lengths, arguments.batch, arguments.seed, epoch)
        loader = DataLoader(clips, batch_sampler=order, collate_fn=collate, num_workers=arguments.workers)
        losses = []
        lora.train()
        for number, batch in enumerate(loader, start=1):
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                told = whisper(input_features=batch.mels.to(device), decoder_input_ids=batch.given.to(device))
            loss = loss_of(told.logits, batch, arguments.label_smoothing)
            if not math.isfinite(loss.item()):
                raise TrainingError(
                    f"the loss is {loss.item()} in epoch {epoch}, at {', '.join(batch.sources)}: "
                    "lower the learning rate, or look at these clips"
                )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, arguments.most_gradient)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            on_progress((epoch - 1) * batches + number, steps, f"epoch {epoch}, loss {loss.item():.3f}")

        # Validation decides what is kept, and when it is enough.
        judged = judge(whisper, validation, texts, spec)
        history.append(_entry(judged, sum(losses) / len(losses)))
        if _key(history[-1]) < _key(history[best]):
            best, best_matrices = epoch, _matrices(lora)
        state = {
            "fingerprint": fingerprint,
            "matrices": _matrices(lora),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "history": history,
            "best": best,
            "best_matrices": best_matrices,
        }
        checkpoints.save(checkpoint, state)
        on_progress(epoch * batches, steps, f"epoch {epoch}: {_told(history[-1])}")

    # The best epoch's matrices become part of the weights.
    set_peft_model_state_dict(lora, best_matrices)
    named = {"train": training, "validation": validation, "test": test}
    report = {
        "arguments": dataclasses.asdict(arguments),
        "fingerprint": fingerprint,
        "clips": {name: len(side) for name, side in named.items()},
        "seconds": {name: round(sum(clip.seconds for clip in side), 1) for name, side in named.items()},
        "trained_parameters": sum(parameter.numel() for parameter in learned),
        "epochs": history,
        "best_epoch": best,
    }
    return Trained(lora.merge_and_unload().eval().cpu(), texts, tuple(test), report)


def _rate(share: float, warm_up: float) -> float:
    """Of the learning rate, after this share of the steps."""
    if share < warm_up:
        return share / warm_up + 1e-3
    return 0.5 * (1 + math.cos(math.pi * (share - warm_up) / (1 - warm_up))) + 1e-3


def _entry(judged: Judged, train_loss: float | None) -> dict[str, Any]:
    """What is remembered of an epoch; the first is the weights as they came, with no loss of training."""
    return {
        "train_loss": train_loss,
        "validation_loss": judged.loss,
        "wrong_words": judged.errors.wrong,
        "error_percent": judged.recorded.percent,
        "error_percent_8khz_mulaw": judged.telephone.percent,
    }


def _key(entry: dict[str, Any]) -> tuple[int, float]:
    """Smaller is better: fewer wrong words, or as many and surer of the transcripts."""
    return entry["wrong_words"], entry["validation_loss"]


def _told(entry: dict[str, Any]) -> str:
    return (
        f"validation {entry['error_percent']:.1f} % wrong, by telephone"
        f" {entry['error_percent_8khz_mulaw']:.1f} %, loss {entry['validation_loss']:.3f}"
    )


def _matrices(lora: PeftModel) -> dict[str, Tensor]:
    return {name: values.detach().cpu().clone() for name, values in get_peft_model_state_dict(lora).items()}


def _fingerprint(arguments: AsrArguments, sides: Sequence[Sequence[Utterance]]) -> str:
    """Of all that decides what is learned: the arguments, and each clip's bytes, transcript and side."""
    chosen = dataclasses.asdict(arguments)
    for name in ("threads", "workers"):
        del chosen[name]
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
    for side in sides:
        digest.update(b"\0side")
        for utterance in side:
            audio = utterance.example.audio
            digest.update(audio.read_bytes() if audio else b"")
            digest.update(f"\0{utterance.example.text}\0{utterance.example.language}".encode())
    return digest.hexdigest()
