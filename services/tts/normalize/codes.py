"""Parts of a text that are read sign by sign in every language: order numbers, phone numbers, addresses."""

import re
import unicodedata

_QUANTITY = r"(?!\d+(?:[KMGT]B|[kMG]?Hz|mAh|k?Wh|[MG]bps|k?W|V|K|ms|km|kg|cm|mm)(?![\w-]))"

CODE = re.compile(
    rf"(?<![\w-]){_QUANTITY}(?:[A-Z]{{1,6}}-?\d{{4,}}[A-Z0-9]*(?:-[A-Z0-9]+)*"
    r"|(?=[A-Z0-9-]*[A-Z])(?=(?:[A-Z-]*\d){3})[A-Z0-9]+(?:-[A-Z0-9]+)+"
    r"|(?=\d*[A-Z])(?=(?:[A-Z]*\d){3})[A-Z0-9]{5,})(?![\w-])",
    re.ASCII,
)
"""Letters and digits together, such as FD-20418 or AB12CD34, but not 5G, USB-C or 128GB."""

LONG_NUMBER = re.compile(r"(?<![\d.,])\d{7,}(?![\d.,]\d|\d)")
"""So many digits without a separator are not a quantity."""

CARD = re.compile(r"(?<![\d-])\d{4}(?:([ -])\d{4})(?:\1\d{4}){1,2}(?![\d-])")
"""The groups of four of a payment card."""

YEARS = re.compile(r"(?<![\d-])((?:19|20)\d\d) ?[-–—~～] ?((?:19|20)\d\d)(?![\d-])")
"""From one year to another, which else looks like a phone number."""

PHONE = re.compile(
    r"(?<![\w.])(?:\+\d{1,3}[ -]?|1[ -])?(?:\(\d{2,4}\)[ -]?|\d{2,4}[ -])(?:\d{3,4}[ -]?)?\d{4}(?![\w-])"
    r"|(?<!\w)\+\d{7,14}(?!\w)",
    re.ASCII,
)

EMAIL = re.compile(r"(?<![\w.])[\w.+-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
URL = re.compile(
    r"(?:https?://|www\.)[^\s<>\"'，。；、）)]+|(?<![\w@.])[\w-]+\.(?:com|cn|org|net|io|shop|example)\b(?:/[\w./-]*)?",
    re.ASCII,
)

_MARKUP = re.compile(r"\[([^\]]*)\]\([^)]*\)|~~|[*_`|<>{}\\^\[\]]+|^\s*(?:[-•·*]|#+)\s+", re.MULTILINE)


def clean(text: str) -> str:
    """Without what has no sound: markup, pictographs, control characters; forms that look alike unified."""
    text = _MARKUP.sub(lambda found: found.group(1) or " ", text)
    text = "".join(_plain(character) for character in text)
    return re.sub(r"\s+", " ", text).strip()


def has_speech(text: str) -> bool:
    """Whether anything of the text can be read out."""
    return any(character.isalnum() or character in "%$€£¥&+=@#" for character in clean(text)) and any(
        character.isalnum() for character in text
    )


def groups(number: str) -> list[str]:
    """The digits of a phone number or a code as they are grouped in writing."""
    return re.findall(r"\d+|[A-Za-z]+", number)


def _plain(character: str) -> str:
    if "！" <= character <= "～" and character.isalnum():  # full-width letters and digits
        return unicodedata.normalize("NFKC", character)
    if unicodedata.category(character) in {"No", "Nl"} and character not in "¹²³":  # ①, Ⅳ, ½
        plain = unicodedata.normalize("NFKC", character)
        return f" {plain.replace('⁄', '/')}" if "⁄" in plain else plain
    if character in "’‘":
        return "'"
    if character in "‐‑‒−":
        return "-"
    category = unicodedata.category(character)
    if category in {"So", "Cs", "Co", "Cn", "Cf", "Mn", "Sk"} and character not in "°℃℉":
        return ""
    return " " if category in {"Cc", "Zs", "Zl", "Zp"} else character
