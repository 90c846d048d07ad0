"""Stores a model's weights in half precision; needs no torch."""

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_SMALLEST: Final = 64
"""Fewer weights than these stay in full precision."""


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store weights in half precision; the graph makes them whole once, when it is loaded.

    Changes ``model`` and gives it back.
    """
    casts = []
    for weight in model.graph.initializer:
        if weight.data_type != TensorProto.FLOAT or np.prod(weight.dims) < _SMALLEST:
            continue
        name = weight.name
        half = numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float16), f"{name}.half")
        weight.CopyFrom(half)
        casts.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    # What an exporter notes beside the graph is of no use to a reader.
    del model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    return model
