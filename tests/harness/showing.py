"""Held-out questions that two pictures answer differently, taken as turns through the gateway."""

import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from gateway.client import FrontdeskClient
from services.dialogue.domain.types import Domain
from training.data.variants import variant

JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Shown:
    """A question with one of its pictures, photographed anew, and the passage that answers it."""

    pair: int
    question: str
    language: str
    picture: str
    image: bytes
    passage: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The passage that was cited first; "" where none was."""

    shown: Shown
    cited: str

    @property
    def right(self) -> bool:
        return self.cited == self.shown.passage


def held_out_turns(domain: Domain, *, wordless: bool = False) -> list[Shown]:
    """Both turns of every pair; ``wordless``: of pairs whose pictures have no words in them.

    Each shows a variant of its picture by a held-out seed of its own.
    """
    pictures = {picture.id: picture for picture in domain.pictures}
    turns = []
    for number, pair in enumerate(domain.evaluation_pairs):
        if wordless and any(pictures[name].words for name in pair.shows):
            continue
        for place, (name, passage) in enumerate(sorted(pair.shows.items())):
            image = held_out_variant(pictures[name].content, seed=2 * number + place)
            turns.append(Shown(number, pair.question, pair.language, name, image, passage))
    return turns


def held_out_variant(content: bytes, seed: int) -> bytes:
    """A picture as somebody might photograph it who is not in the training data, as JPEG."""
    with Image.open(io.BytesIO(content)) as picture:
        drawn = variant(picture.convert("RGB"), seed, held_out=True)
    encoded = io.BytesIO()
    drawn.save(encoded, "JPEG", quality=JPEG_QUALITY)
    return encoded.getvalue()


def in_each_others_place(turns: Sequence[Shown]) -> list[bytes]:
    """Their images in an order in which each is followed by one that another passage answers."""
    left = list(turns)
    random.Random(0).shuffle(left)
    order = [left.pop()]
    while left:
        at = next((i for i, turn in enumerate(left) if turn.passage != order[-1].passage), 0)
        order.append(left.pop(at))
    return [turn.image for turn in order]


def take(client: FrontdeskClient, turns: Sequence[Shown]) -> list[Answered]:
    """Take each turn in a session of its own."""
    answered = []
    for shown in turns:
        result = client.take_turn(text=shown.question, images=[shown.image], language=shown.language)
        answered.append(Answered(shown, result.citations[0].passage_id if result.citations else ""))
    return answered


def figures(answered: Sequence[Answered]) -> Mapping[str, float]:
    """Shares: of turns that cite the right passage, and of pairs in which both do."""
    pairs: dict[int, bool] = {}
    for item in answered:
        pairs[item.shown.pair] = pairs.get(item.shown.pair, True) and item.right
    return {
        "turns_right": round(sum(item.right for item in answered) / len(answered), 3),
        "pairs_right": round(sum(pairs.values()) / len(pairs), 3),
        "pairs": len(pairs),
    }


def first_pairs(turns: Sequence[Shown], count: int) -> list[Shown]:
    """The turns of every n-th pair, about ``count`` pairs in all."""
    numbers = sorted({turn.pair for turn in turns})
    kept = set(numbers[:: max(1, len(numbers) // count)])
    return [turn for turn in turns if turn.pair in kept]
