"""A trained model: kept in a folder, loaded again, asked."""

import errno
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.special import expit, softmax
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel

from training.data.examples import DataError, Slot
from training.export.publish import flush, swap
from training.understanding.arguments import UnderstandingArguments
from training.understanding.batches import Labels, TextBatches, by_length
from training.understanding.encoders import fast_tokenizer, without_pooler
from training.understanding.methods.stages import network
from training.understanding.model import UnderstandingModel

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Predictions:
    """``logits`` float32[N, I] before and ``probabilities`` float32[N, I] after the temperature;
    ``sentences`` float32[N, W] of length 1; ``slots`` of each text."""

    logits: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    sentences: NDArray[np.float32]
    slots: tuple[tuple[Slot, ...], ...]


@dataclass
class Trained:
    """A fine-tuned model with what it needs to be asked.

    ``temperature`` divides the logits (Guo et al., 2017), ``threshold`` is the probability from
    which on a label counts where several may. ``report`` says how the training went.
    """

    model: UnderstandingModel
    tokenizer: Any
    labels: Labels
    arguments: UnderstandingArguments
    prefix: str
    encoder: str
    licence: str
    temperature: float = 1.0
    threshold: float = 0.5
    out_of_scope: Mapping[str, Any] = field(default_factory=dict)
    """What ``training.understanding.out_of_scope`` found; empty where nothing is out of scope."""
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def batches(self) -> TextBatches:
        """Tokenizes texts as in training."""
        return TextBatches(self.tokenizer, self.prefix, self.arguments.max_tokens, self.labels)

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Ask about texts; none gives empty arrays."""
        batches = self.batches
        ids, offsets = batches.encode(texts) if texts else ([], [])
        device = next(self.model.parameters()).device
        width = int(self.model.encoder.config.hidden_size)
        logits = np.empty((len(texts), len(self.labels.intents)), np.float32)
        sentences = np.empty((len(texts), width), np.float32)
        slots: list[tuple[Slot, ...]] = [()] * len(texts)
        self.model.eval()
        with torch.inference_mode():
            for positions in by_length([len(row) for row in ids], _BATCH):
                padded, mask = batches.pad([ids[position] for position in positions])
                found = self.model(padded.to(device), mask.to(device))
                logits[positions] = found.intents.float().cpu().numpy()
                sentences[positions] = found.sentence.float().cpu().numpy()
                if found.slots is not None:
                    for row, position in enumerate(positions):
                        tags = found.slots[row].argmax(-1)[: len(ids[position])].tolist()
                        slots[position] = self.labels.slots_of(tags, offsets[position])
        return Predictions(logits, self.probabilities(logits), sentences, tuple(slots))

    def probabilities(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated: softmax, or a sigmoid for each label where several may hold."""
        scaled = logits.astype(np.float64) / self.temperature
        if self.labels.multi_label:
            return np.asarray(expit(scaled), np.float32)
        return np.asarray(softmax(scaled, axis=1), np.float32)

    def save(self, folder: Path) -> None:
        """Write the model; ``folder`` is either the old one or the new one, whole.

        Raises ``OSError`` where it cannot be written.
        """
        staging = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(staging, ignore_errors=True)
        try:
            staging.mkdir(parents=True)
            self._write_into(staging)
            flush(staging)
            swap(staging, folder)
        except Exception as error:
            shutil.rmtree(staging, ignore_errors=True)
            full = "No space left" in str(error)  # the libraries have errors of their own for it
            if not full and not isinstance(error, OSError):
                raise
            raise OSError(
                getattr(error, "errno", None) or errno.ENOSPC,
                f"the model cannot be written ({error}); what was there before is whole. Free some disk,"
                " and start the same training again: it goes on from its last checkpoint",
                str(folder),
            ) from error
        shutil.rmtree(staging, ignore_errors=True)

    def _write_into(self, staging: Path) -> None:
        state = {name: value.contiguous().cpu() for name, value in self.model.state_dict().items()}
        save_file(state, staging / "model.safetensors")
        self.tokenizer.backend_tokenizer.save(str(staging / "tokenizer.json"))
        config = {
            "encoder": self.encoder,
            "licence": self.licence,
            "prefix": self.prefix,
            "encoder_config": self.model.encoder.config.to_dict(),
            "intents": [name for name in self.labels.intents if name != self.labels.out_of_scope],
            "out_of_scope_label": self.labels.out_of_scope,
            "multi_label": self.labels.multi_label,
            "slots": list(self.labels.slots),
            "temperature": self.temperature,
            "threshold": self.threshold,
            "out_of_scope": dict(self.out_of_scope),
            "arguments": asdict(self.arguments),
        }
        _write(staging / "config.json", config)
        _write(staging / "report.json", dict(self.report))
        shutil.copymode(staging / "config.json", staging / "model.safetensors")  # else the owner's alone


def load(folder: Path) -> Trained:
    """Load what ``Trained.save`` wrote. Raises ``DataError`` where the folder has no whole model."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
        state = load_file(folder / "model.safetensors")
        arguments = UnderstandingArguments.of(config["arguments"])
        labels = Labels(
            config["intents"], config["out_of_scope_label"], config["multi_label"], config["slots"]
        )
        described = dict(config["encoder_config"])
        tokenizer = fast_tokenizer(Tokenizer.from_file(str(folder / "tokenizer.json")))
        encoder_config = AutoConfig.for_model(described.pop("model_type"), **described)
        encoder = AutoModel.from_config(encoder_config, **without_pooler(encoder_config))
        model = network(encoder, tokenizer, labels, arguments, merged=True)
        model.load_state_dict(state)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise DataError(f"{folder}: no whole trained model ({error}): train it again") from error
    return Trained(
        model=model.eval(),
        tokenizer=tokenizer,
        labels=labels,
        arguments=arguments,
        prefix=config["prefix"],
        encoder=config["encoder"],
        licence=config["licence"],
        temperature=config["temperature"],
        threshold=config["threshold"],
        out_of_scope=config["out_of_scope"],
        report=report,
    )


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
