"""Puts a domain's picture heads, which were trained before and come with the domain, into the repository."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import onnxruntime

from services.vision.model import VISION_ENCODER, picture_spec
from training.export.context import ExportContext
from training.export.models import trained
from training.export.versions import KEPT
from training.vision.heads import marks, reference_pooled

_TOLD: Final = ("domain", "trained_on", "command", "labels", "embedding_model", "report")
"""Entries of the trained model's manifest that the served one repeats."""


def export(context: ExportContext) -> None:
    """Put ``picture_<domain>`` into the repository; nothing without a domain, or for one without pictures.

    Raises ``ValueError``, with what to run, where the model does not fit the domain or the encoder.
    """
    domain = context.company
    if context.domain is None or domain is None or not domain.pictures:
        return
    source = context.domain / trained.MODELS / "picture"
    manifest = trained.read_manifest(source)
    trained.check_labels(source, manifest["labels"], domain)
    encoder = context.version_folder(VISION_ENCODER.name)
    trained.check_space(source, manifest["embedding_model"], encoder)

    def write(folder: Path) -> Mapping[str, Any]:
        shutil.copy2(source / "model.onnx", folder / "model.onnx")
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
        names = ["products", "kinds"]
        outputs = session.run(names, {"pooled": reference_pooled()})
        found = {name: marks(output) for name, output in zip(names, outputs, strict=True)}
        parity = trained.check_marks(source, manifest["references"], found)
        return {"parity": parity, **{name: manifest[name] for name in _TOLD}}

    context.build(
        picture_spec(domain.name),
        write,
        keep=KEPT,
        sources=[
            source / "model.onnx",
            source / "manifest.json",
            Path(__file__),
            Path(trained.__file__),
            encoder / "manifest.json",
        ],
    )
