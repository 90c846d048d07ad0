"""What can be asked about a product, and the passage that answers it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from training.data.grocerystore.products import Product

WORDING: Final = Path(__file__).with_name("wording")

# Sentences of a description that speak of an aspect. "Flavoring" is what a spice is used for.
_TASTE: Final = (
    r"\b(tast(e|es|eful|efully)|flavou?rs?|flavorsome|sweet|sweeter|sour|bitter|acid|acidic|acidity)\b"
)
_USE: Final = (
    r"\b(fits?|suit(s|ed|able)|match|used?|eaten|eat|cut(ting)?|cooked|served|flavoring|breakfast"
    r"|(good|great|excellent|perfect|delicious|popular)"
    r" (for|to|as|in|choice|base|snacks?|accessory|table|natural)"
    r"|good allround|rinse|enjoyed|snacks?|serving|desserts?|remove the log)\b"
)
_STORAGE: Final = r"\b(stored?|shelf life|kept cool|refrigerator)\b"


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing that customers want to know, and how they say it; see ``wording/aspects.yaml``."""

    id: str
    description: str
    title: str
    named: tuple[str, ...]
    showing: tuple[str, ...]
    held_out: tuple[str, ...]


def read_aspects() -> list[Aspect]:
    """Read our own wording."""
    found = read_wording("aspects")
    return [
        Aspect(name, given["description"], given["title"], *(tuple(given[key]) for key in _WORDINGS))
        for name, given in found.items()
    ]


_WORDINGS: Final = ("named", "showing", "held_out")


def read_wording(name: str) -> Any:
    """Give what a file of ``wording`` holds."""
    return yaml.safe_load((WORDING / f"{name}.yaml").read_text(encoding="utf-8"))


def passage_id(product: Product, aspect: str) -> str:
    """Give the id of the passage that answers ``aspect``."""
    return f"{product.id}-{aspect}"


def passage_text(product: Product, aspect: str) -> str | None:
    """Give what the data set says of an aspect of a product, None where it says nothing."""
    return _TEXTS[aspect](product)


def _sentences(product: Product, pattern: str) -> str | None:
    # What begins so goes on with the sentence before it.
    spoken = re.split(r"(?<=[.!?])\s+(?=[A-Z])(?!Then\b|Finally\b)", product.description)
    found = [sentence for sentence in spoken if re.search(pattern, sentence, re.IGNORECASE)]
    return " ".join(found) or None


def _origin(product: Product) -> str | None:
    if product.country is None:
        return None
    country = re.sub(r"^The ", "the ", product.country.replace("USA", "the USA"))
    what = "it is made in" if product.is_package else "the country of origin is"
    return f"{product.name}: {what} {country}."


def _size(product: Product) -> str | None:
    if product.amount is None:
        return None
    what = "a package holds" if product.amount.packed else "the weight is"
    return f"{product.name}: {what} {product.amount.text}."


def _nutrient(name: str, sentence: str) -> Callable[[Product], str | None]:
    def text(product: Product) -> str | None:
        value = product.nutrients.get(name)
        return None if value is None else sentence.format(product.name, value)

    return text


_TEXTS: Final[Mapping[str, Callable[[Product], str | None]]] = {
    "about": lambda product: product.description,
    "taste": lambda product: _sentences(product, _TASTE),
    "use": lambda product: _sentences(product, _USE),
    "storage": lambda product: _sentences(product, _STORAGE),
    "origin": _origin,
    "size": _size,
    "maker": lambda product: f"{product.name} is made by {product.maker}." if product.maker else None,
    "calories": _nutrient("calories", "{} has about {} kilocalories in 100 g."),
    "sugar": _nutrient("sugar", "{} has about {} g of sugars in 100 g."),
    "fat": _nutrient("fat", "{} has about {} g of fat in 100 g."),
}


def answers(products: Iterable[Product], aspect: str) -> dict[str, str]:
    """Give the passage that answers an aspect, by the id of the product (which is its picture's too)."""
    return {p.id: passage_id(p, aspect) for p in products if passage_text(p, aspect) is not None}
