"""Whether somebody is spelling out a number, a name, an address or an e-mail address. Pure.

Who spells pauses between the groups, for longer than between sentences.
"""

import re

_WORD = re.compile(r"[a-z0-9@]+(?:[-'’._+@]+[a-z0-9@]+)*")
_SPOKEN_WORDS = (
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety "
    "hundred thousand double triple dash hyphen dot slash underscore"
)
_SPOKEN = frozenset(_SPOKEN_WORDS.split())
_WORDS_OF_ONE_LETTER = frozenset(("a", "i"))
_SEVERAL = re.compile(
    r"(?:[a-z]|\d+)(?:[-.](?:[a-z]|\d+)){2,}|\d+(?:[-.]\d+)+"  # "f-d-2-0", "555-01"
    r"|(?:[a-z]{1,8}-?)?\d{3,}"  # "20418", "fd-20418"
    r"|(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{4,}"  # "umnyh6"
    r"|[\w.+-]+@[\w.+-]*"
)
_CHINESE = re.compile(r"[零〇一二三四五六七八九十百千万幺两点杠]+$")
_SEVERAL_ITEMS = 2
_SEVERAL_CHARACTERS = 3

_ASKED = re.compile(
    r"\b(?:number|code|address|e-?mail|postcode|zip|iban|digits|spell|name)\b"
    r"|号码|订单号|单号|编号|卡号|地址|邮箱|电子邮件|邮编|验证码|拼写|姓名|名字",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"[?？吗]|\b(?:please|tell me|give me|let me have|i need|we need|spell)\b|请|告诉|提供", re.IGNORECASE
)
_LAST_SENTENCE = re.compile(r"[^.!?。！？]*[.!?。！？]*\s*$")


def asks_for_spelling(answer: str) -> bool:
    """Whether an answer's last sentence asks for what customers spell: a number, an address, a name."""
    found = _LAST_SENTENCE.search(answer.strip())
    sentence = found.group() if found else ""
    return bool(_ASKED.search(sentence) and _WANTED.search(sentence))


def is_spelling(text: str, *, asked: bool = False) -> bool:
    """Whether ``text`` ends in something that is being spelled, so that more of it may follow.

    Several spelled words at its end, or a number of three digits or more. With
    ``asked`` (an answer just asked for such a thing) one spelled word anywhere is enough.
    """
    words = _WORD.findall(text.casefold())
    chinese = _CHINESE.search(text.rstrip("。，、.,?？ "))
    characters = len(chinese.group()) if chinese else 0
    if asked:
        return characters > 0 or any(
            _spelled_items(word) and word not in _WORDS_OF_ONE_LETTER for word in words
        )
    at_the_end = 0
    for word in reversed(words):
        if not (items := _spelled_items(word)):
            break
        at_the_end += items
    return at_the_end >= _SEVERAL_ITEMS or characters >= _SEVERAL_CHARACTERS


def _spelled_items(word: str) -> int:
    """How many spelled things a word holds: none, one, or several."""
    if _SEVERAL.fullmatch(word):
        return _SEVERAL_ITEMS
    return int(len(word) == 1 or word.isdigit() or word in _SPOKEN)
