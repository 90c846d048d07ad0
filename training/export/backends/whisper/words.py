"""Token ids → words, and the signs that a decoder ran in circles."""

import string
import zlib


def split_words(tokenizer, tokens, by_character):
    """[(word with its leading space, number of tokens)]: at spaces, or (Mandarin) at every whole character.

    Punctuation belongs to the word before it, as Whisper's own word times have it.
    """
    words = []
    for piece, count in _whole_characters(tokenizer, tokens):
        mark = piece.strip() in _PUNCTUATION
        if words and (mark or not (by_character or piece.startswith(" "))):
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


def repeats(text, words):
    """Whether the text is a loop: the same one to eight words again and again, at least five times.

    Four equal words in a row may well be said ("no no no no", "six six six six"); longer texts are
    also judged as Whisper does, by how well they compress.
    """
    for length in range(1, 9):
        run = 0
        for index in range(length, len(words)):
            run = run + 1 if words[index] == words[index - length] else 0
            if run >= max(4 * length, 6):
                return True
    return len(text) > 60 and compression_ratio(text) > 2.4


def compression_ratio(text):
    """Bytes of the text by bytes of its zlib form; ordinary speech stays below 2.4."""
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0
