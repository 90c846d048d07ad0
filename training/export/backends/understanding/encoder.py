"""Says what texts mean: tokenizes them as training did, and runs the graph."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

# Texts of customers are short: threads that split a batch of them cost more than they save.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

# What a run costs beside its content, in tokens: texts are joined where that pads fewer.
_RUN_COST = 8
# Tokens of a joined run: on a CPU larger ones are no faster, and need more memory.
_MOST_TOKENS = 512


@dataclass(frozen=True)
class Understood:
    """``intents`` float32[n, labels], probabilities in the manifest's order of labels.

    ``sentence`` float32[n, width], L2-normalized.
    """

    intents: np.ndarray
    sentence: np.ndarray


class UnderstandingEncoder:
    """One version of a model: ``model.onnx``, ``tokenizer.json`` and ``manifest.json`` in ``folder``.

    The manifest's ``prefix`` stands before each text, ``window`` is the most tokens of a text with
    its special ones, ``pad_id`` fills up shorter texts.
    """

    def __init__(self, folder: Path, threads: int, on_gpu: bool = False) -> None:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.fingerprint = str(manifest["fingerprint"])
        self.labels = tuple(manifest["labels"])
        self._prefix = manifest["prefix"]
        self._pad_id = int(manifest["pad_id"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(int(manifest["window"]))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads cost ten times on a machine that has other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"),
            options,
            providers=[*(["CUDAExecutionProvider"] if on_gpu else []), "CPUExecutionProvider"],
        )
        found = self.understand(["frontdesk"]).intents.shape[1]  # the first run allocates, too
        if found != len(self.labels):
            raise ValueError(
                f"{folder}: the graph gives {found} intents, the manifest names {len(self.labels)}"
            )

    def understand(self, texts: list[str]) -> Understood:
        """Understand one or more texts, those of similar length in one run. The window cuts them."""
        encoded = self._tokenizer.encode_batch([self._prefix + text for text in texts])
        tokens = [text.ids for text in encoded]
        intents = [None] * len(texts)
        sentences = [None] * len(texts)
        for run in runs([len(ids) for ids in tokens]):
            longest = max(len(tokens[place]) for place in run)
            ids = np.full((len(run), longest), self._pad_id, np.int64)
            mask = np.zeros_like(ids)
            for row, place in enumerate(run):
                ids[row, : len(tokens[place])] = tokens[place]
                mask[row, : len(tokens[place])] = 1
            found = self._session.run(["intents", "sentence"], {"input_ids": ids, "attention_mask": mask})
            for row, place in enumerate(run):
                intents[place], sentences[place] = found[0][row], found[1][row]
        return Understood(np.stack(intents), np.stack(sentences))


def runs(lengths: list[int]) -> list[list[int]]:
    """Cut texts of these lengths into runs of similar ones: places, each once."""
    cut = []
    padding = 0
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        length = lengths[place]
        if cut:
            # The longest comes last: all that stand before it are filled up to its length.
            padding += len(cut[-1]) * (length - lengths[cut[-1][-1]])
            if padding <= _RUN_COST and (len(cut[-1]) + 1) * length <= _MOST_TOKENS:
                cut[-1].append(place)
                continue
        cut.append([place])
        padding = 0
    return cut
