"""Whether a customer who makes himself heard while an answer plays interrupts it. Pure."""

import re

from gateway.turn.hearing import FinalHeard, Heard, PartialHeard, UtteranceStarted, VoiceEvidence
from gateway.turn.turn_taking import TurnTaking

_ACKNOWLEDGEMENTS = (
    "uh huh uhhuh mhm mm hm mmhm mmhmm mhmm hmm mmm um oh ah aha yeah yep yup yes ok okay right sure alright "
    "great good fine cool thanks thank you i see got it"
)
_ACKNOWLEDGEMENT_WORDS = frozenset(_ACKNOWLEDGEMENTS.split())
_CHINESE_ACKNOWLEDGEMENT = re.compile(
    r"[嗯哦噢啊呃唔]|好的?|对的?|是的?|行|可以|明白了?|知道了?|谢谢你?|没错|了解"
)
_BETWEEN_WORDS = re.compile(r"[^\w']+")
_MOST_WORDS = 4
_QUESTION_END = re.compile(r"[?？吗][\"'”’)]*\s*$")


class BargeIn:
    """Decides over one call; fed with all that is heard, asked while an answer plays.

    "uh-huh" and the like tell that somebody listens; they do not take the turn. Words
    come later than voice does: an answer may be stopped by what turns out to be an
    acknowledgement, a cough or a noise, and then goes on (``resumes``).
    """

    def __init__(self, settings: TurnTaking) -> None:
        self._settings = settings
        self._only_acknowledges = False

    def interrupts(self, heard: Heard) -> bool:
        """Hear more; True when the customer interrupts an answer that plays now.

        He does who has spoken for ``interruption_speech`` and goes on, unless his words
        so far only acknowledge.
        """
        match heard:
            case UtteranceStarted() | FinalHeard():
                self._only_acknowledges = False
            case PartialHeard(text=text):
                self._only_acknowledges = is_acknowledgement(text)
            case VoiceEvidence(speaking=True, voiced=voiced):
                long_enough = voiced >= self._settings.interruption_speech
                return long_enough and not self._settings.uninterruptible and not self._only_acknowledges
        return False

    def resumes(self, final_text: str, *, heard_of_answer: str = "") -> bool:
        """Whether the utterance took no turn, so that an answer may go on behind it.

        No words, or an acknowledgement alone. Behind a question (``heard_of_answer`` is
        the answer as far as it was heard) "yes" is a reply, and so is "okay".
        """
        if not _BETWEEN_WORDS.sub("", final_text):
            return True
        return is_acknowledgement(final_text) and not _QUESTION_END.search(heard_of_answer)


def is_acknowledgement(text: str) -> bool:
    """Whether all of up to four words only tell that somebody listens; False without words."""
    lowered = text.casefold().replace("’", "'")
    rest = lowered if lowered.isascii() else _CHINESE_ACKNOWLEDGEMENT.sub(" ", lowered)
    words = [word for word in _BETWEEN_WORDS.split(rest) if word]
    if not words:
        return rest != lowered
    return len(words) <= _MOST_WORDS and all(word in _ACKNOWLEDGEMENT_WORDS for word in words)
