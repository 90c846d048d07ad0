"""A turn with one of its parts left out. Pure.

Occlusion: what a part is worth is what is lost without it (Zeiler and Fergus,
"Visualizing and Understanding Convolutional Networks", 2014, section 4.2).
"""

from collections.abc import Iterator
from dataclasses import replace
from math import isclose
from typing import TypeVar

from gateway.explanation.types import Modality, Part
from gateway.turn.features import CustomerInput, ImageFeatures
from gateway.turn.perception import Perceived

T = TypeVar("T")

WORDS = (Modality.SPEECH, Modality.TEXT)
"""Without one of these, the question is another text and has to be embedded anew."""


def parts(perceived: Perceived) -> Iterator[Part]:
    """Yield the parts that a turn has."""
    if perceived.said.strip():
        yield Part(Modality.SPEECH)
    if perceived.acoustic:
        yield Part(Modality.ACOUSTIC)
    if perceived.typed.strip():
        yield Part(Modality.TEXT)
    for index, image in enumerate(perceived.images):
        if image.pooled:
            yield Part(Modality.IMAGE, index)
        if image.words.strip():
            yield Part(Modality.IMAGE_TEXT, index)


def without_words(perceived: Perceived, modality: Modality) -> Perceived:
    """Leave out what was said, or what was typed."""
    return replace(perceived, said="") if modality is Modality.SPEECH else replace(perceived, typed="")


def without(customer: CustomerInput, part: Part) -> CustomerInput:
    """Leave out what speech sounded like, what a picture looks like, or the words in it."""
    index = part.image_index
    match part.modality:
        case Modality.ACOUSTIC:
            return replace(customer, acoustic=None)
        case Modality.IMAGE:
            words_alone = ImageFeatures(lines=customer.images[index].lines)
            return replace(customer, images=_exchanged(customer.images, index, words_alone))
        case Modality.IMAGE_TEXT:
            return replace(
                customer,
                images=_exchanged(customer.images, index, replace(customer.images[index], lines=())),
                image_embeddings=_exchanged(customer.image_embeddings, index, None),
            )
    raise ValueError(f"without {part.modality} the question has to be embedded anew")


def is_empty(customer: CustomerInput) -> bool:
    """Say whether nothing is left that a decision could rest on; sound alone says nothing."""
    return not customer.text.strip() and not any(i.pooled or i.words.strip() for i in customer.images)


class Regions:
    """The regions of one picture of a turn, to be zeroed one at a time.

    Where the pooled vector is the mean of the regions, as after global average
    pooling, it loses the region too: the picture would otherwise still be known whole.
    """

    def __init__(self, customer: CustomerInput, image_index: int) -> None:
        self._customer = customer
        self._index = image_index
        self._image = customer.images[image_index]
        self.rows = self._image.region_rows
        self.columns = self._image.region_columns
        self.count = self.rows * self.columns
        self._width = len(self._image.regions) // self.count
        self._averaged = all(
            isclose(
                pooled,
                sum(self._image.regions[place :: self._width]) / self.count,
                rel_tol=1e-3,
                abs_tol=1e-4,
            )
            for place, pooled in enumerate(self._image.pooled)
        )

    def without(self, place: int) -> CustomerInput:
        """Zero the region at ``place``, counted row by row from 0."""
        image = self._image
        start, end = place * self._width, (place + 1) * self._width
        pooled = image.pooled
        if self._averaged:
            region = image.regions[start:end]
            pooled = tuple(whole - part / self.count for whole, part in zip(pooled, region, strict=True))
        zeroed = replace(
            image,
            regions=image.regions[:start] + (0.0,) * self._width + image.regions[end:],
            pooled=pooled,
        )
        return replace(self._customer, images=_exchanged(self._customer.images, self._index, zeroed))


def _exchanged(values: tuple[T, ...], index: int, value: T) -> tuple[T, ...]:
    return (*values[:index], value, *values[index + 1 :])
