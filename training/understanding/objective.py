"""What a step of training makes smaller."""

from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from training.understanding.arguments import UnderstandingArguments
from training.understanding.batches import Batch, Labels
from training.understanding.losses import losses, mixed_out_of_scope, weights
from training.understanding.methods.adversarial import FastGradient
from training.understanding.methods.masked_language import MaskedLanguageHead, Masking, masked_loss
from training.understanding.methods.multi_task import TaskWeights
from training.understanding.model import UnderstandingModel


class Objective(nn.Module):
    """The losses of all tasks as one, and their gradients.

    Its own parameters, of task weights and of the masked-language head, learn beside the network's and
    are not kept with it. ``language`` is the head that masked language modelling began with, or None.
    """

    def __init__(
        self,
        model: UnderstandingModel,
        labels: Labels,
        arguments: UnderstandingArguments,
        tokenizer: Any,
        language: MaskedLanguageHead | None,
    ) -> None:
        super().__init__()
        self._labels = labels
        self._arguments = arguments
        words = model.encoder.get_input_embeddings()
        self.tasks = TaskWeights(weights(labels, arguments), arguments.learn_task_weights)
        self.language: MaskedLanguageHead | None = None
        self._masking: Masking | None = None
        if arguments.language_weight:
            self.language = language or MaskedLanguageHead(words)
            self._masking = Masking(tokenizer, words.num_embeddings)
        self._adversary = FastGradient(words, arguments.fgm_epsilon) if arguments.fgm_epsilon else None

    def groups(self, rate: float) -> list[dict[str, Any]]:
        """Give its own parameters as an optimizer's groups."""
        own = list(self.parameters())
        return [{"params": own, "lr": rate, "weight_decay": 0.0}] if own else []

    def backward(self, model: Any, batch: Batch, accelerator: Accelerator) -> dict[str, float]:
        """Add the gradients of a batch; give the loss as ``loss`` and that of each task, not weighted."""
        if self._adversary is None:
            figures = self._add(model, batch, accelerator)
        else:
            with self._adversary.watched():
                figures = self._add(model, batch, accelerator)
            with self._adversary.perturbed():
                figures["adversarial"] = self._add(model, batch, accelerator, plain=False)["loss"]
        return figures

    def _add(
        self, model: Any, batch: Batch, accelerator: Accelerator, plain: bool = True
    ) -> dict[str, float]:
        parts = self._parts(model, batch, accelerator.device, plain)
        loss = self.tasks(parts)
        accelerator.backward(loss)
        return {"loss": float(loss.detach())} | {name: float(part.detach()) for name, part in parts.items()}

    def _parts(self, model: Any, batch: Batch, device: torch.device, plain: bool) -> dict[str, Tensor]:
        ids, attention = batch.input_ids.to(device), batch.attention_mask.to(device)
        parts = {}
        if plain and self.language is not None and self._masking is not None:
            masked, asked = self._masking(ids)
            parts["language"] = masked_loss(model(masked, attention).tokens, self.language, asked)
        output = model(ids, attention)
        targets = batch.targets.to(device)
        tags = None if batch.tags is None else batch.tags.to(device)
        parts |= losses(output, targets, tags, self._labels, self._arguments)
        if self._arguments.synthetic_out_of_scope and self._labels.out_of_scope:
            parts["out_of_scope"] = mixed_out_of_scope(model, output.sentence, targets, self._labels)
        return parts
