"""Trains a domain's fusion model. Reads from top to bottom in ``train``."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from training.fusion import start
from training.fusion.arguments import FusionArguments
from training.fusion.examples import Batch, Examples
from training.fusion.losses import any_of, info_nce, labels, reconstruction, spread
from training.fusion.model import Fused, FusionModel, LabelCounts
from training.fusion.sources import Sources
from training.vision.heads import PictureHeads

Progress = Callable[[int, Mapping[str, float]], None]
"""Told after each step: how many are done, and the parts of the loss."""


def train(
    sources: Sources, heads: PictureHeads | None, arguments: FusionArguments, progress: Progress
) -> FusionModel:
    """Train on what a domain gives; where it has pictures, ``heads`` of them are what it begins with.

    The same sources and seed give the same model on the same machine.
    """
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    domain = sources.domain
    examples = Examples(sources, arguments)

    # Begin with what words alone and pictures alone say.
    model = FusionModel(
        LabelCounts(
            len(domain.labels),
            len(domain.product_labels),
            len(domain.kind_labels),
            len(domain.picture_labels),
        ),
        arguments,
    )
    _measure(model, sources)
    model.start_from(start.begin(sources, heads))
    model.train()

    # Every step sees utterances, turns with pictures, pictures alone and sound, against all passages.
    optimizer = AdamW(_groups(model, arguments), lr=arguments.learning_rate)
    schedule = OneCycleLR(
        optimizer,
        [group["lr"] for group in optimizer.param_groups],
        total_steps=arguments.steps,
        pct_start=0.1,
    )
    passage_inputs = _tensors(examples.passages)
    for step in range(1, arguments.steps + 1):
        passages = model(passage_inputs).joint
        parts = _of_utterances(model, examples.utterances(), passages)
        if examples.shows:
            parts |= _of_showings(model, examples.showings(), passages)
            parts |= _of_pictures(model, examples.pictures(), passages)
        if examples.sounds:
            parts |= _of_sound(model, *examples.heard())
        loss = (
            arguments.text_weight * _sum(parts, "text")
            + arguments.audio_weight * _sum(parts, "audio")
            + arguments.image_weight * _sum(parts, "image")
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress(step, {name: float(part.detach()) for name, part in parts.items()})
    model.eval()
    return model


def _of_utterances(model: FusionModel, batch: Batch, passages: Tensor) -> dict[str, Tensor]:
    fused = model(_tensors(batch.inputs))
    return {
        "text_intent": any_of(fused.intents, torch.from_numpy(batch.intents)),
        "text_answer": _answers(model, fused, batch, passages),
    }


def _of_showings(model: FusionModel, batch: Batch, passages: Tensor) -> dict[str, Tensor]:
    fused = model(_tensors(batch.inputs))
    return {
        "text_intent_shown": any_of(fused.intents, torch.from_numpy(batch.intents)),
        "text_answer_shown": _answers(model, fused, batch, passages),
        "text_open": _spread(model, fused, batch, passages),
        "image_shown": _seen(fused, batch),
    }


def _of_pictures(model: FusionModel, batch: Batch, passages: Tensor) -> dict[str, Tensor]:
    """A picture finds what it may be answered by; a passage finds its picture among those shown."""
    fused = model(_tensors(batch.inputs))
    similarities = model.scale * fused.joint @ passages.T
    return {
        "image_alone": _seen(fused, batch),
        "image_to_passage": _spread(model, fused, batch, passages),
        "image_of_passage": info_nce(similarities.T, torch.from_numpy(batch.passages).T),
    }


def _of_sound(model: FusionModel, batch: Batch, hidden: NDArray[np.bool_]) -> dict[str, Tensor]:
    inputs = _tensors(batch.inputs)
    marked = torch.from_numpy(hidden)
    fused = model(inputs, marked)
    return {"audio_frames": reconstruction(fused.frames, model.of_frame(inputs["frames"]), marked)}


def _answers(model: FusionModel, fused: Fused, batch: Batch, passages: Tensor) -> Tensor:
    similarities = model.scale * fused.joint @ passages.T
    return info_nce(similarities, torch.from_numpy(batch.passages), torch.from_numpy(batch.allowed))


def _spread(model: FusionModel, fused: Fused, batch: Batch, passages: Tensor) -> Tensor:
    similarities = model.scale * fused.joint @ passages.T
    return spread(similarities, torch.from_numpy(batch.spread), torch.from_numpy(batch.allowed))


def _seen(fused: Fused, batch: Batch) -> Tensor:
    return (
        labels(fused.products, torch.from_numpy(batch.products))
        + labels(fused.kinds, torch.from_numpy(batch.kinds))
        + labels(fused.pictures, torch.from_numpy(batch.pictures))
    )


def _measure(model: FusionModel, sources: Sources) -> None:
    sentences = np.stack([utterance.text.sentence for utterance in sources.utterances])
    model.of_text.measure(torch.from_numpy(sentences))
    if sources.training.pictures:
        model.of_picture.measure(torch.from_numpy(start.pooled_vectors(sources)))
    if sources.sounds:
        frames = np.vstack([sound.frames for sound in sources.sounds])
        model.of_frame.measure(torch.from_numpy(frames))


def _groups(model: FusionModel, arguments: FusionArguments) -> list[dict[str, object]]:
    """Only weights decay; those that begin with what a modality says alone learn slower, and do not."""
    every = (model.intents, model.products, model.kinds, model.pictures, model.joint)
    heads = {id(head.own.weight) for head in every}
    groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
    for parameter in model.parameters():
        key = (id(parameter) in heads, parameter.ndim >= 2)
        groups.setdefault(key, []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": arguments.learning_rate * (arguments.own_rate if is_head else 1.0),
            "weight_decay": arguments.weight_decay if decays and not is_head else 0.0,
        }
        for (is_head, decays), parameters in groups.items()
    ]


def _sum(parts: Mapping[str, Tensor], modality: str) -> Tensor:
    chosen = [part for name, part in parts.items() if name.startswith(modality)]
    return torch.stack(chosen).sum() if chosen else torch.zeros(())


def _tensors(inputs: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """As tensors; what no turn of the batch has is left out, and costs nothing."""
    tensors = {name: torch.from_numpy(array) for name, array in inputs.items()}
    for rows, mask in (("regions", "region_mask"), ("frames", "frame_mask")):
        if not tensors[mask].any():
            tensors |= {rows: tensors[rows][:, :0], mask: tensors[mask][:, :0]}
    return tensors
