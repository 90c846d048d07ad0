"""Comparing what was said with what was heard."""

import re
import unicodedata

import jiwer


def words_of(text: str) -> str:
    """Lower case, no punctuation, single spaces; hyphens part words."""
    text = unicodedata.normalize("NFKC", text).lower().replace("-", " ")
    return " ".join(re.sub(r"[^\w\s']", " ", text).split())


def character_error_rate(said: str, heard: str) -> float:
    """Over Han characters, letters and digits alone."""
    said, heard = (re.sub(r"[\W_]", "", words_of(text)) for text in (said, heard))
    return float(jiwer.cer(said, heard))
