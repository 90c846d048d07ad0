"""``DialogueService``'s messages, to and from dialogue's own types."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.text.v1 import text_pb2
from frontdesk.vision.v1 import vision_pb2
from numpy.typing import NDArray

from services.dialogue.customer_input import CustomerInput, ShownPicture
from services.dialogue.domain.types import Domain
from services.dialogue.events import (
    AnswerDelta,
    AnswerPicture,
    Citation,
    Completed,
    Event,
    Handoff,
    LabelProbability,
    Understood,
)
from services.dialogue.fused import MAX_IMAGES, TextFeatures
from services.dialogue.language import known_language
from services.dialogue.policy import Decision, HandoffReason
from services.dialogue.state import ConversationState
from services.dialogue.text_client import token_vectors
from services.serving.errors import InvalidArgument

MAX_WORD_CHARACTERS = 10_000
"""Of the words in one picture; what is beyond is left out."""

MAX_REGIONS = 49
"""Of one picture, 7 × 7; all that the fusion is trained on."""

MAX_FRAMES = 3_000

_DECISIONS = {
    Decision.ANSWER: dialogue_pb2.DECISION_ANSWER,
    Decision.ASK_BACK: dialogue_pb2.DECISION_ASK_BACK,
    Decision.HANDOFF: dialogue_pb2.DECISION_HANDOFF,
}
_REASONS = {
    HandoffReason.REQUESTED: dialogue_pb2.HANDOFF_REASON_REQUESTED,
    HandoffReason.LOW_CONFIDENCE: dialogue_pb2.HANDOFF_REASON_LOW_CONFIDENCE,
    HandoffReason.POLICY: dialogue_pb2.HANDOFF_REASON_POLICY,
}


@dataclass(frozen=True, slots=True)
class InputLimits:
    """How much one input may hold."""

    text_characters: int


def customer_input(given: dialogue_pb2.CustomerInput, domain: Domain, limits: InputLimits) -> CustomerInput:
    """Check an input and convert it. Raises ``InvalidArgument``, naming the field."""
    if len(given.text) > limits.text_characters:
        raise InvalidArgument(
            "TEXT_TOO_LONG",
            f"the text has {len(given.text)} characters: {limits.text_characters} at most",
            field="input.text",
        )
    language = None
    if given.language_code:
        language = known_language(given.language_code, domain.languages, "input.language_code")
    embedded_words = any(embedding.sentence for embedding in given.image_text_embeddings)
    if (given.HasField("text_embedding") or embedded_words) and not given.embedding_model:
        raise InvalidArgument(
            "EMBEDDING_MODEL_MISSING",
            "the embedding's vector space is not named: send embedding_model with it",
            field="input.embedding_model",
        )
    vector = tokens = None
    if given.HasField("text_embedding"):
        text = _embedding(given.text_embedding, "input.text_embedding")
        vector, tokens = text.sentence, text.tokens if len(text.tokens) else None
    acoustic = given.acoustic_features if given.HasField("acoustic_features") else None
    return CustomerInput(
        text=given.text,
        language=language,
        vector=vector,
        embedding_model=given.embedding_model if vector is not None or embedded_words else "",
        tokens=tokens,
        pictures=_pictures(given),
        frames=_frames(acoustic) if acoustic and acoustic.frames else None,
        acoustic_model=acoustic.model if acoustic else "",
    )


def _pictures(given: dialogue_pb2.CustomerInput) -> tuple[ShownPicture, ...]:
    if len(given.images) > MAX_IMAGES:
        raise InvalidArgument(
            "TOO_MANY_IMAGES", f"{len(given.images)} pictures: {MAX_IMAGES} at most", field="input.images"
        )
    embeddings = given.image_text_embeddings
    if embeddings and len(embeddings) != len(given.images):
        raise InvalidArgument(
            "EMBEDDING_INVALID",
            f"{len(embeddings)} embeddings of words for {len(given.images)} pictures: send one a picture,"
            " an empty one where a picture has no words, or none at all",
            field="input.image_text_embeddings",
        )
    return tuple(
        _picture(image, embeddings[place] if embeddings else None, place)
        for place, image in enumerate(given.images)
    )


def _picture(
    image: vision_pb2.ImageFeatures, embedding: text_pb2.TextEmbedding | None, place: int
) -> ShownPicture:
    field = f"input.images[{place}]"
    rows, columns = image.region_rows, image.region_columns
    wanted = rows * columns * len(image.pooled)
    if rows < 0 or columns < 0 or rows * columns > MAX_REGIONS or len(image.regions) != wanted:
        raise InvalidArgument(
            "IMAGE_FEATURES_INVALID",
            f"{len(image.regions)} floats of regions do not make {rows} × {columns} regions of"
            f" {len(image.pooled)} floats each, at most {MAX_REGIONS} regions: pass on the vision service's",
            field=f"{field}.regions",
        )
    pooled = _floats(image.pooled, f"{field}.pooled")
    regions = _floats(image.regions, f"{field}.regions")
    if pooled.size and not image.embedding_model:
        raise InvalidArgument(
            "EMBEDDING_MODEL_MISSING",
            "the picture's vector space is not named: send embedding_model with it",
            field=f"{field}.embedding_model",
        )
    words = "\n".join(line.text for line in image.lines if line.text.strip())[:MAX_WORD_CHARACTERS]
    embedded = None
    if embedding is not None and embedding.sentence:
        place_of_words = f"input.image_text_embeddings[{place}]"
        if not words:
            raise InvalidArgument(
                "EMBEDDING_INVALID",
                "the picture has no words to embed: send its lines, or an empty embedding",
                field=place_of_words,
            )
        embedded = _embedding(embedding, place_of_words)
    return ShownPicture(
        pooled=pooled if pooled.size else None,
        regions=regions.reshape(-1, pooled.size) if regions.size else None,
        embedding_model=image.embedding_model,
        words=words,
        embedded_words=embedded,
    )


def _frames(acoustic: asr_pb2.AcousticFeatures) -> NDArray[np.float32]:
    count = len(acoustic.frames)
    if acoustic.width <= 0 or count % acoustic.width or count // acoustic.width > MAX_FRAMES:
        raise InvalidArgument(
            "ACOUSTIC_FEATURES_INVALID",
            f"{count} floats do not make at most {MAX_FRAMES} frames of {acoustic.width} floats each:"
            " pass on the asr service's",
            field="input.acoustic_features.frames",
        )
    if not acoustic.model:
        raise InvalidArgument(
            "EMBEDDING_MODEL_MISSING",
            "the frames' vector space is not named: send model with them",
            field="input.acoustic_features.model",
        )
    return _floats(acoustic.frames, "input.acoustic_features.frames").reshape(-1, acoustic.width)


def _embedding(given: text_pb2.TextEmbedding, field: str) -> TextFeatures:
    sentence = np.asarray(given.sentence, np.float32)
    length = float(np.linalg.norm(sentence.astype(np.float64))) if sentence.size else 0.0
    if not np.isfinite(length) or abs(length - 1.0) > 0.01:
        raise InvalidArgument(
            "EMBEDDING_INVALID",
            "the embedding is not a vector of length 1: pass on TextService's, or leave it out",
            field=f"{field}.sentence",
        )
    if any(len(token.vector) != len(sentence) for token in given.tokens):
        raise InvalidArgument(
            "EMBEDDING_INVALID",
            f"a token's vector does not have the sentence's {len(sentence)} numbers: pass on TextService's",
            field=f"{field}.tokens",
        )
    tokens = token_vectors(given)
    _check_finite(tokens, f"{field}.tokens")
    return TextFeatures(sentence, tokens)


def _floats(given: Sequence[float], field: str) -> NDArray[np.float32]:
    vector = np.fromiter(given, np.float32, len(given))
    _check_finite(vector, field)
    return vector


def _check_finite(vectors: NDArray[np.float32], field: str) -> None:
    if not np.isfinite(vectors).all():
        raise InvalidArgument("EMBEDDING_INVALID", "a number is infinite or none", field=field)


def from_state(given: dialogue_pb2.ConversationState) -> ConversationState:
    """Convert a state. Raises ``InvalidArgument`` for one of a newer version."""
    return ConversationState(
        schema_version=given.schema_version,
        domain_version=given.domain_version,
        turn_count=given.turn_count,
        language=given.language_code,
        last_intent=given.last_intent,
        consecutive_clarifications=given.consecutive_clarifications,
        offered_passage_ids=tuple(given.offered_passage_ids),
        handed_off=given.handed_off,
    )


def to_response(event: Event) -> dialogue_pb2.RespondResponse:
    """Convert a step of the answer."""
    match event:
        case Understood():
            return dialogue_pb2.RespondResponse(understanding=to_understanding(event))
        case AnswerDelta():
            return dialogue_pb2.RespondResponse(answer_delta=event.text)
        case Citation():
            passage = event.passage
            return dialogue_pb2.RespondResponse(
                citation=dialogue_pb2.Citation(
                    passage_id=passage.id,
                    title=passage.title,
                    quote=event.quote,
                    uri=passage.uri,
                    language_code=passage.language,
                    source_version=passage.source_version,
                    score=event.score,
                )
            )
        case AnswerPicture():
            return dialogue_pb2.RespondResponse(
                picture=dialogue_pb2.AnswerPicture(
                    picture_id=event.picture.id,
                    passage_id=event.passage_id,
                    media_type=event.picture.media_type,
                    content=event.picture.content,
                    caption=event.caption,
                )
            )
        case Handoff():
            handoff = dialogue_pb2.Handoff(reason=_REASONS[event.reason], summary=event.summary)
            return dialogue_pb2.RespondResponse(handoff=handoff)
        case Completed():
            state = event.state
            return dialogue_pb2.RespondResponse(
                completed=dialogue_pb2.ResponseCompleted(
                    decision=_DECISIONS[event.decision],
                    answer=event.answer,
                    state=dialogue_pb2.ConversationState(
                        schema_version=state.schema_version,
                        domain_version=state.domain_version,
                        turn_count=state.turn_count,
                        language_code=state.language,
                        last_intent=state.last_intent,
                        consecutive_clarifications=state.consecutive_clarifications,
                        offered_passage_ids=state.offered_passage_ids,
                        handed_off=state.handed_off,
                    ),
                )
            )


def to_understanding(understood: Understood) -> dialogue_pb2.Understanding:
    """Convert what a turn means."""
    return dialogue_pb2.Understanding(
        intents=[
            dialogue_pb2.IntentScore(intent=item.label, probability=item.probability)
            for item in understood.intents
        ],
        language_code=understood.language,
        confidence=understood.confidence,
        model=understood.model,
        products=_scores(understood.products),
        kinds=_scores(understood.kinds),
        seen=[
            dialogue_pb2.SeenImage(
                image_index=item.index, picture_id=item.picture_id, probability=item.probability
            )
            for item in understood.seen
        ],
        passages=[
            dialogue_pb2.PassageScore(passage_id=item.label, probability=item.probability)
            for item in understood.passages
        ],
    )


def _scores(labels: Sequence[LabelProbability]) -> list[dialogue_pb2.LabelScore]:
    return [dialogue_pb2.LabelScore(label=item.label, probability=item.probability) for item in labels]
