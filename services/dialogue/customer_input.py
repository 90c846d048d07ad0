"""One turn's input, as dialogue sees it. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.dialogue.fused import TextFeatures


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """What is known of a picture: how it looks, the words in it, either, both or nothing.

    ``pooled`` float32 ``[width]`` and ``regions`` float32 ``[rows × columns, width]`` are of
    the space ``embedding_model``. ``words`` are its lines, joined by line breaks;
    ``embedded_words`` their query embedding where the caller has it.
    """

    pooled: NDArray[np.float32] | None = None
    regions: NDArray[np.float32] | None = None
    embedding_model: str = ""
    words: str = ""
    embedded_words: TextFeatures | None = None

    @property
    def known(self) -> bool:
        """Whether anything is known of it."""
        return self.pooled is not None or bool(self.words.strip())


@dataclass(frozen=True, slots=True)
class CustomerInput:
    """One turn's input.

    ``language`` None: told from the script. ``vector`` is the query embedding
    where the caller has it, L2-normalized, of the space ``embedding_model``, and
    ``tokens`` its token vectors, float32 ``[n, width]``. ``frames`` float32 ``[n, width]``
    are what the speech sounded like, one each 0.1 s, of the space ``acoustic_model``.
    """

    text: str
    language: str | None = None
    vector: NDArray[np.float32] | None = None
    embedding_model: str = ""
    tokens: NDArray[np.float32] | None = None
    pictures: tuple[ShownPicture, ...] = ()
    frames: NDArray[np.float32] | None = None
    acoustic_model: str = ""

    @property
    def picture_words(self) -> str:
        """The words of all pictures, joined by line breaks."""
        return "\n".join(picture.words for picture in self.pictures if picture.words.strip())

    @property
    def shows(self) -> bool:
        """Whether anything is known of a picture."""
        return any(picture.known for picture in self.pictures)
