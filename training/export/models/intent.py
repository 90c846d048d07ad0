"""Trains and exports a domain's intent model.

Where the domain has a fine-tuned encoder, how far to trust is fitted on what that one says.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from scipy.special import softmax

from services.dialogue import model
from services.dialogue.intent_client import manifest_entry
from services.dialogue.model import EMBEDDING_WIDTH, intent_spec, understanding_spec
from services.dialogue.ports import Understanding
from services.text.model import TEXT_ENCODER
from training.export.context import ExportContext
from training.export.versions import KEPT
from training.text import encoder, out_of_fold, passages, utterances
from training.text.vector_cache import CachedTextEncoder

if TYPE_CHECKING:
    from training.text.intent import TrainedIntent

_MOST_DIFFERENCE: Final = 1e-4
_PURE: Final = (
    "evidence.py",
    "intent_client.py",
    "knowledge/index.py",
    "knowledge/words.py",
    "passage_vectors.py",
    "retrieval.py",
)
"""What computes the features that the calibrators are fitted on."""


def export(context: ExportContext) -> None:
    """Put ``intent_<domain>`` into the repository; nothing when no domain is given."""
    domain = context.company
    if context.domain is None or domain is None:
        return
    encoder_folder = context.version_folder(TEXT_ENCODER.name)
    understanding = context.domain / out_of_fold.UNDERSTANDING
    known = out_of_fold.read(understanding) if understanding.is_dir() else None

    def write(folder: Path) -> Mapping[str, Any]:
        # Here, since scikit-learn takes seconds to import and mostly nothing is to be trained.
        from training.text import intent

        embed = CachedTextEncoder.beside(context.repository)
        trained = intent.train(domain, embed, known)
        onnx.save(build_head(trained), str(folder / "model.onnx"))
        (folder / "labels.json").write_text(json.dumps(trained.labels, indent=2), encoding="utf-8")
        entry = manifest_entry(
            trained.labels,
            embed.embedding_model,
            trained.calibrators,
            trained.thresholds,
            trained.rank_weights,
            Understanding(understanding_spec(domain.name).name, known.fingerprint) if known else None,
        )
        return {
            **entry,
            "domain": domain.name,
            "trained_on": domain.version,
            "report": dict(trained.report),
            "parity": check_parity(folder, trained),
        }

    dialogue = Path(model.__file__).parent
    context.build(
        intent_spec(domain.name),
        write,
        keep=KEPT,
        builds_on={understanding_spec(domain.name).name: known.fingerprint} if known else {},
        sources=[
            Path(__file__),
            Path(encoder.__file__).with_name("intent.py"),
            Path(encoder.__file__).parents[1] / "evaluate" / "calibration.py",
            Path(encoder.__file__),
            Path(passages.__file__),
            Path(out_of_fold.__file__),
            Path(utterances.__file__),
            # Names the model's files by their digests, so that it stands for all of them.
            *([understanding / "manifest.json"] if known else []),
            encoder_folder / "manifest.json",
            # All that is trained on; policies, templates and held-out questions change nothing.
            *(context.domain / name for name in ("domain.yaml", "intents", "passages", "out_of_scope.yaml")),
            *(dialogue / name for name in _PURE),
        ],
    )


def build_head(trained: "TrainedIntent") -> onnx.ModelProto:
    """Make the graph ``probabilities = softmax(sentence @ weight + bias)``."""
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["sentence", "weight", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "intent",
        [helper.make_tensor_value_info("sentence", TensorProto.FLOAT, ["batch", EMBEDDING_WIDTH])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", len(trained.labels)])],
        [numpy_helper.from_array(trained.weight, "weight"), numpy_helper.from_array(trained.bias, "bias")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def check_parity(folder: Path, trained: "TrainedIntent") -> dict[str, float]:
    """Compare the graph with the trained numbers. Raises ``ValueError`` when they differ."""
    vectors = np.random.default_rng(0).standard_normal((32, EMBEDDING_WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"sentence": vectors})
    difference = float(np.abs(found - softmax(vectors @ trained.weight + trained.bias, axis=1)).max())
    if difference > _MOST_DIFFERENCE:
        raise ValueError(f"the exported head differs from the trained one by {difference:.1e}")
    return {"vectors": len(vectors), "largest_difference": round(difference, 8)}
