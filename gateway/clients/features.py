"""Features between the services that make them and dialogue, which takes them."""

from frontdesk.asr.v1 import asr_pb2
from frontdesk.dialogue.v1 import dialogue_pb2
from frontdesk.text.v1 import text_pb2
from frontdesk.vision.v1 import vision_pb2

from gateway.turn.features import (
    AcousticFeatures,
    CustomerInput,
    Embedding,
    ImageFeatures,
    TokenEmbedding,
)
from gateway.wire import (
    duration_to_wire,
    labels_from_wire,
    labels_to_wire,
    text_line_from_wire,
    text_line_to_wire,
)


def customer_to_wire(customer: CustomerInput) -> dialogue_pb2.CustomerInput:
    """Write a turn as dialogue takes it."""
    embedding = customer.embedding
    known = [embedding, *customer.image_embeddings]
    # Where the words are in the pictures alone, their embeddings still name the space.
    model = next((one.model for one in known if one), "")
    return dialogue_pb2.CustomerInput(
        text=customer.text,
        language_code=customer.language_code,
        text_embedding=_embedding_to_wire(embedding) if embedding else None,
        embedding_model=model,
        images=[_image_to_wire(image) for image in customer.images],
        image_text_embeddings=[
            _embedding_to_wire(one) if one else text_pb2.TextEmbedding() for one in customer.image_embeddings
        ],
        acoustic_features=_acoustic_to_wire(customer.acoustic) if customer.acoustic else None,
    )


def image_from_wire(features: vision_pb2.ImageFeatures) -> ImageFeatures:
    """Read what is known of a picture."""
    return ImageFeatures(
        pooled=tuple(features.pooled),
        regions=tuple(features.regions),
        region_rows=features.region_rows,
        region_columns=features.region_columns,
        lines=tuple(text_line_from_wire(line) for line in features.lines),
        labels=labels_from_wire(features.labels),
        products=labels_from_wire(features.products),
        kinds=labels_from_wire(features.kinds),
        embedding_model=features.embedding_model,
    )


def acoustic_from_wire(features: asr_pb2.AcousticFeatures) -> AcousticFeatures:
    """Read what speech sounds like."""
    return AcousticFeatures(
        tuple(features.frames), features.width, features.frame_period.ToTimedelta(), features.model
    )


def embedding_from_wire(embedding: text_pb2.TextEmbedding, model: str) -> Embedding:
    """Read an embedded text of the space ``model``."""
    return Embedding(
        tuple(embedding.sentence),
        model,
        embedding.token_count,
        embedding.truncated,
        tuple(TokenEmbedding(token.token, tuple(token.vector)) for token in embedding.tokens),
    )


def _embedding_to_wire(embedding: Embedding) -> text_pb2.TextEmbedding:
    return text_pb2.TextEmbedding(
        sentence=embedding.sentence,
        tokens=[
            text_pb2.TokenEmbedding(token=token.token, vector=token.vector) for token in embedding.tokens
        ],
        token_count=embedding.token_count,
        truncated=embedding.truncated,
    )


def _image_to_wire(image: ImageFeatures) -> vision_pb2.ImageFeatures:
    return vision_pb2.ImageFeatures(
        pooled=image.pooled,
        regions=image.regions,
        region_rows=image.region_rows,
        region_columns=image.region_columns,
        lines=[text_line_to_wire(line) for line in image.lines],
        labels=labels_to_wire(image.labels),
        products=labels_to_wire(image.products),
        kinds=labels_to_wire(image.kinds),
        embedding_model=image.embedding_model,
    )


def _acoustic_to_wire(acoustic: AcousticFeatures) -> asr_pb2.AcousticFeatures:
    return asr_pb2.AcousticFeatures(
        frames=acoustic.frames,
        width=acoustic.width,
        frame_period=duration_to_wire(acoustic.frame_period),
        model=acoustic.model,
    )
