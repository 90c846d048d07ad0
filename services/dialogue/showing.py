"""Understands a turn with pictures: embeds what is missing, fuses, and ranks the passages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.dialogue.customer_input import CustomerInput
from services.dialogue.domain.types import Domain
from services.dialogue.evidence import IntentProbability, rank_intents
from services.dialogue.fused import (
    PictureFeatures,
    TextFeatures,
    fusion_rows,
    narrowed,
    passage_probabilities,
    pictured_passages,
)
from services.dialogue.labels import check_fusion_labels
from services.dialogue.model import EMBEDDING_WIDTH, FRAME_WIDTH, REGION_WIDTH
from services.dialogue.passage_joints import PassageJoints
from services.dialogue.ports import Fused, FusionLabels, FusionModel, FusionProfile, Purpose, TextEmbedder
from services.dialogue.retrieval import Hit, hit
from services.dialogue.shown import Shown, ranked_labels, seen_picture
from services.dialogue.weighing import SearchableKnowledge, Split
from services.serving.errors import FailedPrecondition, InvalidArgument, Unavailable

TOP_HITS = 20

LEAST_AGREED = 0.2
"""Probability of an intent by everything together from which on words that are sure of it count."""

EMBEDDED_CHARACTERS = 2_000
"""Of the words in one picture; the fusion model takes fewer tokens than they have."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Passages of the intents ``intents``, one of which the words surely want, and how likely."""

    intents: tuple[str, ...]
    passages: tuple[str, ...]
    probability: float

    def agrees(self, intents: Sequence[IntentProbability]) -> bool:
        """Whether everything together thinks of these intents too: vague words can be sure of a wrong one."""
        agreed = sum(i.probability for i in intents if i.label in self.intents)
        return not self.intents or agreed >= LEAST_AGREED


class Showing:
    """Understands by the domain's fusion model."""

    def __init__(self, embedder: TextEmbedder, fusion: FusionModel, split: Split) -> None:
        self._embedder = embedder
        self._fusion = fusion
        self._joints = PassageJoints(fusion)
        self._split = split

    async def understand(
        self,
        asked: CustomerInput,
        language: str,
        domain: Domain,
        knowledge: SearchableKnowledge,
        remaining: Callable[[], float],
        *,
        wanted: Wanted | None = None,
        passage_id: str = "",
    ) -> Shown:
        """Understand a turn of which a picture is known, and that is ``embedded``.

        ``wanted`` is what the words are sure of. ``passage_id`` is among the hits where the language has it,
        however unlikely. Raises ``FailedPrecondition`` when labels or vector spaces do not
        fit, ``InvalidArgument`` for vectors of another width, and what the ports raise.
        """
        profile = await self._fusion.profile(domain.name)
        check_fusion_labels(profile, domain)
        frames = asked.frames if profile.embedding_models.acoustic else None
        _check_spaces(asked, profile, knowledge)
        text = None
        if asked.vector is not None and asked.tokens is not None:
            text = TextFeatures(asked.vector, asked.tokens)
        known = [(place, picture) for place, picture in enumerate(asked.pictures) if picture.known]
        features = [PictureFeatures(p.pooled, p.regions, p.embedded_words) for _, p in known]
        fused = await self._fusion.fuse(
            domain.name, fusion_rows(text, features, frames), timeout_seconds=remaining()
        )
        labels = profile.labels
        _check_unchanged(fused, labels)
        intents = rank_intents(labels.intents, list(fused.intents[0]))
        if wanted and not wanted.agrees(intents):
            wanted = None
        return Shown(
            language=language,
            profile=profile,
            intents=intents,
            products=ranked_labels(labels.products, fused.products[0].tolist()),
            kinds=ranked_labels(labels.kinds, fused.kinds[1:].mean(axis=0).tolist()),
            seen=tuple(
                seen_picture(place, labels.pictures, fused.pictures[row].tolist(), domain)
                for row, (place, _) in enumerate(known, start=1)
            ),
            seen_products=ranked_labels(labels.products, fused.products[1:].max(axis=0).tolist()),
            hits=await self._hits(
                asked, language, domain, knowledge, profile, fused, remaining, wanted, passage_id
            ),
        )

    async def _hits(
        self,
        asked: CustomerInput,
        language: str,
        domain: Domain,
        knowledge: SearchableKnowledge,
        profile: FusionProfile,
        fused: Fused,
        remaining: Callable[[], float],
        wanted: Wanted | None,
        passage_id: str,
    ) -> tuple[Hit, ...]:
        words = [*self._split(asked.text, language), *self._split(asked.picture_words, language)]
        vector = np.zeros(knowledge.width, np.float32) if asked.vector is None else asked.vector
        index = knowledge.by_language.get(language)
        scores = knowledge.score(language, vector, words)
        if index is None or scores is None:
            return ()
        passages = await self._joints.of(index, domain.name, profile, timeout_seconds=remaining())
        of_picture = {picture.id: picture.passages for picture in domain.pictures}
        probabilities = passage_probabilities(
            profile.ranking_without_text if asked.vector is None else profile.ranking,
            passages @ fused.joint[0],
            None if asked.vector is None else scores.cosine,
            scores.bm25,
            pictured_passages(
                fused.pictures[1:],
                [of_picture.get(label, ()) for label in profile.labels.pictures],
                scores.positions,
            ),
        )
        if wanted:
            places = [scores.positions[passage] for passage in wanted.passages if passage in scores.positions]
            probabilities = narrowed(probabilities, places, wanted.probability)
        best = [int(place) for place in np.argsort(-probabilities, kind="stable")[:TOP_HITS]]
        asked_for = scores.positions.get(passage_id)
        if asked_for is not None and asked_for not in best:
            best.append(asked_for)
        return tuple(hit(scores, place, float(probabilities[place])) for place in best)

    async def embedded(self, asked: CustomerInput, remaining: Callable[[], float]) -> CustomerInput:
        """Embed the text and the words in pictures, as far as the caller did not, in one call.

        Raises ``FailedPrecondition`` when the caller's vectors are of another space, and what
        the embedder raises.
        """
        if not asked.text.strip():
            asked = replace(asked, vector=None, tokens=None)
        texts = [asked.text] if asked.text.strip() and (asked.vector is None or asked.tokens is None) else []
        wordy = [
            place
            for place, picture in enumerate(asked.pictures)
            if picture.words.strip() and picture.embedded_words is None
        ]
        wanted = texts + [asked.pictures[place].words[:EMBEDDED_CHARACTERS] for place in wordy]
        if not wanted:
            return asked
        found = await self._embedder.embed(
            wanted, Purpose.QUERY, include_tokens=True, timeout_seconds=remaining()
        )
        if asked.embedding_model not in ("", found.embedding_model):
            raise FailedPrecondition(
                "EMBEDDING_MODEL_MISMATCH",
                f"the input is embedded by {asked.embedding_model}, the text service embeds by"
                f" {found.embedding_model}: embed the whole turn by the encoder that runs",
            )
        embedded = [
            TextFeatures(vector, tokens) for vector, tokens in zip(found.vectors, found.tokens, strict=True)
        ]
        pictures = list(asked.pictures)
        for place, words in zip(wordy, embedded[len(texts) :], strict=True):
            pictures[place] = replace(pictures[place], embedded_words=words)
        asked = replace(asked, pictures=tuple(pictures), embedding_model=found.embedding_model)
        if texts:
            asked = replace(asked, vector=embedded[0].sentence, tokens=embedded[0].tokens)
        return asked


