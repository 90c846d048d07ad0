"""Scores how well passages answer questions: tokenizes pairs as training did, and runs the graph."""

import json
import os
from pathlib import Path

# Pairs are few and short: threads that split a batch of them cost more than they save.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

# Tokens of one run: on a CPU larger ones are no faster, and need more memory.
_MOST_TOKENS = 2048


class PairScorer:
    """One version of a model: ``model.onnx``, ``tokenizer.json`` and ``manifest.json`` in ``folder``.

    The manifest's ``prefixes`` stand before each ``question`` and ``passage``, ``window`` is the
    most tokens of a pair with its special ones, ``pad_id`` fills up shorter pairs.
    ``reranker_model`` is the identity of what scores.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self.identity = str(manifest["reranker_model"])
        self._prefixes = manifest["prefixes"]
        self._pad_id = int(manifest["pad_id"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        set_window(self._tokenizer, int(manifest["window"]))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads cost ten times on a machine that has other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.score(["frontdesk"], ["frontdesk"])  # the first run allocates, too

    def score(self, questions: list[str], passages: list[str]) -> np.ndarray:
        """Give float32[n] for n pairs, one or more; those of similar length run together."""
        pairs = tokenize(self._tokenizer, questions, passages, self._prefixes)
        scores = np.empty(len(pairs), np.float32)
        for run in runs([len(ids) for ids in pairs]):
            (found,) = self._session.run(["score"], pad([pairs[place] for place in run], self._pad_id))
            scores[run] = found
        return scores


def set_window(tokenizer: Tokenizer, window: int) -> None:
    """Let ``tokenizer`` cut pairs to ``window`` tokens: the longer text first."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(window, strategy="longest_first")


def tokenize(
    tokenizer: Tokenizer, questions: list[str], passages: list[str], prefixes: dict[str, str]
) -> list[list[int]]:
    """Give the ids of each pair."""
    pairs = [
        (prefixes["question"] + question, prefixes["passage"] + passage)
        for question, passage in zip(questions, passages, strict=True)
    ]
    return [encoded.ids for encoded in tokenizer.encode_batch(pairs)]


def pad(pairs: list[list[int]], pad_id: int) -> dict[str, np.ndarray]:
    """Give the graph's inputs, int64[pairs, longest]: ids, and which of them are there."""
    ids = np.full((len(pairs), max(map(len, pairs))), pad_id, np.int64)
    mask = np.zeros_like(ids)
    for row, own in enumerate(pairs):
        ids[row, : len(own)] = own
        mask[row, : len(own)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def runs(lengths: list[int]) -> list[list[int]]:
    """Cut pairs of these lengths into runs of similar ones: places, each once."""
    cut = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if cut and (len(cut[-1]) + 1) * lengths[place] <= _MOST_TOKENS:
            cut[-1].append(place)
        else:
            cut.append([place])
    return cut
