"""What of a passage is embedded, and how its vector is made of it. Pure.

A customer's question is nearer to a passage's title, read as a question, than to
its text; both together find more than either. On the training utterances of
``domains/shop`` (is the best passage one of the utterance's intent's; the top 1 and
the top 3 by cosine) the text gives 0.54/0.72 in English and 0.52/0.70 in Mandarin,
the sum 0.57/0.75 and 0.56/0.72.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_METHOD = b"text as passage + title as query"


def passage_text(title: str, text: str) -> str:
    """Give what is embedded as a passage; its words are what BM25 counts."""
    return f"{title}\n{text}"


def passage_vectors(texts: NDArray[np.float32], titles: NDArray[np.float32]) -> NDArray[np.float32]:
    """Join the vectors of passages' texts (as passages) and titles (as queries).

    All are float32 ``[n, width]``, L2-normalized, and so is what is returned.
    """
    sums = texts + titles
    joined: NDArray[np.float32] = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return joined


def vector_key(title: str, text: str) -> bytes:
    """Identify a passage's vector: SHA-256 over how it is made and what of."""
    return hashlib.sha256(b"\0".join((_METHOD, title.encode(), text.encode()))).digest()
