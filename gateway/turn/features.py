"""What the models make of a turn's words and media: for dialogue, and never stored. Pure.

Vectors are tuples of floats; a matrix is one tuple, row by row.
"""

from dataclasses import dataclass
from datetime import timedelta

from gateway.turn.types import ImageLabel, TextLine, Transcript


@dataclass(frozen=True, slots=True)
class AcousticFeatures:
    """What speech sounds like: frames × ``width`` floats, a frame each ``frame_period``."""

    frames: tuple[float, ...]
    width: int
    frame_period: timedelta
    model: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard: the words, and the sound where it was asked for and is known."""

    transcript: Transcript
    acoustic: AcousticFeatures | None = None


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """Everything that is known of one picture; empty where it could not be looked at.

    ``pooled`` has the width of a region; ``regions`` are rows × columns × width
    floats. Labels and lines are as in ``ImageSeen``.
    """

    pooled: tuple[float, ...] = ()
    regions: tuple[float, ...] = ()
    region_rows: int = 0
    region_columns: int = 0
    lines: tuple[TextLine, ...] = ()
    labels: tuple[ImageLabel, ...] = ()
    products: tuple[ImageLabel, ...] = ()
    kinds: tuple[ImageLabel, ...] = ()
    embedding_model: str = ""

    @property
    def words(self) -> str:
        """The lines, joined by line breaks."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class TokenEmbedding:
    """A token and its vector."""

    token: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Embedding:
    """A text's vector and the identity of its space; tokens where they were asked for."""

    sentence: tuple[float, ...]
    model: str
    token_count: int = 0
    truncated: bool = False
    tokens: tuple[TokenEmbedding, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomerInput:
    """A turn as dialogue takes it.

    ``embedding`` is the text's. ``images`` has one for each picture of the turn, and
    ``image_embeddings`` one for each of these: of its words, None where it has none.
    """

    text: str
    language_code: str = ""
    embedding: Embedding | None = None
    images: tuple[ImageFeatures, ...] = ()
    image_embeddings: tuple[Embedding | None, ...] = ()
    acoustic: AcousticFeatures | None = None
