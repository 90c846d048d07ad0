"""A text as it is said: no case, no punctuation, numbers in words."""

import re
import unicodedata

from services.tts.normalize import en, zh


def spoken(text: str, language: str) -> str:
    """Give what is heard of a text: in English words in lower case, in Mandarin characters and such words."""
    normalize = zh.spoken if language == "zh" else en.spoken
    said = normalize(unicodedata.normalize("NFKC", text)).lower().replace("’", "'")
    # Apostrophes within a word are heard; all else that is no letter or digit is not.
    words = re.findall(r"\w+(?:'\w+)*", said.replace("_", " "))
    return ("" if language == "zh" and not re.search(r"[a-z]", said) else " ").join(words)
