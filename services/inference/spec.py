"""What a model on Triton takes and gives, declared once and used by both the service and the exporter.

Pure: no Triton, no wire types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DataType(StrEnum):
    """Element types, by Triton's names."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    BYTES = "BYTES"


VARIABLE = -1
"""A dimension whose length differs between requests."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output.

    ``shape`` leaves out the batch dimension where the model has one
    (``ModelSpec.max_batch_size`` above 0), as Triton's configuration does.
    """

    name: str
    dtype: DataType
    shape: tuple[int, ...]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class DynamicBatching:
    """Joins requests that wait at the same time (Triton's dynamic batcher)."""

    preferred_batch_sizes: tuple[int, ...] = ()
    max_queue_delay_microseconds: int = 0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: its tensors, how it batches, and the threads it may use on a CPU.

    ``max_batch_size`` 0 means that tensors have no batch dimension.
    ``decoupled`` models answer one request with a stream of responses.
    ``parameters`` reach the backend as strings (Triton's ``parameters``).
    """

    name: str
    backend: str
    """Folder of ``training/export/backends`` that runs it."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int = 0
    dynamic_batching: DynamicBatching | None = None
    decoupled: bool = False
    instances: int = 1
    cpu_threads: int = 1
    """Threads of one instance, chosen by benchmark."""
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what Triton would refuse later, with a less clear message."""
        names = [tensor.name for tensor in (*self.inputs, *self.outputs)]
        if len(set(names)) != len(names):
            raise ValueError(f"model {self.name}: a tensor name stands twice in {names}")
        if self.dynamic_batching and not self.max_batch_size:
            raise ValueError(f"model {self.name}: dynamic batching needs max_batch_size above 0")
