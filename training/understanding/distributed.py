"""The processes that train together: one, or several on this or other machines (Hugging Face Accelerate).

Each computes its own batches; their gradients are averaged, so that all have the same weights. What is
decided on figures is decided on the same figures everywhere, and only the main process writes.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import broadcast, gather_object, set_seed
from numpy.typing import NDArray
from torch import nn

from training.understanding.arguments import UnderstandingArguments
from training.understanding.checkpoints import Checkpoint, random_state


def begin(arguments: UnderstandingArguments) -> Accelerator:
    """Join the processes that ``torchrun`` or ``accelerate launch`` started, or be alone; seed all alike.

    Raises ``ValueError`` for a precision that this machine has not.
    """
    # Accelerate would choose, and warn that it does.
    os.environ.setdefault("OMP_NUM_THREADS", str(arguments.threads))
    device = PartialState(cpu=not torch.cuda.is_available()).device
    # A process may train several times, each with its own precision.
    AcceleratorState._reset_state()
    accelerator = Accelerator(mixed_precision=precision(arguments, device), cpu=device.type == "cpu")
    if device.type == "cpu":
        torch.set_num_threads(max(1, arguments.threads // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))
    set_seed(arguments.seed)
    return accelerator


def precision(arguments: UnderstandingArguments, device: torch.device) -> str:
    """The precision that ``arguments`` mean on a device: ``no``, ``bf16`` or ``fp16``."""
    if arguments.precision == "fp16" and device.type == "cpu":
        raise ValueError("precision is fp16, which needs a GPU: set precision to bf16 or no on a processor")
    if arguments.precision != "auto":
        return arguments.precision
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "no"


def begin_alike(accelerator: Accelerator, modules: Iterable[nn.Module]) -> None:
    """Give every process the first one's weights."""
    if accelerator.num_processes > 1:
        for module in modules:
            for value in module.state_dict().values():
                broadcast(value)


def average_gradients(accelerator: Accelerator, groups: Iterable[Mapping[str, Any]]) -> None:
    """Average the gradients of an optimizer's groups over the processes.

    A parameter that a process has no gradient for counts there as 0: batches differ in the tasks that
    they have, and no process may wait for another's.
    """
    if accelerator.num_processes == 1:
        return
    parameters = [parameter for group in groups for parameter in group["params"]]
    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    together = torch.cat([parameter.grad.flatten() for parameter in parameters])
    parts = accelerator.reduce(together, "mean").split([parameter.numel() for parameter in parameters])
    for parameter, part in zip(parameters, parts, strict=True):
        parameter.grad = part.view_as(parameter)


def own_random_numbers(accelerator: Accelerator, seed: int) -> None:
    """Let each process but the first draw its own dropout from here on."""
    if accelerator.process_index:
        set_seed(seed + accelerator.process_index)


def random_states() -> list[dict[str, Any]]:
    """The random numbers of every process, in their order, in each of them."""
    return list(gather_object([random_state()]))


def agree_on(checkpoint: Checkpoint | None) -> None:
    """Raise ``OSError`` where processes found different checkpoints."""
    found = gather_object([None if checkpoint is None else checkpoint.place])
    if any(place != found[0] for place in found):
        raise OSError(
            f"the processes found different checkpoints ({', '.join(map(str, found))}): the folder must"
            " lie on a disk that all machines share"
        )


def shared_logits(
    accelerator: Accelerator, texts: Sequence[str], ask: Callable[[Sequence[str]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Ask about texts, each process about its share; float32[N, I] in each of them."""
    share, own = accelerator.num_processes, accelerator.process_index
    parts = gather_object([ask(texts[own::share])])
    logits = np.empty((len(texts), parts[0].shape[1]), np.float32)
    for process, part in enumerate(parts):
        logits[process::share] = part
    return logits
