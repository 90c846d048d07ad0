"""Cuts Kokoro-82M in two, so that its second half, which takes nearly all the time, can run in windows.

The published int8 graph computes a whole text at once. Here it becomes a *front* (phonemes → durations,
pitch, energy, decoder), as it is, and a *generator* (→ samples) with two changes:

- Its normalisations take their mean and variance from an input instead of from the whole text. They
  hardly depend on what is said (0.5 % between sentences), only on the voice, so they are measured once.
- Its convolutions are computed in float: integer ones are quantised by the largest value of what is
  computed together, which makes a sample depend on its window. ONNX Runtime is as fast at it.

With that a window of frames, with four frames at either side, gives the samples of the whole.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.utils import Extractor

from training.export.backends.speech import kokoro_engine

_STEPS = "/decoder/decoder/decode.3/Div_4_output_0"
_HARMONICS = "/decoder/decoder/generator/Concat_3_output_0"
_ENERGY = "/encoder/Reshape_1_output_0"
_NAMES = {_STEPS: "steps", _HARMONICS: "harmonics", _ENERGY: "energy"}
_CALIBRATION_SPEED = 1.5

Floats = NDArray[np.float32]


def cut(kokoro: onnx.ModelProto) -> tuple[onnx.ModelProto, onnx.ModelProto]:
    """The front and the generator of the published graph, the latter in float."""
    graph = kokoro.graph
    del graph.value_info[:]
    shapes: dict[str, list[int | str]] = {
        _STEPS: [1, 512, "steps"],
        _HARMONICS: [1, 22, "harmonic_steps"],
        _ENERGY: [1, "steps"],
    }
    graph.value_info.extend(_tensor(name, shape) for name, shape in shapes.items())
    extractor = Extractor(kokoro)
    front = extractor.extract_model(["tokens", "style", "speed"], [_STEPS, _HARMONICS, _ENERGY])
    generator = extractor.extract_model([_STEPS, _HARMONICS, "style"], ["audio"])
    for model in (front, generator):
        _rename(model.graph)
    _convolve_in_float(generator.graph)
    return front, generator


def measured(generator: onnx.ModelProto) -> onnx.ModelProto:
    """The generator with the means of its normalisations as further outputs."""
    copy = onnx.ModelProto.FromString(generator.SerializeToString())
    for node in _means(copy.graph):
        copy.graph.output.append(_tensor(node.output[0], None))
    return copy


def localised(generator: onnx.ModelProto, sizes: Sequence[int]) -> onnx.ModelProto:
    """The generator with those means as one more input, ``statistics`` [1, sum of sizes, 1]."""
    copy = onnx.ModelProto.FromString(generator.SerializeToString())
    graph = copy.graph
    means = _means(graph)
    graph.input.append(_tensor("statistics", [1, sum(sizes), 1]))
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), "statistics_sizes"))
    outputs = [node.output[0] for node in means]
    split = helper.make_node("Split", ["statistics", "statistics_sizes"], outputs, axis=1, name="statistics")
    others = [node for node in graph.node if node.op_type != "ReduceMean"]
    del graph.node[:]
    graph.node.extend([split, *others])
    onnx.checker.check_model(copy)
    return copy


class Calibration:
    """Kokoro a text at a time, with the means of its normalisations."""

    def __init__(self, front: onnx.ModelProto, generator: onnx.ModelProto) -> None:
        self._front = kokoro_engine.session(front.SerializeToString(), 2)
        self._generator = kokoro_engine.session(measured(generator).SerializeToString(), 2)

    def means(self, ids: Sequence[int], style: Floats) -> list[Floats]:
        """The mean of each normalisation. Spoken fast: the same sounds, in two thirds of the time."""
        steps, harmonics, _ = kokoro_engine.run_front(self._front, ids, style, _CALIBRATION_SPEED)
        inputs = {"steps": steps, "harmonics": harmonics, "style": style}
        _, *means = self._generator.run(None, inputs)
        return [mean.ravel() for mean in means]


def read_voice(path: Path) -> Floats:
    """Styles of a voice, [rows, 256]: one row for each number of phonemes."""
    return np.fromfile(path, "<f4").reshape(-1, 256)


def _convolve_in_float(graph: onnx.GraphProto) -> None:
    """Replace each DynamicQuantizeLinear → ConvInteger → (bias) → Cast → Mul by a Conv."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    replaced: dict[str, onnx.NodeProto] = {}
    for node in graph.node:
        if node.op_type != "ConvInteger":
            continue
        (after,) = users[node.output[0]]
        bias = []
        if after.op_type == "Add":
            name = next(name for name in after.input if name != node.output[0])
            while name not in constants:  # back through the quantisation of the bias
                name = makers[name].input[0]
            bias = [name]
            (after,) = users[after.output[0]]
        (scaled,) = users[after.output[0]]
        if (after.op_type, scaled.op_type) != ("Cast", "Mul"):
            raise ValueError(f"{node.name}: not the pattern of ONNX Runtime's dynamic quantisation")
        scale_name = next(name for name in scaled.input if name != after.output[0])
        scale = next(constants[name] for name in makers[scale_name].input if name in constants)
        weights = _dequantised(constants[node.input[1]], constants[node.input[3]], scale)
        graph.initializer.append(numpy_helper.from_array(weights, f"{node.input[1]}_float"))
        source = makers[node.input[0]].input[0]
        inputs = [source, f"{node.input[1]}_float", *bias]
        conv = helper.make_node("Conv", inputs, [scaled.output[0]], name=f"{node.name}_float")
        conv.attribute.extend(node.attribute)
        replaced[scaled.output[0]] = conv
    nodes = [replaced.get(node.output[0], node) for node in graph.node]
    _keep(graph, nodes)


def _dequantised(weights: onnx.TensorProto, zero: onnx.TensorProto, scale: onnx.TensorProto) -> Floats:
    whole = numpy_helper.to_array(weights).astype(np.float32)
    shifted = whole - numpy_helper.to_array(zero).astype(np.float32)
    return np.asarray(shifted * numpy_helper.to_array(scale), np.float32)


def _keep(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Leave only what the outputs need."""
    needed = {output.name for output in graph.output}
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            kept.append(node)
            needed.update(node.input)
    constants = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:]
    graph.node.extend(reversed(kept))
    del graph.initializer[:]
    graph.initializer.extend(constants)


def _means(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type == "ReduceMean"]


def _rename(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                names[index] = _NAMES.get(name, name)
    for value in (*graph.input, *graph.output):
        value.name = _NAMES.get(value.name, value.name)


def _tensor(name: str, shape: Sequence[int | str] | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
