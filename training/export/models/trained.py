"""Checks a model that was trained before and comes with its domain. No torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from services.dialogue.domain.types import Domain

MODELS: Final = "models"
"""Folder of a domain with its trained models."""
MOST_DIFFERENCE: Final = 2e-2
"""Of a probability, or of a number of a vector of length 1, for weights in half precision."""


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read a trained model's manifest. Raises ``ValueError`` with what to run when there is none."""
    try:
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{folder}: no trained model. {to_train(folder)}") from error
    if not (folder / "model.onnx").is_file():
        raise ValueError(f"{folder}: model.onnx is missing. {to_train(folder)}")
    return manifest


def check_labels(folder: Path, known: Mapping[str, Any], domain: Domain) -> None:
    """Raise ``ValueError`` with what to run where a model was trained on other labels than ``domain`` has."""
    wanted = {
        "intents": domain.labels,
        "products": domain.product_labels,
        "kinds": domain.kind_labels,
        "pictures": domain.picture_labels,
    }
    for name, labels in known.items():
        differing = sorted(set(labels) ^ set(wanted[name]))
        if tuple(labels) != wanted[name]:
            told = ", ".join(differing[:5]) or "their order"
            raise ValueError(
                f"{folder}: trained on other {name} than {domain.name} has ({told}). {to_train(folder)}"
            )


def check_space(folder: Path, trained_on: str, encoder: Path) -> None:
    """Raise ``ValueError`` where a model was trained on vectors of another space than ``encoder`` gives.

    ``encoder`` is the folder of its exported version.
    """
    gives = json.loads((encoder / "manifest.json").read_text(encoding="utf-8"))["embedding_model"]
    if trained_on != gives:
        raise ValueError(
            f"{folder}: trained on vectors of {trained_on}, the encoder gives {gives}. {to_train(folder)}"
        )


def check_marks(
    folder: Path, expected: Mapping[str, Any], found: Mapping[str, list[list[float]]]
) -> dict[str, float]:
    """Give the largest difference between what a model says and what was written down when it was trained.

    Raises ``ValueError`` when it is too large: the graph and the manifest are of two trainings.
    """
    largest = 0.0
    for name, numbers in found.items():
        told = np.array(expected.get(name, []), np.float64)
        same = told.shape == np.shape(numbers)
        largest = max(largest, float(np.abs(told - np.array(numbers)).max()) if same else np.inf)
    if largest > MOST_DIFFERENCE:
        raise ValueError(
            f"{folder}: model.onnx and manifest.json are of two trainings, {largest:.1e} apart."
            f" {to_train(folder)}"
        )
    return {"largest_difference": round(largest, 6)}


def to_train(folder: Path) -> str:
    """Say how a trained model comes to be."""
    command = "frontdesk train" if folder.name == "understanding" else "python -m training.fusion"
    return f"Train it: pip install -e '.[training]', then `{command} --domain {folder.parent.parent}`"
