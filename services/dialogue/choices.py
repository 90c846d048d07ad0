"""What a customer chose of the options that were offered. Pure."""

import re
from collections.abc import Callable, Sequence

from rapidfuzz import fuzz

_ORDINALS = (
    (r"first|1st|one|former", r"第一|一号|前一个|前者"),
    (r"second|2nd|two", r"第二|二号"),
    (r"third|3rd|three", r"第三|三号"),
    (r"fourth|4th|four", r"第四|四号"),
    (r"fifth|5th|five", r"第五|五号"),
)
_LAST = r"\b(?:last|latter)\b|最后|后者|后一个"
_YES = (
    r"yes|yeah|yep|sure|right|correct|exactly|ok|okay|that one|this one"
    r"|是|是的|对|对的|没错|嗯|好|好的|就是这个"
)
_SHORT_WORDS = 6

SAME = 75.0
"""Similarity (0 to 100, by words) from which on words repeat an option's title."""
CLEARLY = 10.0
"""By how much the best title must lead."""


def chosen(text: str, titles: Sequence[str], split: Callable[[str], Sequence[str]]) -> int | None:
    """Give the position of the option that a short reply chooses, None when it chooses none or several.

    Understands positions ("the second one", "2", 第二个), yes when one option
    was offered, and a title's words.
    """
    reply = text.strip().lower().rstrip(".!。！,，~ ")
    if not reply or not titles:
        return None
    by_place = _by_place(reply, len(titles))
    if by_place is not None:
        return by_place
    if len(titles) == 1 and re.fullmatch(_YES, reply):
        return 0
    asked = " ".join(split(text))
    if not asked:
        return None
    ratios = [fuzz.token_set_ratio(asked, " ".join(split(title))) for title in titles]
    order = sorted(range(len(titles)), key=lambda position: -ratios[position])
    second = ratios[order[1]] if len(order) > 1 else 0.0
    return order[0] if ratios[order[0]] >= SAME and ratios[order[0]] - second >= CLEARLY else None


def _by_place(reply: str, count: int) -> int | None:
    han = len(re.findall(r"[\u4e00-\u9fff]", reply))
    if len(reply.split()) > _SHORT_WORDS or han > _SHORT_WORDS + 2:
        return None
    digit = re.fullmatch(r"(?:number |no\.? ?|option |第|选)?([1-9])(?:号|个)?", reply)
    if digit:
        return int(digit[1]) - 1 if int(digit[1]) <= count else None
    if han and re.fullmatch(r"[一二三四五]", reply):
        place = "一二三四五".index(reply)
        return place if place < count else None
    if re.search(_LAST, reply):
        return count - 1
    # "the second one" holds "one": later ordinals are looked for first.
    for place in reversed(range(len(_ORDINALS))):
        latin, mandarin = _ORDINALS[place]
        if re.search(rf"\b(?:{latin})\b|(?:{mandarin})", reply):
            return place if place < count else None
    return None
