"""Trains what tells a domain's products and kinds of pictures by the encoder's pooled vector. No torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from services.vision.model import WIDTH
from training.fusion.half_precision import halved
from training.fusion.sources import Sources, Split

STRENGTH: Final = 0.003
"""Inverse L2 strength on standardized vectors."""


@dataclass(frozen=True, slots=True)
class Head:
    """``softmax(pooled @ weight + bias)``: ``weight`` float32 ``[1280, labels]``, ``bias`` ``[labels]``."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PictureHeads:
    """Both heads, and the accuracies on what was kept back, 0 to 1."""

    products: Head
    kinds: Head
    report: Mapping[str, float]


def train(sources: Sources) -> PictureHeads:
    """Fit both heads by regression, made as sure as they may be on what was kept back.

    The same sources give the same heads.
    """
    vectors, products, kinds = _examples(sources, sources.training)
    checks, true_products, true_kinds = _examples(sources, sources.checks)
    found = {}
    report = {"pictures": float(len(vectors)), "kept_back": float(len(checks))}
    for name, targets, true, count in (
        ("products", products, true_products, len(sources.domain.product_labels)),
        ("kinds", kinds, true_kinds, len(sources.domain.kind_labels)),
    ):
        head = fit(vectors, targets, count)
        logits = checks @ head.weight + head.bias
        temperature = _temperature(logits, true)
        found[name] = Head(
            (head.weight / temperature).astype(np.float32), (head.bias / temperature).astype(np.float32)
        )
        report[f"{name}_accuracy"] = round(float((logits.argmax(axis=1) == true).mean()), 4)
    return PictureHeads(found["products"], found["kinds"], report)


def reference_pooled() -> NDArray[np.float32]:
    """Make two pooled vectors by formula, float32 ``[2, 1280]``: what heads say of them marks them."""
    waves: NDArray[np.float32] = np.abs(np.sin(np.arange(2 * WIDTH).reshape(2, WIDTH) * 0.13)).astype(
        np.float32
    )
    return waves


def marks(probabilities: NDArray[np.float32]) -> list[list[float]]:
    """Give some of the numbers of what a head says, for its manifest."""
    found: list[list[float]] = np.round(probabilities[:, :8].astype(np.float64), 5).tolist()
    return found


def references(heads: PictureHeads) -> dict[str, list[list[float]]]:
    """Give what the heads say of ``reference_pooled``."""
    vectors = reference_pooled()
    return {
        name: marks(softmax(vectors @ head.weight + head.bias, axis=1))
        for name, head in (("products", heads.products), ("kinds", heads.kinds))
    }


def build(heads: PictureHeads) -> onnx.ModelProto:
    """Make the graph of ``services.vision.model.picture_spec``, with weights in half precision."""
    outputs = {"products": heads.products, "kinds": heads.kinds}
    nodes, weights = [], []
    for name, head in outputs.items():
        nodes += [
            helper.make_node("Gemm", ["pooled", f"{name}_weight", f"{name}_bias"], [f"{name}_logits"]),
            helper.make_node("Softmax", [f"{name}_logits"], [name], axis=1),
        ]
        weights += [
            numpy_helper.from_array(head.weight, f"{name}_weight"),
            numpy_helper.from_array(head.bias, f"{name}_bias"),
        ]
    graph = helper.make_graph(
        nodes,
        "picture",
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", WIDTH])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", len(head.bias)])
            for name, head in outputs.items()
        ],
        weights,
    )
    model = halved(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9))
    onnx.checker.check_model(model)
    return model


def _examples(
    sources: Sources, split: Split
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    products, kinds = sources.domain.product_labels, sources.domain.kind_labels
    told = [
        (look.pooled, products.index(shown.picture.product or products[-1]), kinds.index(shown.picture.kind))
        for shown in split.pictures
        for look in shown.variants
    ]
    told += [(look.pooled, len(products) - 1, len(kinds) - 1) for look in split.negatives]
    vectors, of_product, of_kind = zip(*told, strict=True)
    return np.stack(vectors).astype(np.float32), np.array(of_product), np.array(of_kind)


def fit(vectors: NDArray[np.float32], targets: NDArray[np.int64], labels: int) -> Head:
    """Multinomial logistic regression, standardization folded in; labels never seen stay unlikely."""
    weight, bias = np.zeros((WIDTH, labels)), np.full(labels, -10.0)
    known: Sequence[int] = np.unique(targets).tolist()
    if len(known) == 1:
        bias[known] = 0.0
        return Head(weight.astype(np.float32), bias.astype(np.float32))
    scaler = StandardScaler().fit(vectors.astype(np.float64))
    regression = LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3, class_weight="balanced")
    regression.fit(scaler.transform(vectors.astype(np.float64)), targets)
    coefficients, intercepts = regression.coef_, regression.intercept_
    if len(known) == 2:  # sklearn gives one row for both
        coefficients = np.vstack([-coefficients, coefficients]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight[:, known] = (coefficients / scaler.scale_).T
    bias[known] = intercepts - scaler.mean_ @ weight[:, known]
    return Head(weight.astype(np.float32), bias.astype(np.float32))


def _temperature(logits: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """Guo et al., "On Calibration of Modern Neural Networks", ICML 2017: one number, by log loss."""

    def loss(log_temperature: float) -> float:
        scaled = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-scaled[np.arange(len(targets)), targets].mean())

    # Not sharper than half: few pictures are kept back, and most are told right.
    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.5), 3.0), method="bounded").x))
