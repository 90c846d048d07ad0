"""One spelling for what sounds the same: error rates count what was heard wrong, not how it was written.

For English: case and punctuation go; numbers become single digits ("fifty one", "51" → 5 1), the spoken
letter O and "oh" become 0, spelled letters become single ones ("CK-CW", "C K C W" → c k c w). For Mandarin:
simplified characters, without punctuation and spaces, Latin letters in lower case, digits as characters.
"""

import re

_NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen"""
_UNITS = {word: value for value, word in enumerate(_NUMBERS.split())}
_TENS = {
    word: 10 * value
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], start=2
    )
}
_ORDINALS = {
    "first": "one",
    "second": "two",
    "third": "three",
    "fifth": "five",
    "eighth": "eight",
    "ninth": "nine",
    "twelfth": "twelve",
    **{tens.replace("y", "ieth"): tens for tens in _TENS},
}
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?|\d+")
_HAN_DIGITS = "零一二三四五六七八九"
_DIGITS_AS_HAN = {str(value): digit for value, digit in enumerate(_HAN_DIGITS)}


def english_tokens(text: str, *, capitals_spell: bool = True) -> list[str]:
    """The tokens that are compared. ``capitals_spell`` is False for references written in capitals alone."""
    text = re.sub(r"(\d)(?:st|nd|rd|th)\b", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r"(\d),(\d{3})\b", r"\1\2", text)
    tokens: list[str] = []
    tens = 0
    for word in _WORD.findall(text):
        if capitals_spell and word.isupper() and len(word) > 1:
            tokens += [*(str(tens) if tens else ""), *word.lower().replace("o", "0")]
            tens = 0
            continue
        lower = _cardinal(word.lower())
        if tens and lower in _UNITS and 0 < _UNITS[lower] < 10:
            tokens += [str(tens // 10), str(_UNITS[lower])]
            tens = 0
            continue
        if tens:
            tokens += str(tens)
            tens = 0
        if lower in _TENS:
            tens = _TENS[lower]
        elif lower in _UNITS:
            tokens += str(_UNITS[lower])
        elif word.isdigit():
            tokens += word
        elif lower in ("o", "oh"):
            tokens.append("0")
        else:
            tokens.append(lower.replace("'", ""))
    return tokens + list(str(tens) if tens else "")


def mandarin_characters(text: str) -> list[str]:
    """The characters that are compared; ``text`` in simplified characters."""
    return [_DIGITS_AS_HAN.get(character, character.lower()) for character in text if character.isalnum()]


def _cardinal(word: str) -> str:
    """ "fourth" → "four"; other words as they are."""
    if word in _ORDINALS:
        return _ORDINALS[word]
    return word[:-2] if word.endswith("th") and word[:-2] in _UNITS else word
