"""Whether the words so far are a whole sentence, by how they end. Pure.

Recognizers write a full stop behind nearly anything, so that the last word weighs
more than the punctuation does.
"""

import re
from enum import StrEnum


class Completeness(StrEnum):
    """What the words so far seem to be."""

    WHOLE = "WHOLE"
    """A sentence with an end."""
    UNCLEAR = "UNCLEAR"
    """Neither is known, as of no words at all."""
    UNFINISHED = "UNFINISHED"
    """More must follow: it ends in "and", "the", "um", a cut word, 然后, 那个."""


_OPEN_WORDS = (
    "the a an my your our their its every "
    "and or but because cause if while although unless whether plus so "
    "um uh er erm uhm "
    "i i'm i'd i've i'll we're we've we'll you're you've you'll they're they've they'll "
    "he's she's it's that's there's what's where's wanna gonna very"
)
_NEVER_LAST = frozenset(_OPEN_WORDS.split())
_PREPOSITIONS_AND_VERBS = (
    "of to at from with for by about into than "
    "is are was were am do does did have has had can could will would should"
)
_LAST_IN_QUESTIONS_ALONE = frozenset(_PREPOSITIONS_AND_VERBS.split())
_STILL_WHOLE = re.compile(
    r"\b(?:it|he|she|they|we|you|i|that|this|there) "  # "yes it is"
    r"(?:is|are|was|were|am|do|does|did|have|has|had|can|could|will|would|should)$"
    r"|(?:\b(?:to|not|can|could|will|would|should)|n't) (?:do|have)$|\ba while$"
    r"|\b(?:think|hope|believe|guess|suppose|say|said|do|not|it|that) so$"
)
_CHINESE_UNFINISHED = re.compile(
    r"(?:然后|那个|这个|就是|就是说|因为|所以|但是|可是|不过|而且|还有|如果|要是|或者|以及|和|跟|与|的话|嗯|呃|额|那|"
    r"把|被|给|我想|我要|请问|想问一下|关于|比如|比如说|我的|你们的)$"
)
_CHINESE_WHOLE = re.compile(r"(?:吗|呢|吧|了|么|啊|嘛|谢谢|好的|对|是的|不是|可以|没有|多少|哪里|怎么办)$")
_CHINESE_CHARACTER = re.compile(r"[一-鿿]$")
_CUT = re.compile(r"(?:[-–—,;:、，；：]|…|\.\.+)\s*$")
_SENTENCE_END = re.compile(r"[.!?。！？][\"'”’)]*\s*$")
_QUESTION_END = re.compile(r"[?？][\"'”’)]*\s*$")
_AT_THE_END = re.compile(r"[\s.,!?;:…\-–—\"'”’)。，！？、；：]+$")


def completeness(text: str) -> Completeness:
    """Judge the words so far, English or Mandarin."""
    bare = _AT_THE_END.sub("", text.casefold().replace("’", "'"))
    if not bare:
        return Completeness.UNCLEAR
    question = bool(_QUESTION_END.search(text))
    if _CHINESE_CHARACTER.search(bare):
        unfinished = bool(_CHINESE_UNFINISHED.search(bare)) and not question
        whole = bool(_CHINESE_WHOLE.search(bare))  # it is often written without punctuation
    else:
        last = bare.rsplit(maxsplit=1)[-1]
        open_word = last in _NEVER_LAST or (last in _LAST_IN_QUESTIONS_ALONE and not question)
        unfinished = open_word and not _STILL_WHOLE.search(bare)
        whole = False
    if unfinished or _CUT.search(text):
        return Completeness.UNFINISHED
    return Completeness.WHOLE if whole or _SENTENCE_END.search(text) else Completeness.UNCLEAR
