"""The encoder's tokenizer, read from its file."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from services.serving.errors import FailedPrecondition
from services.text.encoder import Tokens
from services.text.model import MAX_TOKENS


class HuggingFaceTokenizer:
    """Implements ``services.text.encoder.TextTokenizer`` on a ``tokenizer.json``.

    Raises:
        FailedPrecondition: the file is not there or not a tokenizer.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FailedPrecondition(
                "TOKENIZER_MISSING", f"there is no tokenizer {path}: make it with `make export`"
            )
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception
            raise FailedPrecondition("TOKENIZER_INVALID", f"{path} is no tokenizer: {error}") from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """Tokenize each text, with special tokens, cut to the encoder's window."""
        return [
            Tokens(
                ids=encoding.ids,
                pieces=encoding.tokens,
                ends=[end for _, end in encoding.offsets],
                special=encoding.special_tokens_mask,
                truncated=bool(encoding.overflowing),
            )
            for encoding in self._tokenizer.encode_batch(texts)
        ]
