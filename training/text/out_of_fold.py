"""What a domain's fine-tuned encoder thinks of utterances that it was not trained on.

``frontdesk train --domain DIR`` writes it beside the model, and the export fits on it how far the
model's answers can be trusted. No torch.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.text.utterances import Utterance

UNDERSTANDING: Final = Path("models") / "understanding"
"""Folder of the fine-tuned encoder within a domain's folder."""
_FILE: Final = "out_of_fold.npz"


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Logits of utterances, float32 ``[n, labels]``, each by a training that did not see it.

    ``keys`` are the SHA-256 of the texts, ``targets`` the places of what they are meant as in
    ``labels``. ``temperature`` divides the logits (Guo et al., "On Calibration of Modern Neural
    Networks", ICML 2017); the served graph does so itself. ``fingerprint`` is that of the
    model that was trained on all of them, ``folder`` where it lies.
    """

    folder: Path
    fingerprint: str
    labels: tuple[str, ...]
    temperature: float
    keys: tuple[str, ...]
    targets: tuple[int, ...]
    logits: NDArray[np.float32]

    def of(self, utterances: Sequence[Utterance], labels: Sequence[str]) -> NDArray[np.float64]:
        """Give the logits of utterances in their order, ``[n, labels]``.

        Raises ``ValueError``, with what to run, where these are not the utterances and labels
        that the model was trained on.
        """
        if tuple(labels) != self.labels:
            differing = ", ".join(sorted(set(labels) ^ set(self.labels))[:5]) or "their order"
            raise ValueError(
                f"{self.folder}: trained on other intents than the domain has ({differing}). {self._advice()}"
            )
        trained_on = dict(zip(self.keys, self.targets, strict=True))
        wanted = {each.sha256: self.labels.index(each.label) for each in utterances}
        differing_texts = len(trained_on.items() ^ wanted.items())
        if differing_texts:
            raise ValueError(
                f"{self.folder}: utterances were written, changed or taken away since the model was trained"
                f" ({differing_texts} differ). {self._advice()}"
            )
        places = {key: place for place, key in enumerate(self.keys)}
        rows = [places[each.sha256] for each in utterances]
        return self.logits[rows].astype(np.float64)

    def _advice(self) -> str:
        domain = self.folder.parent.parent
        return (
            f"Train it again: pip install -e '.[training]', then `frontdesk train --domain {domain}`;"
            f" or take {self.folder} away to be understood by the frozen encoder's head"
        )


def read(folder: Path) -> OutOfFold:
    """Read what lies beside a fine-tuned encoder. Raises ``ValueError`` where a file is not its own."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for name, sha256 in manifest["files"].items():
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != sha256:
                raise ValueError(f"{name} is not the file that was written with manifest.json")
        with np.load(folder / _FILE) as arrays:
            found = {name: arrays[name] for name in ("keys", "targets", "logits")}
        return OutOfFold(
            folder=folder,
            fingerprint=manifest["fingerprint"],
            labels=tuple(manifest["labels"]),
            temperature=float(manifest["temperature"]),
            keys=tuple(found["keys"].tolist()),
            targets=tuple(found["targets"].tolist()),
            logits=found["logits"],
        )
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{folder}: no whole model ({error}). Train it: pip install -e '.[training]', then"
            f" `frontdesk train --domain {folder.parent.parent}`; or take the folder away"
        ) from error


def write(
    folder: Path,
    utterances: Sequence[Utterance],
    labels: Sequence[str],
    logits: NDArray[np.floating[Any]],
) -> None:
    """Write the logits of utterances, one text after the other, beside a model."""
    numbers = {label: number for number, label in enumerate(labels)}
    np.savez(
        folder / _FILE,
        keys=np.array([each.sha256 for each in utterances]),
        targets=np.array([numbers[each.label] for each in utterances], np.int64),
        logits=np.asarray(logits, np.float32),
    )


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """Tell one training from any other: the SHA-256 of its files and of all that decides its answers."""
    names = ("files", "labels", "prefix", "window", "pad_id", "temperature")
    told = json.dumps({name: manifest[name] for name in names}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()