def _check_unchanged(fused: Fused, labels: FusionLabels) -> None:
    """Refuse the answer of a model that took the place of the one that was described."""
    outputs = (fused.intents, fused.products, fused.kinds, fused.pictures)
    known = (labels.intents, labels.products, labels.kinds, labels.pictures)
    if any(output.shape[1] != len(names) for output, names in zip(outputs, known, strict=True)):
        raise Unavailable("FUSION_MODEL_CHANGED", "the fusion model was just replaced: try again")


def _check_spaces(asked: CustomerInput, profile: FusionProfile, knowledge: SearchableKnowledge) -> None:
    """Refuse vectors of other spaces or widths than the fusion model and the index take."""
    models = profile.embedding_models
    _check_space(asked.embedding_model, models.text, profile.model)
    _check_space(asked.embedding_model, knowledge.embedding_model, "the index")
    _check_space(knowledge.embedding_model, models.text, profile.model)
    _check_width(asked.vector, EMBEDDING_WIDTH, "input.text_embedding.sentence")
    _check_width(asked.tokens, EMBEDDING_WIDTH, "input.text_embedding.tokens")
    for place, picture in enumerate(asked.pictures):
        if picture.pooled is not None:
            _check_space(picture.embedding_model, models.image, profile.model)
        field = f"input.images[{place}]"
        _check_width(picture.pooled, REGION_WIDTH, f"{field}.pooled")
        _check_width(picture.regions, REGION_WIDTH, f"{field}.regions")
        if (words := picture.embedded_words) is not None:
            field = f"input.image_text_embeddings[{place}]"
            _check_width(words.sentence, EMBEDDING_WIDTH, f"{field}.sentence")
            _check_width(words.tokens, EMBEDDING_WIDTH, f"{field}.tokens")
    if asked.frames is not None and models.acoustic:
        _check_space(asked.acoustic_model, models.acoustic, profile.model)
        _check_width(asked.frames, FRAME_WIDTH, "input.acoustic_features.width")


def _check_space(space: str, needed: str, what: str) -> None:
    if space and needed and space != needed:
        raise FailedPrecondition(
            "EMBEDDING_MODEL_MISMATCH",
            f"the input is embedded by {space}, {what} needs {needed}: publish the domain again and"
            " export its fusion model with the encoders that run",
        )


def _check_width(vectors: NDArray[np.float32] | None, width: int, field: str) -> None:
    if vectors is not None and vectors.shape[-1] != width:
        raise InvalidArgument(
            "EMBEDDING_INVALID", f"vectors have {vectors.shape[-1]} numbers, not {width}", field=field
        )
