"""When a customer's turn is over. Pure; time is handed in, in seconds of one monotonic clock.

Silence alone ends a turn too early or too late (Raux and Eskenazi, "A Finite-State
Turn-Taking Model for Spoken Dialog Systems", NAACL 2009, choose the threshold by what
else is known, too). Here the silence that it takes lies between two settings: the nearer
to the shorter, the surer the end is by what was said, what was asked, and how it sounded.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from gateway.turn.completeness import Completeness, completeness
from gateway.turn.hearing import FinalHeard, Heard, PartialHeard, UtteranceStarted, VoiceEvidence
from gateway.turn.spelling import asks_for_spelling, is_spelling
from gateway.turn.turn_taking import TurnTaking

_EVIDENCE_HOLDS_SECONDS = 0.15  # evidence comes every 0.1 s; audio that never came is no silence
_AFTER_KEYS_SECONDS = 2.0


class EndOfTurnReason(StrEnum):
    """Why a turn is over."""

    COMPLETE = "COMPLETE"
    SILENCE = "SILENCE"
    TEXT = "TEXT"
    DTMF = "DTMF"
    HALF_CLOSE = "HALF_CLOSE"


@dataclass(frozen=True, slots=True)
class AnswerAsked:
    """The answer that the customer heard last, as text: what it asks for may take longer to say."""

    text: str


@dataclass(frozen=True, slots=True)
class TextTyped:
    """The customer typed something."""


@dataclass(frozen=True, slots=True)
class KeysPressed:
    """The customer pressed keys, of 0-9 * # A-D."""

    digits: str


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """No more of the customer's audio will come."""


TurnInput = Heard | AnswerAsked | TextTyped | KeysPressed | AudioEnded


@dataclass(frozen=True, slots=True)
class TurnEndDecision:
    """The turn is over, after ``silence``."""

    reason: EndOfTurnReason
    silence: timedelta


