"""Keeps the speech of what is said again and again, so that it starts at once. Pure."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Chunks = tuple[Samples, ...]

_ASKED_ONCE = 10_000  # digests of 16 bytes


class SpeechCache:
    """Bounded by bytes; what was not asked for the longest time goes first. For one event loop.

    Speech is kept from the second time on that it is asked for, so that sentences said once, as most
    that hold a customer's own data are, pass by. Texts themselves are not held: a digest stands for
    each. ``max_bytes`` 0 keeps nothing. Samples are kept as the model made them (96 kB a second), so
    that one entry serves every encoding and rate.
    """

    def __init__(self, *, max_bytes: int, max_characters: int) -> None:
        self._max_bytes = max_bytes
        self._max_characters = max_characters
        self._kept: OrderedDict[bytes, Chunks] = OrderedDict()
        self._asked_once: OrderedDict[bytes, None] = OrderedDict()
        self.bytes = 0
        """Held now."""
        self.hits = 0
        self.misses = 0
        """Asked for, and not held; texts over ``max_characters`` are not counted."""

    def ask(self, key: "SpeechKey") -> Chunks | None:
        """The speech, if it is kept."""
        if not self._concerns(key):
            return None
        chunks = self._kept.get(key.digest)
        if chunks is None:
            self.misses += 1
            return None
        self._kept.move_to_end(key.digest)
        self.hits += 1
        return chunks

    def wants(self, key: "SpeechKey") -> bool:
        """Whether to ``keep`` what is being spoken now: it was asked for before. Ask once each time."""
        if not self._concerns(key):
            return False
        if key.digest in self._asked_once:
            return True
        self._asked_once[key.digest] = None
        if len(self._asked_once) > _ASKED_ONCE:
            self._asked_once.popitem(last=False)
        return False

    def keep(self, key: "SpeechKey", chunks: Sequence[Samples]) -> None:
        """Keep speech that was spoken to its end."""
        size = sum(chunk.nbytes for chunk in chunks)
        if size > self._max_bytes or key.digest in self._kept:
            return
        self._asked_once.pop(key.digest, None)
        self._kept[key.digest] = tuple(chunks)
        self.bytes += size
        while self.bytes > self._max_bytes:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= sum(chunk.nbytes for chunk in oldest)

    def _concerns(self, key: "SpeechKey") -> bool:
        return self._max_bytes > 0 and key.characters <= self._max_characters


class SpeechKey:
    """What makes two pieces of speech the same: who asks (a tenant), the voice, its pace, the words.

    Tenants share nothing, so that none can tell by the time it takes what another one's customers heard.
    """

    def __init__(self, tenant: str, voice: str, speed: float, text: str) -> None:
        self.characters = len(text)
        self.digest = hashlib.blake2b(
            repr((tenant, voice, speed, text)).encode(errors="surrogatepass"), digest_size=16
        ).digest()
