"""Makes the whole model repository, one exporter after the other."""

import importlib
from collections.abc import Iterable

from training.export.context import ExportContext

EXPORTERS = ("text_encoder", "vision", "ocr", "acoustic", "intent", "picture", "fusion", "asr", "tts")
"""Modules of ``training.export.models``, in the order that they run (intent builds on text_encoder)."""


def export_repository(context: ExportContext, only: Iterable[str] = ()) -> None:
    """Run all exporters, or those named in ``only``."""
    chosen = tuple(only) or EXPORTERS
    unknown = sorted(set(chosen) - set(EXPORTERS))
    if unknown:
        raise ValueError(f"no exporter named {', '.join(unknown)}: there are {', '.join(EXPORTERS)}")
    context.repository.mkdir(parents=True, exist_ok=True)
    for name in EXPORTERS:
        if name in chosen:
            # Imported late: an exporter brings the libraries of its model with it.
            importlib.import_module(f"training.export.models.{name}").export(context)