@dataclass(frozen=True, slots=True)
class Sureness:
    """End-of-turn probabilities between which the silence falls from the longer to the shorter setting."""

    unsure: float
    sure: float

    def share(self, probability: float) -> float:
        """How much of the way to the shorter silence, 0 to 1."""
        return min(max((probability - self.unsure) / (self.sure - self.unsure), 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class TurnEndModel:
    """How much the end-of-turn model is believed, by what the words so far seem to be."""

    whole: Sureness = Sureness(0.05, 0.4)
    unclear: Sureness = Sureness(0.2, 0.7)
    unfinished: Sureness = Sureness(0.6, 1.2)
    spelling: Sureness = Sureness(0.5, 0.95)
    unknown_probability: float = 0.3
    """What stands for the model's probability while there is none."""


class TurnEnd:
    """Decides over one call. One decision a turn: it ends with the utterance's final.

    ``on`` takes what happens and ``check`` what time does; each returns a decision when
    the turn is over. ``next_check`` says when ``check`` may next have one.
    """

    def __init__(self, settings: TurnTaking, model: TurnEndModel | None = None) -> None:
        self._settings = settings
        self._model = model or TurnEndModel()
        self._asked_for_spelling = False
        self._keys_at: float | None = None
        self._text = ""
        self._spelling = False
        self._sureness = self._model.unclear
        self._settled_end: timedelta | None = None
        self._in_utterance = False
        self._decided = False
        self._evidence: VoiceEvidence | None = None
        self._evidence_at = 0.0

    def on(self, event: TurnInput, now: float) -> TurnEndDecision | None:
        """Take in what happened ``now``."""
        match event:
            case UtteranceStarted():
                self._begin(in_utterance=True)
            case FinalHeard(transcript=transcript):
                self._begin(in_utterance=False)
                self._asked_for_spelling = self._asked_for_spelling and not transcript.text
            case PartialHeard(text=text, settled=settled, end=end):
                self._settled_end = end if settled else None
                self._judge(text)
            case VoiceEvidence():
                self._evidence, self._evidence_at = event, now
                if event.speaking:
                    self._keys_at = None
            case AnswerAsked(text=text):
                self._asked_for_spelling = asks_for_spelling(text)
                self._judge(self._text)
            case TextTyped():
                if not self._in_utterance:
                    return TurnEndDecision(EndOfTurnReason.TEXT, timedelta())
            case KeysPressed(digits=digits):
                return self._on_keys(digits, now)
            case AudioEnded():
                return self._decide(EndOfTurnReason.HALF_CLOSE, timedelta()) if self._in_utterance else None
        return self.check(now)

    def check(self, now: float) -> TurnEndDecision | None:
        """Decide by the time that has passed."""
        if (
            self._keys_at is not None
            and not self._in_utterance
            and now >= self._keys_at + _AFTER_KEYS_SECONDS
        ):
            self._keys_at = None
            return TurnEndDecision(EndOfTurnReason.DTMF, timedelta())
        due = self._due()
        if due is None or now < due or self._evidence is None:
            return None
        waited = min(now - self._evidence_at, _EVIDENCE_HOLDS_SECONDS)
        surely = self._required() < self._longest()
        reason = EndOfTurnReason.COMPLETE if surely else EndOfTurnReason.SILENCE
        return self._decide(reason, self._evidence.silence + timedelta(seconds=waited))

    def next_check(self, now: float) -> float | None:
        """Seconds until ``check`` may decide if nothing happens before; None: not before something does."""
        times = [self._due()]
        if self._keys_at is not None and not self._in_utterance:
            times.append(self._keys_at + _AFTER_KEYS_SECONDS)
        known = [time for time in times if time is not None]
        return max(min(known) - now, 0.0) if known else None

    def _begin(self, *, in_utterance: bool) -> None:
        self._in_utterance = in_utterance
        self._settled_end, self._decided = None, False
        self._judge("")
        if not in_utterance:
            self._evidence = None

    def _on_keys(self, digits: str, now: float) -> TurnEndDecision | None:
        if not digits.endswith("#"):
            self._keys_at = now
            return None
        self._keys_at = None
        silence = self._evidence.silence if self._in_utterance and self._evidence else timedelta()
        return self._decide(EndOfTurnReason.DTMF, silence)

    def _decide(self, reason: EndOfTurnReason, silence: timedelta) -> TurnEndDecision:
        self._decided = self._in_utterance
        return TurnEndDecision(reason, silence)

    def _due(self) -> float | None:
        """When the silence that it takes is reached, if the evidence holds until then."""
        evidence = self._evidence
        if not self._in_utterance or self._decided or evidence is None or evidence.speaking:
            return None
        missing = (timedelta(seconds=self._required()) - evidence.silence).total_seconds()
        return self._evidence_at + max(missing, 0.0) if missing <= _EVIDENCE_HOLDS_SECONDS else None

    def _required(self) -> float:
        """Seconds of silence that it takes, by all that is known now."""
        longest = self._longest()
        if not self._knows_the_last_words():
            return longest
        shortest = min(self._settings.complete_silence.total_seconds(), longest)
        probability = self._evidence.end_of_turn_probability if self._evidence else None
        known = self._model.unknown_probability if probability is None else probability
        return longest - (longest - shortest) * self._sureness.share(known)

    def _knows_the_last_words(self) -> bool:
        evidence, heard = self._evidence, self._settled_end
        if evidence is None or heard is None or not self._text:
            return False
        return heard >= evidence.end - evidence.silence

    def _longest(self) -> float:
        settings = self._settings
        return (settings.spelling_silence if self._spelling else settings.incomplete_silence).total_seconds()

    def _judge(self, text: str) -> None:
        """Take in the words so far."""
        self._text = text
        self._spelling = is_spelling(text, asked=self._asked_for_spelling)
        if self._spelling:
            self._sureness = self._model.spelling
            return
        match completeness(text):
            case Completeness.WHOLE:
                self._sureness = self._model.whole
            case Completeness.UNFINISHED:
                self._sureness = self._model.unfinished
            case _:
                self._sureness = self._model.unclear
