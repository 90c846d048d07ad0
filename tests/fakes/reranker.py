"""A reranker of a few words, as a version of it lies in the model repository."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = ("ask:", "order", "parcel", "weather", "订单", "退货")
WORTH = np.array([100.0, -1.0, 0.5, 0.25, 0.125, 1.0, 2.0, 4.0, 8.0, 16.0], np.float32)
"""What each token adds to a score; padding would add most."""
WINDOW = 12


def write_reranker(folder: Path, name: str = "words") -> None:
    """Write a folder as training does: the graph, the tokenizer and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(_graph(), str(folder / "model.onnx"))
    tokenizer().save(str(folder / "tokenizer.json"))
    files = {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
        for file in ("model.onnx", "tokenizer.json")
    }
    manifest = {
        "reranker_model": f"{name}-1@12345678",
        "encoder": name,
        "licence": "MIT",
        "layers": 1,
        "prefixes": {"question": "ask: ", "passage": ""},
        "window": WINDOW,
        "pad_id": 0,
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def expected(question: str, passage: str) -> float:
    """Compute a score without the graph, for pairs within the window."""
    tokens = ["[CLS]", "ask:", *question.split(), "[SEP]", *passage.split(), "[SEP]"]
    vocabulary = (*SPECIAL, *WORDS)
    ids = [vocabulary.index(token) if token in vocabulary else 1 for token in tokens]
    return float(WORTH[ids].sum())


def tokenizer() -> Tokenizer:
    """A word is a token."""
    made = Tokenizer(WordLevel({w: n for n, w in enumerate((*SPECIAL, *WORDS))}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    # "ask:" would be two words to Whitespace.
    made.add_tokens(["ask:"])
    return made


def _graph() -> onnx.ModelProto:
    """``score`` = sum of the worth of the tokens that are there."""
    nodes = [
        helper.make_node("Gather", ["worth", "input_ids"], ["worths"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["worths", "mask"], ["there"]),
        helper.make_node("ReduceSum", ["there", "axis"], ["score"], keepdims=0),
    ]
    both = ["batch", "length"]
    graph = helper.make_graph(
        nodes,
        "reranker",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, both),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, both),
        ],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch"])],
        [
            numpy_helper.from_array(WORTH, "worth"),
            numpy_helper.from_array(np.array([1], np.int64), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
