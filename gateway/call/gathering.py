"""What the customer says, types and shows in the turn under way. Pure."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gateway.call.recording import AUDIO_MARGIN
from gateway.call.types import CallLimits, PartialTranscript
from gateway.turn.features import AcousticFeatures
from gateway.turn.hearing import FinalHeard, PartialHeard
from gateway.turn.types import ImageInput, Transcript
from services.serving.errors import ResourceExhausted


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer answers. ``acoustic`` is known of what was heard to its end."""

    said: str
    language_code: str
    typed: str
    images: tuple[ImageInput, ...]
    acoustic: AcousticFeatures | None = None


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(slots=True)
class Gathering:
    """One turn of the customer's, until it is over."""

    turn_id: str = field(default_factory=_new_id)
    in_utterance: bool = False
    start: timedelta | None = None
    """Where the customer began to speak."""
    partial: PartialHeard | None = None
    utterances: list[FinalHeard] = field(default_factory=list)
    typed: list[str] = field(default_factory=list)
    images: list[ImageInput] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to answer."""
        return not (self.said or self.typed or self.images)

    @property
    def said(self) -> str:
        """The words of all utterances that are over."""
        return _joined([final.transcript.text for final in self.utterances])

    @property
    def typed_text(self) -> str:
        """All that was typed, a line each."""
        return "\n".join(self.typed)

    def follow(self, other: "Gathering") -> None:
        """Go on with a turn whose answer was not heard: its end was none."""
        self.utterances[:0] = other.utterances
        self.typed[:0] = other.typed
        self.images[:0] = other.images
        self.start = other.start if other.start is not None else self.start

    def type(self, text: str, limits: CallLimits) -> None:
        """Add typed text. ResourceExhausted above the limit."""
        self.typed.append(text)
        if len(self.typed_text) > limits.text_characters:
            raise ResourceExhausted(
                "TEXT_TOO_LONG",
                f"a turn's text has at most {limits.text_characters} characters in all",
                field="text",
                metadata={"limit": str(limits.text_characters)},
            )

    def press(self, digits: str, limits: CallLimits) -> None:
        """Add keys, joined to those before; the "#" at the end of a number is not part of it."""
        number = digits.removesuffix("#")
        if number and self.typed and not self.typed[-1].strip("0123456789*#ABCD"):
            self.typed[-1] += number
            self.type(self.typed.pop(), limits)
        elif number:
            self.type(number, limits)

    def show(self, image: ImageInput, limits: CallLimits) -> None:
        """Add a picture. ResourceExhausted above the limit."""
        if len(self.images) == limits.images:
            raise ResourceExhausted(
                "TOO_MANY_IMAGES",
                f"a turn has at most {limits.images} pictures",
                field="image",
                metadata={"limit": str(limits.images)},
            )
        self.images.append(image)

    def partial_transcript(self, partial: PartialHeard) -> PartialTranscript:
        """Return all words so far, those of the utterances before among them."""
        before = self.said
        stable = len(before.split()) + partial.stable_word_count
        words = len(before.split()) + partial.word_count
        return PartialTranscript(_joined([before, partial.text]), stable, stable / words if words else 0.0)

    def question(self, partial: PartialHeard | None = None) -> Question:
        """Return what there is to answer; with the words of a partial where the utterance is not over."""
        said = _joined([self.said, partial.text]) if partial else self.said
        heard = [partial.language_code] if partial else []
        heard += [final.transcript.language_code for final in reversed(self.utterances)]
        acoustic = self.utterances[-1].acoustic if self.utterances else None
        language = next((code for code in heard if code), "")
        return Question(said, language, self.typed_text, tuple(self.images), acoustic)

    def span(self) -> tuple[timedelta, timedelta] | None:
        """From the start of the first utterance to the end of the last; None where nobody spoke."""
        if not self.utterances:
            return None
        return self.utterances[0].start, self.utterances[-1].end

    def transcript(self) -> Transcript | None:
        """Return all that was said, with times from the start of the turn's audio."""
        if not self.utterances:
            return None
        start = timedelta()
        origin = max(self.utterances[0].start - AUDIO_MARGIN, start)
        words = tuple(
            # A word may be placed before the sound that was taken for speech, and its audio is not kept.
            replace(word, start=max(word.start - origin, start), end=max(word.end - origin, start))
            for final in self.utterances
            for word in final.transcript.words
        )
        spoken = [final.transcript for final in self.utterances if final.transcript.text]
        confidence = sum(one.confidence for one in spoken) / len(spoken) if spoken else 0.0
        return Transcript(self.said, spoken[-1].language_code if spoken else "", confidence, words)


def _joined(texts: list[str]) -> str:
    return " ".join(text for text in texts if text)
