"""Reads EfficientNet-Lite0's weights from the checkpoint, without torch.

The checkpoint is of the format that torch wrote before its version 1.6: pickles one after the other (a magic
number, the format's version, facts of the machine, the tensors, the names of their storages), then the
storages' bytes, each behind its length. Its layers are named as in lukemelas/EfficientNet-PyTorch.
"""

import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

_MAGIC: Final = 0x1950A86A20F9469CFC6C
_EPSILON: Final = 1e-3
"""Of the batch normalizations, as the network was trained with it."""
_TYPES: Final = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}

BLOCKS: Final = 16


@dataclass(frozen=True, slots=True)
class Convolution:
    """A convolution with its batch normalization folded in.

    ``kernel`` float32[out, in / groups, height, width], ``bias`` float32[out].
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Block:
    """An inverted residual: ``expand`` (absent in the first block), ``depthwise``, ``project``."""

    expand: Convolution | None
    depthwise: Convolution
    project: Convolution


@dataclass(frozen=True, slots=True)
class EfficientNetWeights:
    """The network's layers in their order; ``classifier`` is float32[1000, 1280] with its ``bias``."""

    stem: Convolution
    blocks: tuple[Block, ...]
    head: Convolution
    classifier: NDArray[np.float32]
    classifier_bias: NDArray[np.float32]


def read_efficientnet(path: Path) -> EfficientNetWeights:
    """Read the checkpoint.

    Raises:
        ValueError: it is not such a checkpoint.
    """
    try:
        with path.open("rb") as file:
            tensors = _read_tensors(file)
        return _network(tensors)
    except (pickle.UnpicklingError, LookupError, EOFError, TypeError) as error:
        raise ValueError(f"{path}: not EfficientNet-Lite0's checkpoint ({error}): fetch it again") from error


def _network(tensors: dict[str, NDArray[Any]]) -> EfficientNetWeights:
    def folded(convolution: str, normalization: str) -> Convolution:
        scale = tensors[f"{normalization}.weight"] / np.sqrt(
            tensors[f"{normalization}.running_var"] + np.float32(_EPSILON)
        )
        kernel = tensors[f"{convolution}.weight"] * scale[:, None, None, None]
        return Convolution(
            kernel, tensors[f"{normalization}.bias"] - tensors[f"{normalization}.running_mean"] * scale
        )

    def block(index: int) -> Block:
        name = f"_blocks.{index}"
        expand = folded(f"{name}._expand_conv", f"{name}._bn0") if index else None
        depthwise = folded(f"{name}._depthwise_conv", f"{name}._bn1")
        return Block(expand, depthwise, folded(f"{name}._project_conv", f"{name}._bn2"))

    return EfficientNetWeights(
        stem=folded("_conv_stem", "_bn0"),
        blocks=tuple(block(index) for index in range(BLOCKS)),
        head=folded("_conv_head", "_bn1"),
        classifier=tensors["_fc.weight"],
        classifier_bias=tensors["_fc.bias"],
    )


def _read_tensors(file: IO[bytes]) -> dict[str, NDArray[Any]]:
    if _Unpickler(file).load() != _MAGIC:
        raise pickle.UnpicklingError("another magic number")
    for _ in ("version", "facts of the machine"):
        _Unpickler(file).load()
    unpickler = _Unpickler(file)
    tensors = unpickler.load()
    for key in _Unpickler(file).load():
        storage = unpickler.storages[key]
        (count,) = np.frombuffer(file.read(8), "<i8")
        if count != len(storage):
            raise pickle.UnpicklingError(f"storage {key} has {count} numbers, not {len(storage)}")
        # The tensors are views of the storages, which get their numbers only now.
        content = file.read(storage.nbytes)
        if len(content) != storage.nbytes:
            raise EOFError("it is cut")
        storage[:] = np.frombuffer(content, storage.dtype)
    return dict(tensors)


class _Unpickler(pickle.Unpickler):
    """Makes arrays of tensors, and nothing else than what a table of tensors needs."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, NDArray[Any]] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Name the few things that the checkpoint may hold."""
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return _TYPES[name]
        raise pickle.UnpicklingError(f"it holds {module}.{name}")

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        """Make the storage that a tensor views: ("storage", type, key, device, length, None)."""
        _, dtype, key, _, count, _ = pid
        return self.storages.setdefault(key, np.zeros(count, dtype))


def _tensor(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> NDArray[Any]:
    if offset < 0 or offset + sum((s - 1) * t for s, t in zip(shape, stride, strict=True)) >= len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    return np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [step * storage.itemsize for step in stride]
    )
