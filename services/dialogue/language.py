"""Which of our languages a text is in."""

import re
from collections.abc import Collection

from services.serving.errors import InvalidArgument

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_LATIN_WORD = re.compile(r"[A-Za-z]+")


def tell_language(text: str, languages: Collection[str], default: str) -> str:
    """Tell English from Mandarin by the script: Mandarin has at least as many Han characters as Latin words.

    ``default`` is given for texts in neither script, and for a language that is not among ``languages``.
    """
    han, latin = len(_HAN.findall(text)), len(_LATIN_WORD.findall(text))
    told = default if han == latin == 0 else "zh" if han >= latin else "en"
    return told if told in languages else default


def known_language(code: str, languages: Collection[str], field: str) -> str:
    """Give the language of a code such as ``zh-CN``. Raises ``InvalidArgument`` when it is none of ours."""
    language = re.split("[-_]", code, maxsplit=1)[0].lower()
    language = "zh" if language == "cmn" else language
    if language not in languages:
        known = ", ".join(sorted(languages))
        raise InvalidArgument("LANGUAGE_UNKNOWN", f"unknown language: give one of {known}", field=field)
    return language
