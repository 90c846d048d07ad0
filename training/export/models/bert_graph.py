"""Builds the encoder as an ONNX graph from its weights, without torch.

The weights stay in the 4-bit blocks in which they come (``MatMulNBits`` and
``GatherBlockQuantized`` of ONNX Runtime read the same layout), and activations
are quantized to 8 bits block by block. Quantizing a second time, to ONNX's
dynamic int8, costs more: there one scale spans a whole batch, so that a text's
vector depends on the texts beside it (measured: cosine 0.992 to the source,
against 0.9999 here).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from training.export.models.e5_weights import BLOCK, BlockQuantized, E5Weights

_OPSET: Final = 20  # the first with Gelu
_IR_VERSION: Final = 10
_MICROSOFT: Final = "com.microsoft"
_INT8_ACTIVATIONS: Final = 4  # MatMulNBits' accuracy_level
_MASKED: Final = -10_000  # added to the scores of padding; e^-10000 is 0


def build_encoder(weights: E5Weights) -> onnx.ModelProto:
    """Return the encoder.

    Inputs: ``input_ids`` and ``attention_mask`` int64[batch, length]. Outputs:
    ``tokens`` float32[batch, length, width], the last hidden states, and
    ``sentence`` float32[batch, width], their mean under the mask, of length 1.
    """
    graph = _Graph()
    hidden = _embeddings(graph, weights)
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)
    bias = _attention_bias(graph, mask)
    for layer in range(weights.layers):
        hidden = _layer(graph, weights, f"l{layer}.", hidden, bias)
    graph.add("Identity", hidden, output="tokens")
    _pool(graph, hidden, mask)

    ids = ["batch", "length"]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "multilingual-e5-small",
            inputs=[
                helper.make_tensor_value_info("input_ids", TensorProto.INT64, ids),
                helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ids),
            ],
            outputs=[
                helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["batch", weights.width]),
                helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [*ids, weights.width]),
            ],
            initializer=graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)],
    )
    model.ir_version = _IR_VERSION
    return model


class _Graph:
    """Collects nodes and constants; values are known by their names."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def split(self, value: str, parts: int) -> Sequence[str]:
        names = [f"Split_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], names, axis=-1, num_outputs=parts))
        return names


def _embeddings(graph: _Graph, weights: E5Weights) -> str:
    words = weights.matrices["emb.word"]
    word = graph.add(
        "GatherBlockQuantized",
        graph.constant("emb.word", _packed(words)),
        "input_ids",
        graph.constant("emb.word.scales", words.scales),
        domain=_MICROSOFT,
        bits=4,
        block_size=BLOCK,
        gather_axis=0,
        quantize_axis=1,
    )
    # All tokens are of type 0, so that its vector belongs to every position.
    positions = graph.constant("emb.pos", weights.vectors["emb.pos"] + weights.vectors["emb.type"][0])
    length = graph.add("Shape", "input_ids", start=1, end=2)
    position = graph.add("Slice", positions, graph.constant("first", np.array([0])), length)
    return _layer_norm(graph, weights, graph.add("Add", word, position), "emb.ln")


def _attention_bias(graph: _Graph, mask: str) -> str:
    """0 where a token is, very negative where padding is: float32[batch, 1, 1, length]."""
    heads_and_queries = graph.constant("heads_and_queries", np.array([1, 2]))
    absent = graph.add("Sub", graph.constant("one", np.array(1, np.float32)), mask)
    bias = graph.add("Mul", absent, graph.constant("masked", np.array(_MASKED, np.float32)))
    return graph.add("Unsqueeze", bias, heads_and_queries)


def _layer(graph: _Graph, weights: E5Weights, layer: str, hidden: str, bias: str) -> str:
    attended = _linear(graph, weights, _attention(graph, weights, layer, hidden, bias), [f"{layer}ao"])
    hidden = _layer_norm(graph, weights, graph.add("Add", hidden, attended), f"{layer}aln")
    inner = graph.add("Gelu", _linear(graph, weights, hidden, [f"{layer}fi"]))
    outer = _linear(graph, weights, inner, [f"{layer}fo"])
    return _layer_norm(graph, weights, graph.add("Add", hidden, outer), f"{layer}oln")


def _attention(graph: _Graph, weights: E5Weights, layer: str, hidden: str, bias: str) -> str:
    head_width = weights.width // weights.heads
    split = graph.constant(f"{layer}split", np.array([0, 0, weights.heads, head_width]))
    joined = graph.constant(f"{layer}join", np.array([0, 0, weights.width]))
    scale = graph.constant(f"{layer}scale", np.array(head_width**-0.5, np.float32))

    projected = _linear(graph, weights, hidden, [f"{layer}q", f"{layer}k", f"{layer}v"])
    query, key, value = (graph.add("Reshape", part, split) for part in graph.split(projected, 3))
    query = graph.add("Transpose", query, perm=[0, 2, 1, 3])
    key = graph.add("Transpose", key, perm=[0, 2, 3, 1])
    value = graph.add("Transpose", value, perm=[0, 2, 1, 3])
    scores = graph.add("Add", graph.add("Mul", graph.add("MatMul", query, key), scale), bias)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), value)
    return graph.add("Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), joined)


def _linear(graph: _Graph, weights: E5Weights, value: str, names: Sequence[str]) -> str:
    """The linear layers ``names`` of one input, as one matrix product, side by side."""
    matrices = [weights.matrices[f"{name}.w"] for name in names]
    packed = np.concatenate([_packed(matrix) for matrix in matrices])
    scales = np.concatenate([matrix.scales for matrix in matrices])
    biases = np.concatenate([weights.vectors[f"{name}.b"] for name in names])
    rows, blocks = scales.shape
    return graph.add(
        "MatMulNBits",
        value,
        graph.constant(f"{names[0]}.w", packed.reshape(rows, blocks, BLOCK // 2)),
        graph.constant(f"{names[0]}.scales", scales),
        "",  # no zero points: 8 stands for 0
        "",  # no reordering
        graph.constant(f"{names[0]}.b", biases),
        domain=_MICROSOFT,
        K=blocks * BLOCK,
        N=rows,
        bits=4,
        block_size=BLOCK,
        accuracy_level=_INT8_ACTIVATIONS,
    )


def _layer_norm(graph: _Graph, weights: E5Weights, value: str, name: str) -> str:
    return graph.add(
        "LayerNormalization",
        value,
        graph.constant(f"{name}.w", weights.vectors[f"{name}.w"]),
        graph.constant(f"{name}.b", weights.vectors[f"{name}.b"]),
        axis=-1,
        epsilon=weights.epsilon,
    )


def _pool(graph: _Graph, hidden: str, mask: str) -> None:
    """The sentence vector. The sum stands for the mean: only its direction is kept."""
    features = graph.add("Unsqueeze", mask, graph.constant("width_axis", np.array([2])))
    kept = graph.add("Mul", hidden, features)
    total = graph.add("ReduceSum", kept, graph.constant("length_axis", np.array([1])), keepdims=0)
    graph.add("LpNormalization", total, output="sentence", axis=-1, p=2)


def _packed(matrix: BlockQuantized) -> NDArray[np.uint8]:
    """Neighbours share a byte, the first in its low half: uint8[out, in / 2]."""
    return np.bitwise_or(matrix.values[:, 0::2], np.left_shift(matrix.values[:, 1::2], 4), dtype=np.uint8)
