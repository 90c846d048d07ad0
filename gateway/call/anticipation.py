"""The answer that is begun before the turn is over, and dropped unless the turn turns out to mean the same.

Pure.
"""

from collections.abc import Callable

from gateway.call.begun_answer import BegunAnswer
from gateway.call.gathering import Gathering, Question
from gateway.call.ports import CallMetrics
from gateway.turn.hearing import PartialHeard
from gateway.turn.speculation import is_whole, same_meaning


class Anticipation:
    """At most one answer at a time; ``begin`` starts one."""

    def __init__(self, begin: Callable[[Question], BegunAnswer], metrics: CallMetrics) -> None:
        self._begin = begin
        self._metrics = metrics
        self._begun_at = 0.0
        self._answer: BegunAnswer | None = None

    def on_partial(self, partial: PartialHeard, gathering: Gathering, now: float) -> None:
        """Begin an answer where the words so far are a likely whole question; drop one that no longer fits.

        A turn with pictures is not anticipated: its answer takes the sound of all its speech.
        """
        question = gathering.question(partial)
        if self._answer is not None and not _same(self._answer.question, question):
            self.drop()
        if self._answer is None and is_whole(partial) and not gathering.images:
            self._metrics.answer_begun_early()
            self._answer, self._begun_at = self._begin(question), now

    def fits(self, question: Question, over_at: float) -> bool:
        """Whether an answer to this question was begun before ``over_at``, when the turn was over."""
        return self._is_to(question) and self._begun_at < over_at

    def take(self, question: Question, over_at: float) -> BegunAnswer | None:
        """Return the answer that was begun, if it is one to this question; drop it otherwise."""
        if not self._is_to(question):
            self.drop()
            return None
        if self._begun_at < over_at:
            self._metrics.answer_anticipated()
        answer, self._answer = self._answer, None
        return answer

    def drop(self) -> None:
        """Stop what was begun."""
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None

    async def end(self) -> None:
        """Stop what was begun, and wait until nothing of it runs."""
        answer = self._answer
        self.drop()
        if answer is not None:
            await answer.ended()

    def _is_to(self, question: Question) -> bool:
        return self._answer is not None and not self._answer.failed and _same(self._answer.question, question)


def _same(begun: Question, asked: Question) -> bool:
    return same_meaning(begun.said, asked.said) and (begun.typed, begun.images) == (asked.typed, asked.images)
