"""What a service asks of Triton: the port that services depend on, and the client and the fakes implement.

Pure: no Triton, no wire types.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray

from services.inference.spec import ModelSpec

Tensors: TypeAlias = Mapping[str, NDArray[Any]]
"""Tensors by name. BYTES tensors are object arrays of ``bytes``. Batched
models' tensors (``max_batch_size`` above 0) begin with the batch dimension."""


class InferenceClient(Protocol):
    """Runs models.

    All methods raise ``Unavailable`` when Triton or the model does not answer,
    ``DeadlineExceeded`` when ``timeout_seconds`` run out, and ``InvalidArgument``
    with reason ``MODEL_INPUT_REFUSED`` when the model refuses what it is given.
    Cancelling the awaiting task cancels the inference.
    """

    async def infer(
        self,
        spec: ModelSpec,
        inputs: Tensors,
        *,
        outputs: Sequence[str] | None = None,
        timeout_seconds: float,
    ) -> Tensors:
        """Run ``spec`` once; ``outputs`` names the wanted tensors, None means all."""
        ...

    def stream(
        self, spec: ModelSpec, inputs: Tensors, *, timeout_seconds: float
    ) -> AsyncGenerator[Tensors, None]:
        """Yield each response of a decoupled model as it comes.

        ``aclose()`` stops the model's work. Use ``contextlib.aclosing`` where
        the loop may be left early.
        """
        ...

    async def ready(self, spec: ModelSpec) -> bool:
        """Whether the model answers now; False, never an error, when Triton is away."""
        ...

    async def parameters(self, spec: ModelSpec) -> Mapping[str, str]:
        """Parameters of the loaded model's configuration; ``manifest`` is JSON."""
        ...
