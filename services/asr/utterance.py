"""One utterance while it is spoken: where somebody speaks, and the words so far. Pure."""

from itertools import pairwise

from services.asr.acoustic import AcousticFeatures
from services.asr.agreement import LocalAgreement
from services.asr.listening import FinalWords, ListeningRules, Partial
from services.asr.speech import Span
from services.asr.transcriber import Transcription, Word, joined

_LEAST_CUT_SECONDS = 1.0


class Utterance:
    """Its audio is decoded from ``segment_begin`` on; the words before are done with."""

    def __init__(self, start: float, segment_begin: float, language: str, rules: ListeningRules) -> None:
        """``language`` is "" where it is to be detected."""
        self.start = start
        self.segment_begin = segment_begin
        self.language = language
        self.settled_for: float | None = None
        """End of the speech that the last decoding held as a whole."""
        self._rules = rules
        self._named = language
        self._spans: list[Span] = []  # of the segment: runs of speech that are over
        self._end = start  # of the last of them
        self._done: tuple[Word, ...] = ()
        self._agreement = LocalAgreement()
        self._found = language
        self._model = ""
        self._told: tuple[tuple[str, ...], int] = ((), 0)

    def spans(self, run: Span | None) -> list[Span]:
        """Where somebody speaks in the segment; ``run`` is the confirmed run that goes on."""
        return self._spans if run is None else [*self._spans, run]

    def speech_end(self, run: Span | None) -> float:
        """End of the speech so far."""
        return self._end if run is None else run.end

    def end_run(self, run: Span) -> None:
        """A run of speech is over."""
        self._spans.append(run)
        self._end = run.end

    def take(self, heard: Transcription | None, until: float, *, settled_for: float | None) -> None:
        """Take the decoding of the segment up to ``until``; None when it had no words.

        ``settled_for`` is the end of the speech that it holds as a whole, None in the midst of speech.
        """
        if heard is None:
            if settled_for is None:
                return  # a word that has just begun may be unbelievable: the words before it stay
            self._agreement.take((), until)
        else:
            self._found, self._model = heard.language, heard.model
            long_enough = until - self.start >= self._rules.sure_language_after
            if not self.language and long_enough and heard.language_confidence >= self._rules.sure_language:
                self.language = heard.language
            # Words in a language that may be the wrong one can change wholly.
            self._agreement.take(heard.words, until if self.language else 0.0)
        if settled_for is not None:
            self.settled_for = settled_for

    def partial(self, until: float, run: Span | None) -> Partial | None:
        """What is to be told after a decoding; None when nothing has changed."""
        words = self._words
        stable = len(self._done) + len(self._agreement.stable)
        settled = self.settled_for is not None and self.settled_for == self.speech_end(run)
        state = (tuple(word.text for word in words), stable)
        if state == self._told and not settled:
            return None
        self._told = state
        return Partial(
            joined(words, self._found), words, stable, until, settled, self._found if words else self._named
        )

    def final(self, run: Span | None, features: AcousticFeatures | None) -> FinalWords:
        """All that was said."""
        words = self._words
        return FinalWords(
            transcript=joined(words, self._found),
            language=self._found if words else self._named,
            words=words,
            start=self.start,
            end=self.speech_end(run),
            model=self._model if words else "",
            features=features if words else None,
        )

    def next_segment(self, begin: float) -> None:
        """All words so far are done with; what is spoken from ``begin`` on is decoded by itself."""
        self._done += self._agreement.words
        self._agreement = LocalAgreement(self._done[-1].end if self._done else 0.0)
        self._begin_at(begin)

    def cut_if_long(self, until: float, run: Span | None) -> None:
        """Take from a long segment what is stable, after a decoding up to ``until``."""
        if until - self.segment_begin < self._rules.long_segment:
            return
        stable = self._agreement.stable
        steady_until = stable[-1].end if stable else self.segment_begin
        spans = self.spans(run)
        pauses = [(before.end + after.begin) / 2 for before, after in pairwise(spans)]
        known = [pause for pause in pauses if self.segment_begin + _LEAST_CUT_SECONDS < pause <= steady_until]
        if known:
            self._cut(known[-1])
        elif until - self.segment_begin >= self._rules.longest_segment:
            if steady_until > self.segment_begin + _LEAST_CUT_SECONDS:
                self._cut(steady_until)
            else:
                self.next_segment(until)

    def _cut(self, at: float) -> None:
        count = sum((word.begin + word.end) / 2 < at for word in self._agreement.stable)
        self._done += self._agreement.cut(count)
        self._begin_at(at)

    def _begin_at(self, begin: float) -> None:
        self.segment_begin = begin
        self._spans = [Span(max(span.begin, begin), span.end) for span in self._spans if span.end > begin]

    @property
    def _words(self) -> tuple[Word, ...]:
        return self._done + self._agreement.words
