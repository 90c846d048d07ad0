"""Builds EfficientNet-Lite0 as an ONNX graph from its weights, without torch.

M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (2019); Lite:
no squeeze and excitation, ReLU6. Padding as TensorFlow's SAME, since the weights were trained with it.
"""

from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from services.vision.model import LABELS, PIXELS, REGIONS, WIDTH
from training.export.models.efficientnet_weights import Convolution, EfficientNetWeights

_OPSET: Final = 20
_IR_VERSION: Final = 10
_STRIDES: Final = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
"""Of the 16 blocks' depthwise convolutions."""


def build_encoder(weights: EfficientNetWeights) -> onnx.ModelProto:
    """Return the encoder.

    Input: ``pixels`` uint8[batch, 224, 224, 3], RGB. Outputs: ``pooled`` float32[batch, 1280], ``regions``
    float32[batch, 49, 1280] (the 7 × 7 map row by row, whose mean is ``pooled``) and ``logits``
    float32[batch, 1000], ImageNet's.
    """
    graph = _Graph()
    value = _normalized(graph)
    value = _relu6(graph, graph.convolution("stem", value, weights.stem, stride=2))
    for index, (block, stride) in enumerate(zip(weights.blocks, _STRIDES, strict=True)):
        name = f"block{index}"
        inner = value
        if block.expand is not None:
            inner = _relu6(graph, graph.convolution(f"{name}.expand", inner, block.expand))
        inner = _relu6(graph, graph.convolution(f"{name}.depthwise", inner, block.depthwise, stride=stride))
        inner = graph.convolution(f"{name}.project", inner, block.project)
        same_shape = (
            stride == 1 and block.expand is not None and _inputs(block.expand) == len(block.project.bias)
        )
        value = graph.add("Add", value, inner) if same_shape else inner
    features = _relu6(graph, graph.convolution("head", value, weights.head))
    _outputs(graph, features, weights)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            inputs=[helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["batch", PIXELS, PIXELS, 3])],
            outputs=[
                helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", WIDTH]),
                helper.make_tensor_value_info("regions", TensorProto.FLOAT, ["batch", REGIONS, WIDTH]),
                helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", LABELS]),
            ],
            initializer=graph.initializers,
        ),
        opset_imports=[helper.make_opsetid("", _OPSET)],
    )
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model, full_check=True)
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

    def convolution(self, name: str, value: str, layer: Convolution, *, stride: int = 1) -> str:
        # A depthwise convolution has one input a kernel, and as many groups as kernels.
        groups = len(layer.kernel) if layer.kernel.shape[1] == 1 else 1
        return self.add(
            "Conv",
            value,
            self.constant(f"{name}.kernel", layer.kernel),
            self.constant(f"{name}.bias", layer.bias),
            auto_pad="SAME_UPPER",  # as TensorFlow's SAME: the odd pixel at the right and below
            group=groups,
            kernel_shape=layer.kernel.shape[2:],
            strides=[stride, stride],
        )


def _normalized(graph: _Graph) -> str:
    """Pixels from 0..255 to -1..1, channels first."""
    channels_first = graph.add("Transpose", "pixels", perm=[0, 3, 1, 2])
    value = graph.add("Cast", channels_first, to=TensorProto.FLOAT)
    value = graph.add("Div", value, graph.constant("half", np.array(127.5, np.float32)))
    return graph.add("Sub", value, graph.constant("one", np.array(1, np.float32)))


def _relu6(graph: _Graph, value: str) -> str:
    if not any(tensor.name == "six" for tensor in graph.initializers):
        graph.constant("zero", np.array(0, np.float32))
        graph.constant("six", np.array(6, np.float32))
    return graph.add("Clip", value, "zero", "six")


def _outputs(graph: _Graph, features: str, weights: EfficientNetWeights) -> None:
    rows = graph.add("Transpose", features, perm=[0, 2, 3, 1])
    shape = graph.constant("regions_shape", np.array([0, REGIONS, WIDTH]))
    regions = graph.add("Reshape", rows, shape, output="regions")
    pooled = graph.add(
        "ReduceMean", regions, graph.constant("regions_axis", np.array([1])), output="pooled", keepdims=0
    )
    graph.add(
        "Gemm",
        pooled,
        graph.constant("classifier", weights.classifier),
        graph.constant("classifier.bias", weights.classifier_bias),
        output="logits",
        transB=1,
    )


def _inputs(convolution: Convolution) -> int:
    return int(convolution.kernel.shape[1])
