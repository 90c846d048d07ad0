"""A trained reranker, asked with torch."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from training.export.backends.reranker.scorer import pad, runs, set_window, tokenize
from training.reranker.arguments import RerankerArguments
from training.reranker.model import RerankerModel

PREFIXES: Final = {"query: ": {"question": "query: ", "passage": "passage: "}}
"""By an encoder's prefix for questions."""


@dataclass
class Trained:
    """A model with what it needs to be asked; ``name`` and ``licence`` are the encoder's."""

    model: RerankerModel
    tokenizer: Any
    prefix: str
    name: str
    licence: str
    arguments: RerankerArguments

    def __post_init__(self) -> None:
        """Let the tokenizer cut pairs."""
        self.backend = self.tokenizer.backend_tokenizer
        self.prefixes = PREFIXES.get(self.prefix, {"question": self.prefix, "passage": ""})
        set_window(self.backend, self.arguments.max_tokens)

    @property
    def pad_id(self) -> int:
        """What fills up shorter pairs."""
        return int(self.tokenizer.pad_token_id or 0)

    def inputs(self, questions: Sequence[str], passages: Sequence[str]) -> dict[str, torch.Tensor]:
        """Give pairs as one batch; see ``RerankerModel.forward``."""
        pairs = tokenize(self.backend, list(questions), list(passages), self.prefixes)
        return {name: torch.from_numpy(array) for name, array in pad(pairs, self.pad_id).items()}

    def __call__(self, questions: Sequence[str], passages: Sequence[str]) -> NDArray[np.float32]:
        """Score pairs, float32 ``[n]``: those of similar length together."""
        pairs = tokenize(self.backend, list(questions), list(passages), self.prefixes)
        scores = np.empty(len(pairs), np.float32)
        self.model.eval()
        with torch.inference_mode():
            for run in runs([len(ids) for ids in pairs]):
                padded = pad([pairs[place] for place in run], self.pad_id)
                tensors = {name: torch.from_numpy(array) for name, array in padded.items()}
                scores[run] = self.model(**tensors).float().numpy()
        return scores

    def told(self) -> dict[str, Any]:
        """Give what a manifest says of the model, beside figures."""
        return {
            "encoder": self.name,
            "licence": self.licence,
            "prefixes": self.prefixes,
            "window": self.arguments.max_tokens,
            "pad_id": self.pad_id,
            "layers": len(self.model.encoder.encoder.layer),
            "arguments": asdict(self.arguments),
        }
