"""Token ids → words, and the signs that a decoder ran in circles."""

import re
import string
import zlib
from collections.abc import Sequence
from typing import Any


def split_words(tokenizer: Any, tokens: Sequence[int], by_character: bool) -> list[tuple[str, int]]:
    """[(word with its leading space, number of tokens)]: at spaces, or (Mandarin) at every whole character.

    Punctuation belongs to the word before it, as Whisper's own word times have it. English words and
    numbers within Mandarin stay whole.
    """
    words = []
    for piece, count in _whole_characters(tokenizer, tokens):
        mark = piece.strip() in _PUNCTUATION
        apart = piece.startswith(" ") or (
            by_character and not (words and _latin(words[-1][0][-1] + piece[:1]))
        )
        if words and (mark or not apart):
            words[-1] = (words[-1][0] + piece, words[-1][1] + count)
        else:
            words.append((piece, count))
    return words


_PUNCTUATION = set(string.punctuation) | set("，。！？、；：“”‘’（）《》…—·")


def _whole_characters(tokenizer, tokens):
    """Groups of tokens that decode to whole characters: a byte-level token may hold a part of one."""
    begin = 0
    for end in range(1, len(tokens) + 1):
        piece = tokenizer.decode(tokens[begin:end], skip_special_tokens=False)
        if "�" not in piece or end == len(tokens):
            yield piece, end - begin
            begin = end


def _latin(characters):
    return characters.isascii() and characters.isalnum()


def repeats(text: str) -> bool:
    """Whether the text is a loop: the same again at least five times, over a dozen characters or more.

    A few equal words in a row may well be said ("no no no", "zero zero zero zero"). Longer texts are also
    judged as Whisper does, by how well they compress: ordinary speech stays below 2.4.
    """
    if any(len(found[0]) >= 12 for found in _AGAIN.finditer(text)):
        return True
    encoded = text.encode()
    return len(encoded) > 60 and len(encoded) > 2.4 * len(zlib.compress(encoded))


_AGAIN = re.compile(r"(.{1,60}?)\1{4,}", re.DOTALL)
