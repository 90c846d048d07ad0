"""Adversarial training on word embeddings: the fast gradient method.

Miyato, Dai and Goodfellow, "Adversarial Training Methods for Semi-Supervised Text Classification"
(ICLR 2017), https://arxiv.org/abs/1605.07725, equations 5 and 6: a text's embeddings ``s`` are moved by
``epsilon * g / |g|`` with ``g`` the gradient of the loss in ``s``, and the loss there counts as well.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


class FastGradient:
    """Moves what an embedding gives by the gradient that it saw last.

    The weights of ``embedding`` are never touched: its output is, so that each text has a step of its
    own (the paper's norm is a text's), frozen embeddings work too, and after ``perturbed`` all is as it
    was, whatever happened inside. ::

        with adversary.watched():
            loss(batch).backward()
        with adversary.perturbed():
            loss(batch).backward()  # adds to the gradients of the first

    ``epsilon`` is the length of each text's step, over all its tokens together, in units of the
    embeddings. A gradient is scaled to that length, so that a loss may be scaled (mixed precision) or
    divided (gradient accumulation).
    """

    def __init__(self, embedding: nn.Module, epsilon: float) -> None:
        if epsilon <= 0:
            raise ValueError(f"epsilon is {epsilon}: it must be above 0")
        self._embedding = embedding
        self._epsilon = epsilon
        self._seen: Tensor | None = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Keep the embeddings of the pass inside, and their gradient. Passes without gradients leave none."""

        def keep(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            if not output.requires_grad:
                output = output.detach().requires_grad_()
            output.retain_grad()
            self._seen = output
            return output

        self._seen = None
        handle = self._embedding.register_forward_hook(keep)
        try:
            yield
        finally:
            handle.remove()

    @contextmanager
    def perturbed(self) -> Iterator[None]:
        """Move the embeddings of the same batch in the pass inside.

        Raises ``ValueError`` where ``watched`` saw no backward pass, or a batch of another shape.
        """
        if self._seen is None or self._seen.grad is None:
            raise ValueError("perturbed() needs a backward pass inside watched() first")
        gradient = self._seen.grad
        norms = gradient.flatten(1).norm(dim=1).clamp(min=1e-12)
        step = self._epsilon * gradient / norms.view(-1, *[1] * (gradient.dim() - 1))
        self._seen = None

        def move(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            if output.shape != step.shape:
                raise ValueError(
                    f"a batch of {tuple(output.shape)} cannot be moved by one of {tuple(step.shape)}"
                )
            return output + step

        handle = self._embedding.register_forward_hook(move)
        try:
            yield
        finally:
            handle.remove()
