"""A fine-tuned encoder of a few words, as a version of it lies in the model repository."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

LABELS = ("hello", "order", "out_of_scope")
WORDS = ("ask", "hello", "hi", "order", "parcel", "weather", "你好", "订单")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WIDTH = 6
WINDOW = 12


def write_encoder(folder: Path, *, fingerprint: str = "f1", **changed: object) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``manifest.json``; ``changed`` entries of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(), str(folder / "model.onnx"))
    tokenizer().save(str(folder / "tokenizer.json"))
    manifest: Mapping[str, object] = {
        "fingerprint": fingerprint,
        "labels": LABELS,
        "prefix": "ask ",
        "window": WINDOW,
        "pad_id": 0,
        **changed,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def tokenizer() -> Tokenizer:
    """A word is a token; [CLS] and [SEP] stand around them."""
    vocabulary = {word: number for number, word in enumerate((*SPECIAL, *WORDS))}
    made = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def expected(words: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Intents and sentence of a text of these words, computed without the graph."""
    ids = [2, *(SPECIAL.index("[UNK]") if word not in WORDS else 4 + WORDS.index(word) for word in words), 3]
    embedding, position, weight = _weights()
    sentence = (embedding[ids] + position[: len(ids)]).mean(axis=0)
    sentence /= np.linalg.norm(sentence)
    grown = np.exp(sentence @ weight)
    return grown / grown.sum(), sentence


def _weights() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(3)
    embedding = rng.standard_normal((len(SPECIAL) + len(WORDS), WIDTH)).astype(np.float32)
    position = 0.1 * rng.standard_normal((WINDOW, WIDTH)).astype(np.float32)
    weight = 4.0 * rng.standard_normal((WIDTH, len(LABELS))).astype(np.float32)
    return embedding, position.astype(np.float32), weight.astype(np.float32)


def _graph() -> onnx.ModelProto:
    """``intents = softmax(normalized mean of vectors of words and positions @ weight)``."""
    embedding, position, weight = _weights()
    constants: dict[str, NDArray[Any]] = {
        "embedding": embedding,
        "position": position,
        "weight": weight,
        "axis": np.array([1], np.int64),
        "last": np.array([2], np.int64),
        "zero": np.array(0, np.int64),
        "one": np.array(1, np.int64),
        "place": np.array(1, np.int64),
    }
    nodes: list[tuple[str, list[str], list[str], dict[str, Any]]] = [
        ("Gather", ["embedding", "input_ids"], ["words"], {}),
        ("Shape", ["input_ids"], ["shape"], {}),
        ("Gather", ["shape", "place"], ["length"], {}),
        ("Range", ["zero", "length", "one"], ["places"], {}),
        ("Gather", ["position", "places"], ["positions"], {}),
        ("Add", ["words", "positions"], ["vectors"], {}),
        ("Cast", ["attention_mask"], ["mask"], {"to": TensorProto.FLOAT}),
        ("Unsqueeze", ["mask", "last"], ["masks"], {}),
        ("Mul", ["vectors", "masks"], ["real"], {}),
        ("ReduceSum", ["real", "axis"], ["sum"], {"keepdims": 0}),
        ("LpNormalization", ["sum"], ["sentence"], {"axis": 1, "p": 2}),
        ("MatMul", ["sentence", "weight"], ["logits"], {}),
        ("Softmax", ["logits"], ["intents"], {"axis": 1}),
    ]
    ids, floats = TensorProto.INT64, TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, outputs, **given) for kind, inputs, outputs, given in nodes],
        "understanding",
        [
            helper.make_tensor_value_info(name, ids, ["batch", "length"])
            for name in ("input_ids", "attention_mask")
        ],
        [
            helper.make_tensor_value_info("intents", floats, ["batch", len(LABELS)]),
            helper.make_tensor_value_info("sentence", floats, ["batch", WIDTH]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    return made
