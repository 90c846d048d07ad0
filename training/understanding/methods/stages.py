"""What is learned before the loop of fine-tuning, and the network that the arguments ask for."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from training.understanding.arguments import UnderstandingArguments
from training.understanding.batches import Labels, TextBatches, order
from training.understanding.encoders import Encoder
from training.understanding.methods import masked_language, parameter_efficient, prompt
from training.understanding.methods.contrastive import balanced, supervised_contrastive
from training.understanding.model import UnderstandingModel

_TOGETHER: Final = 16

Told = Callable[[int, float], None]


def adapt(
    encoder: Encoder,
    batches: TextBatches,
    texts: Sequence[str],
    arguments: UnderstandingArguments,
    told: Told,
) -> masked_language.MaskedLanguageHead:
    """Adapt an encoder in place to ``texts``, for ``masked_language_steps``; give the head."""
    ids, _ = batches.encode(texts)
    lengths = [len(row) for row in ids]

    def epoch(rng: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
        return [
            batches.pad([ids[position] for position in chosen])
            for chosen in order(lengths, arguments.batch_size, rng)
        ]

    return masked_language.adapt(
        encoder.model,
        encoder.tokenizer,
        epoch,
        steps=arguments.masked_language_steps,
        rate=arguments.masked_language_rate,
        seed=arguments.seed,
        told=told,
    ).head


def network(
    encoder: Any,
    tokenizer: Any,
    labels: Labels,
    arguments: UnderstandingArguments,
    head: masked_language.MaskedLanguageHead | None = None,
    merged: bool = False,
) -> UnderstandingModel:
    """Build the network around a Hugging Face encoder; with a prompt, ``tokenizer`` puts it around texts.

    ``head`` is that of masked language modelling, where there was any. ``merged``: the encoder already
    holds what a method learned that can be merged.
    """
    if not (merged and arguments.peft in parameter_efficient.MERGED):
        encoder = parameter_efficient.attach(
            encoder, arguments.peft, arguments.peft_rank, arguments.peft_alpha, arguments.dropout
        )
    shape = (encoder, len(labels.intents), len(labels.tags), arguments.dropout)
    if not arguments.prompt:
        return UnderstandingModel(*shape)
    vocabulary = encoder.get_input_embeddings().num_embeddings
    mask_id = prompt.put_into(tokenizer, arguments.prompt, vocabulary)
    model = prompt.PromptedModel(*shape, mask_id=mask_id)
    prompt.verbalise(model, tokenizer, labels.intents, head)
    return model


def learn_sentences(
    model: UnderstandingModel,
    batches: TextBatches,
    texts: Sequence[str],
    targets: NDArray[Any],
    groups: Sequence[dict[str, Any]],
    arguments: UnderstandingArguments,
    told: Told,
) -> None:
    """Train sentence vectors alone, for ``contrastive_steps`` batches of so many texts of so many intents.

    ``targets`` are int64[n], or float32[n, I] of which a text's most probable label, or its set of
    labels, counts; ``groups`` are the optimizer's. Raises ``FloatingPointError`` where the loss is no
    number any more.
    """
    device = next(model.parameters()).device
    # A set of labels is what two texts must share: of a distribution, its most probable one.
    single = (
        targets
        if targets.ndim == 1
        else np.unique(_sets(targets), axis=0, return_inverse=True)[1].reshape(-1)
    )
    ids, _ = batches.encode(texts)
    steps = arguments.contrastive_steps
    optimizer = AdamW([dict(group) for group in groups], weight_decay=arguments.weight_decay)
    rising = max(1, round(steps * arguments.warmup))
    schedule = LambdaLR(
        optimizer, lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising)))
    )
    rng = np.random.default_rng(arguments.seed)
    places = balanced(single, arguments.contrastive_classes, arguments.contrastive_per_class, steps, rng)
    model.train()
    for step, chosen in enumerate(places):
        # Texts of an intent differ in length: a few of similar length at a time are padded less.
        chosen = sorted(chosen, key=lambda position: len(ids[position]))
        parts = []
        for begin in range(0, len(chosen), _TOGETHER):
            few = batches.pad([ids[position] for position in chosen[begin : begin + _TOGETHER]])
            parts.append(model(*(part.to(device) for part in few)).sentence)
        sentence = torch.cat(parts)
        labels = torch.from_numpy(single[chosen]).to(device)
        loss = supervised_contrastive(sentence, labels, arguments.contrastive_temperature)
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the contrastive loss is {float(loss.detach())} at step {step + 1}: lower learning_rate"
            )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in groups for p in group["params"]], arguments.clip_norm or 1.0)
        optimizer.step()
        schedule.step()
        told(step + 1, float(loss.detach()))


def _sets(targets: NDArray[Any]) -> NDArray[np.bool_]:
    likeliest = (targets == targets.max(axis=1, keepdims=True)) & (targets > 0)
    return np.asarray((targets > 0.5) | likeliest, np.bool_)
