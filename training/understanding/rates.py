"""What of a network learns, and how fast."""

from collections.abc import Iterable
from typing import Any

from torch import nn

from training.understanding.arguments import UnderstandingArguments
from training.understanding.model import UnderstandingModel


def freeze(encoder: Any, arguments: UnderstandingArguments) -> None:
    """Let a BERT-like encoder's embeddings and lowest layers stay as they are, as far as asked."""
    if arguments.freeze_embeddings or arguments.freeze_layers:
        encoder.embeddings.requires_grad_(False)
    for layer in encoder.encoder.layer[: arguments.freeze_layers]:
        layer.requires_grad_(False)


def groups_of(model: UnderstandingModel, arguments: UnderstandingArguments) -> list[dict[str, Any]]:
    """Give what learns as an optimizer's groups: by layer, each with its rate, and the heads."""
    layers = model.encoder.encoder.layer
    rates = [arguments.learning_rate * arguments.layer_decay**depth for depth in range(len(layers) + 1)]
    groups = [
        _group(layer.parameters(), rate) for layer, rate in zip(reversed(layers), rates[:-1], strict=True)
    ]
    groups.append(_group(model.encoder.embeddings.parameters(), rates[-1]))
    if arguments.peft == "prefix":  # it belongs to no layer
        own = {id(parameter) for group in groups for parameter in group["params"]}
        prefix = [parameter for parameter in model.encoder.parameters() if id(parameter) not in own]
        groups.append(_group(prefix, arguments.learning_rate))
    heads = [child for name, child in model.named_children() if name != "encoder"]
    groups.append(_group(nn.ModuleList(heads).parameters(), arguments.head_rate))
    return [group for group in groups if group["params"]]


def _group(parameters: Iterable[nn.Parameter], rate: float) -> dict[str, Any]:
    return {"params": [parameter for parameter in parameters if parameter.requires_grad], "lr": rate}
