"""Heads on pooled vectors: they learn, and their graph says what they say."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from services.vision.model import picture_spec
from tests.unit.training.fusion.small import sources
from training.vision import heads


def test_heads_learn_what_they_are_shown(tmp_path: Path) -> None:
    told = sources()
    found = heads.train(told)
    assert found.report["products_accuracy"] == 1.0
    assert found.report["kinds_accuracy"] == 1.0
    onnx.save(heads.build(found), str(tmp_path / "model.onnx"))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_outputs()] == [t.name for t in picture_spec("kiosk").outputs]
    names = ["products", "kinds"]
    outputs = dict(zip(names, session.run(names, {"pooled": heads.reference_pooled()}), strict=True))
    for name, expected in heads.references(found).items():
        np.testing.assert_allclose(outputs[name][:, :8], expected, atol=5e-3)
        np.testing.assert_allclose(outputs[name].sum(axis=1), 1.0, atol=1e-4)
    looks = np.stack([look.pooled for look in told.training.pictures[0].variants]).astype(np.float32)
    products = session.run(["products"], {"pooled": looks})[0]
    assert (products.argmax(axis=1) == told.domain.product_labels.index("lamp")).all()
