"""What the words of a turn say: the intent model, and retrieval by vectors and words."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.dialogue.customer_input import CustomerInput
from services.dialogue.domain.types import Domain
from services.dialogue.evidence import Evidence, rank_intents
from services.dialogue.ports import IntentModel, IntentProfile, Purpose, TextEmbedder
from services.dialogue.retrieval import Scores, SearchPassage
from services.serving.errors import FailedPrecondition, InvalidArgument

Split = Callable[[str, str], Sequence[str]]
"""Gives the words of a text in a language."""


class SearchableLanguage(Protocol):
    """The passages of one language as of one moment; hashed by identity."""

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Their stored vectors, ``[n, width]``, in the order of ``Scores``."""
        ...


class SearchableKnowledge(Protocol):
    """A knowledge base as of one moment."""

    @property
    def embedding_model(self) -> str:
        """Space of its vectors; empty when it has no passage."""
        ...

    @property
    def width(self) -> int:
        """Width of its vectors; 0 when it has no passage."""
        ...

    @property
    def by_language(self) -> Mapping[str, SearchableLanguage]:
        """The passages of each language that has one."""
        ...

    def score(self, language: str, vector: NDArray[np.float32], words: Sequence[str]) -> Scores | None:
        """Score the passages of a language; None when there are none."""
        ...

    def passage(self, passage_id: str, language: str) -> SearchPassage | None:
        """Find a passage by id."""
        ...


class TextWeigher:
    """Weighs the words of a turn."""

    def __init__(self, embedder: TextEmbedder, intents: IntentModel, split: Split) -> None:
        self._embedder = embedder
        self._intents = intents
        self._split = split

    async def weigh(
        self,
        asked: CustomerInput,
        language: str,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
    ) -> tuple[Evidence, IntentProfile]:
        """Give the evidence of a turn's text; words in pictures count in the search by words.

        Raises ``InvalidArgument`` without text, ``FailedPrecondition`` when vectors or
        labels do not fit, and what the ports raise.
        """
        if not asked.text.strip():
            raise InvalidArgument("INPUT_EMPTY", "nothing to understand: send text", field="input.text")
        profile = await self._intents.profile(domain.name)
        if profile.labels != domain.labels:
            raise FailedPrecondition(
                "INTENT_LABELS_MISMATCH",
                f"the model {profile.model} was trained on other intents than {domain.version} has:"
                " train and load its model, or publish the domain that the model was trained on",
            )
        vector, space = asked.vector, asked.embedding_model
        if vector is None:
            found = await self._embedder.embed([asked.text], Purpose.QUERY, timeout_seconds=remaining())
            vector, space = found.vectors[0], found.embedding_model
        for needed, what in (
            (profile.embedding_model, profile.model),
            (knowledge.embedding_model, "the index"),
        ):
            if needed and needed != space:
                raise FailedPrecondition(
                    "EMBEDDING_MODEL_MISMATCH",
                    f"the text is embedded by {space}, {what} needs {needed}: publish the domain again"
                    " and export its intent model with the text encoder that runs",
                )
        if knowledge.width not in (0, len(vector)):
            raise InvalidArgument(
                "EMBEDDING_INVALID",
                f"the embedding has {len(vector)} numbers, those of {space} have {knowledge.width}",
                field="input.text_embedding.sentence",
            )
        probabilities = await self._intents.probabilities(
            domain.name, profile, asked.text, vector, timeout_seconds=remaining()
        )
        words = [*self._split(asked.text, language), *self._split(asked.picture_words, language)]
        scores = knowledge.score(language, vector, words)
        known = {intent.id: intent for intent in domain.intents}
        ranked = rank_intents(profile.labels, list(probabilities))
        return Evidence(language, ranked, scores, known, profile.rank_weights), profile
