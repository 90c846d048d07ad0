"""Makes the whole model repository, one exporter after the other."""

import importlib
from collections.abc import Iterable
from dataclasses import replace

from training.export.context import ExportContext
from training.export.publish import publishing

EXPORTERS = (
    "text_encoder",
    "reranker",
    "vision",
    "ocr",
    "acoustic",
    "understanding",
    "intent",
    "picture",
    "fusion",
    "asr",
    "tts",
)
"""Modules of ``training.export.models``, in the order that they run (intent builds on text_encoder and
understanding)."""


def export_repository(context: ExportContext, only: Iterable[str] = ()) -> None:
    """Run all exporters, or those named in ``only``; the repository changes when all have succeeded.

    Raises ``RepositoryFullError`` on a full disk, and what an exporter raises; the repository is then
    what it was.
    """
    chosen = tuple(only) or EXPORTERS
    unknown = sorted(set(chosen) - set(EXPORTERS))
    if unknown:
        raise ValueError(f"no exporter named {', '.join(unknown)}: there are {', '.join(EXPORTERS)}")
    with publishing(context.repository) as staged:
        copy = replace(context, repository=staged.repository, interrupted=staged.interrupted)
        for name in EXPORTERS:
            if name in chosen:
                # Imported late: an exporter brings the libraries of its model with it.
                importlib.import_module(f"training.export.models.{name}").export(copy)
