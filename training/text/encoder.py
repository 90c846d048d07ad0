"""The exported text encoder, run without Triton."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.dialogue.fused import TextFeatures
from services.dialogue.ports import Purpose
from services.text.encoder import InputType, Tokens
from services.text.tokenizer import HuggingFaceTokenizer

_PREFIXES = {Purpose.QUERY: InputType.QUERY.value, Purpose.PASSAGE: InputType.PASSAGE.value}
_BATCH_TOKENS = 1024


class ExportedTextEncoder:
    """``text_encoder`` of a model repository; ``folder`` is one of its versions.

    Calling it gives L2-normalized vectors ``[n, width]`` of the space ``embedding_model``.
    ``fingerprint`` is the SHA-256 of the files that decide them, in hexadecimal digits.
    Raises ``FileNotFoundError`` when it was not exported yet.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        manifest = folder / "manifest.json"
        if not manifest.is_file():
            raise FileNotFoundError(
                f"{folder}: no text encoder; run `python -m training.export --only text_encoder` first"
            )
        self.embedding_model = str(json.loads(manifest.read_text(encoding="utf-8"))["embedding_model"])
        files = hashlib.sha256()
        for name in ("model.onnx", "tokenizer.json"):
            files.update(hashlib.sha256((folder / name).read_bytes()).digest())
        self.fingerprint = files.hexdigest()
        self._tokenizer = HuggingFaceTokenizer(folder / "tokenizer.json")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        """Embed texts, those of similar length together."""
        vectors: list[NDArray[np.float32]] = [np.empty(0, np.float32)] * len(texts)
        for batch, _, (found,) in self._run(texts, purpose, ["sentence"]):
            for position, vector in zip(batch, found, strict=True):
                vectors[position] = vector
        return np.stack(vectors)

    def features(self, texts: Sequence[str], purpose: Purpose) -> list[TextFeatures]:
        """Embed texts with the vectors of their tokens, which leave out the prefix as the service does."""
        prefix = len(_PREFIXES[purpose])
        features: dict[int, TextFeatures] = {}
        for batch, members, (sentences, tokens) in self._run(texts, purpose, ["sentence", "tokens"]):
            for row, (position, member) in enumerate(zip(batch, members, strict=True)):
                pairs = zip(member.ends, member.special, strict=True)
                own = [place for place, (end, special) in enumerate(pairs) if end > prefix and not special]
                features[position] = TextFeatures(sentences[row], tokens[row][own])
        return [features[position] for position in range(len(texts))]

    def _run(
        self, texts: Sequence[str], purpose: Purpose, outputs: Sequence[str]
    ) -> Iterator[tuple[list[int], list[Tokens], list[NDArray[np.float32]]]]:
        """Give for each batch the positions of its texts, their tokens, and the outputs."""
        tokenized = self._tokenizer.tokenize([_PREFIXES[purpose] + text for text in texts])
        ids = [tokens.ids for tokens in tokenized]
        order = sorted(range(len(ids)), key=lambda position: len(ids[position]))
        while order:
            size = max(1, _BATCH_TOKENS // len(ids[order[min(len(order), 64) - 1]]))
            batch, order = order[:size], order[size:]
            longest = max(len(ids[position]) for position in batch)
            tokens = np.zeros((len(batch), longest), np.int64)
            mask = np.zeros_like(tokens)
            for row, position in enumerate(batch):
                tokens[row, : len(ids[position])] = ids[position]
                mask[row, : len(ids[position])] = 1
            found = self._session.run(list(outputs), {"input_ids": tokens, "attention_mask": mask})
            yield batch, [tokenized[position] for position in batch], found
