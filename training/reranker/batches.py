"""What is trained on at a step: questions, each with one right passage and some wrong ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.data.examples import DataError
from training.reranker.arguments import RerankerArguments
from training.reranker.data import Corpus
from training.reranker.evaluate import text_of
from training.reranker.retrieval import Found

_TRIES: Final = 20


@dataclass(frozen=True, slots=True)
class Batch:
    """Pairs, question by question, each question's right passage first, then its ``negatives``."""

    questions: list[str]
    passages: list[str]


class Batches:
    """Draws batches; a step's is the same whatever was drawn before.

    ``sources`` are corpora with what was found for their training questions; each source is
    asked in the share of its questions. Raises ``DataError`` where nothing can be drawn.
    """

    def __init__(
        self, sources: Sequence[tuple[Corpus, Sequence[Found]]], arguments: RerankerArguments
    ) -> None:
        self._arguments = arguments
        self._asked = [(corpus, found) for corpus, founds in sources for found in founds]
        self._others = {
            (corpus.name, language): [
                place for place, passage in enumerate(corpus.passages) if passage.language == language
            ]
            for corpus, _ in sources
            for language in {passage.language for passage in corpus.passages}
        }
        if not self._asked:
            names = ", ".join(corpus.name for corpus, _ in sources) or "no source"
            raise DataError(f"{names}: there are no training questions: name a source that has some")
        for corpus, found in self._asked:
            language = found.question.language
            if len(self._others[corpus.name, language]) <= len(found.question.answers):
                raise DataError(
                    f"{corpus.name}: every passage in {language} answers the same question: a reranker"
                    " needs wrong ones beside the right ones"
                )

    @property
    def questions(self) -> int:
        """Count what can be asked."""
        return len(self._asked)

    def batch(self, step: int) -> Batch:
        """Draw the batch of a step, from 0: all questions come once before one comes again."""
        arguments = self._arguments
        questions: list[str] = []
        passages: list[str] = []
        for number in range(step * arguments.questions_per_step, (step + 1) * arguments.questions_per_step):
            around, at = divmod(number, len(self._asked))
            order = np.random.default_rng((arguments.seed, 1, around)).permutation(len(self._asked))
            corpus, found = self._asked[int(order[at])]
            rng = np.random.default_rng((arguments.seed, 2, number))
            places = [int(rng.choice(sorted(found.question.answers)))]
            places += [self._wrong(corpus, found, rng) for _ in range(arguments.negatives)]
            questions += [found.question.text] * len(places)
            passages += [text_of(corpus, place) for place in places]
        return Batch(questions, passages)

    def _wrong(self, corpus: Corpus, found: Found, rng: np.random.Generator) -> int:
        right = found.question.answers
        # What was found by vectors or words and is wrong is hard to tell from what is right.
        hard = [
            place
            for place in dict.fromkeys(place for way in found.ranked.values() for place in way)
            if place not in right
        ]
        if hard and rng.random() < self._arguments.hard:
            return int(rng.choice(hard))
        others = self._others[corpus.name, found.question.language]
        for _ in range(_TRIES):
            place = int(rng.choice(others))
            if place not in right:
                return place
        return next(place for place in others if place not in right)
