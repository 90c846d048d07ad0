"""Puts a domain's fusion model, which was trained before and comes with the domain, into the repository."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from services.dialogue.model import fusion_spec
from services.text.model import TEXT_ENCODER
from services.vision.model import VISION_ENCODER
from training.export.context import ExportContext
from training.export.models import trained
from training.export.versions import KEPT
from training.fusion import exported
from training.fusion.exported import ExportedFusion, marks, reference_rows

_TOLD: Final = (
    "domain",
    "trained_on",
    "command",
    "labels",
    "embedding_models",
    "ranking",
    "ranking_without_text",
    "thresholds",
    "report",
)
"""Entries of the trained model's manifest that the served one repeats."""


def export(context: ExportContext) -> None:
    """Put ``fusion_<domain>`` into the repository; nothing without a domain, or for one without pictures.

    Raises ``ValueError``, with what to run, where the model does not fit the domain or the encoders.
    """
    domain = context.company
    if context.domain is None or domain is None or not domain.pictures:
        return
    source = context.domain / trained.MODELS / "fusion"
    manifest = trained.read_manifest(source)
    trained.check_labels(source, manifest["labels"], domain)
    encoders = {"text": TEXT_ENCODER, "image": VISION_ENCODER}
    folders = {kind: context.version_folder(encoder.name) for kind, encoder in encoders.items()}
    for kind, folder in folders.items():
        trained.check_space(source, manifest["embedding_models"][kind], folder)

    def write(folder: Path) -> Mapping[str, Any]:
        shutil.copy2(source / "model.onnx", folder / "model.onnx")
        found = marks(ExportedFusion(folder).fuse(reference_rows()))
        parity = trained.check_marks(source, manifest["references"], found)
        return {"parity": parity, **{name: manifest[name] for name in _TOLD}}

    context.build(
        fusion_spec(domain.name),
        write,
        keep=KEPT,
        sources=[
            source / "model.onnx",
            source / "manifest.json",
            Path(__file__),
            Path(trained.__file__),
            Path(exported.__file__),
            *(folder / "manifest.json" for folder in folders.values()),
        ],
    )
