"""A fine-tuned model's folder, as the exporter reads it. No torch."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

FILES: Final = ("model.bin", "config.json", "tokenizer.json", "vocabulary.json")
"""Of CTranslate2, beside manifest.json and README.md."""


def read_manifest(folder: Path, model: str) -> dict[str, Any]:
    """Read what a fine-tuned model knows about itself, and check that its files are those of its training.

    Raises:
        ValueError: a file is missing or of another training, or the folder holds another model.
    """
    again = f"Train it again (`python -m training.asr --model {model} --out {folder}`), or delete the folder"
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        known, files = manifest["model"], manifest["files"]
        found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{folder}: no whole fine-tuned model: {error}. {again}") from error
    if known != model:
        raise ValueError(f"{folder}: holds a fine-tuned {known}, not {model}. {again}")
    if different := [name for name in FILES if files.get(name) != found[name]]:
        raise ValueError(
            f"{folder}: {', '.join(different)} is of another training than manifest.json. {again}"
        )
    return manifest
