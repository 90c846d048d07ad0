"""What a turn with pictures was understood to be about, and what of it is said. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.dialogue.answers import template
from services.dialogue.domain.types import OTHER, Domain, Picture
from services.dialogue.events import LabelProbability, SeenPicture
from services.dialogue.evidence import IntentProbability
from services.dialogue.ports import FusionProfile
from services.dialogue.retrieval import Hit

MOST_TOLD = 2

LEAST_OPTION = 0.1
"""A passage is offered when it is at least this likely."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The fused understanding of one turn.

    ``intents``, ``products`` and ``kinds`` are all labels, most likely first; ``seen`` has an
    entry for each picture that something is known of; ``seen_products`` are the products of
    the pictures themselves, whatever was said. ``hits`` are the passages most likely to
    answer, best first, and then one that was asked for; their score is that probability.
    """

    language: str
    profile: FusionProfile
    intents: tuple[IntentProbability, ...]
    products: tuple[LabelProbability, ...]
    kinds: tuple[LabelProbability, ...]
    seen: tuple[SeenPicture, ...]
    seen_products: tuple[LabelProbability, ...]
    hits: tuple[Hit, ...]

    @property
    def confidence(self) -> float:
        """Give the best passage's probability, 0 to 1."""
        return self.hits[0].score if self.hits else 0.0

    def sure_pictures(self, domain: Domain) -> list[Picture]:
        """Give the domain's pictures that were surely shown, the surest first."""
        pictures = {picture.id: picture for picture in domain.pictures}
        sure = [s for s in self.seen if s.picture_id and s.probability >= self.profile.thresholds.seen_at]
        return [pictures[s.picture_id] for s in sorted(sure, key=lambda s: -s.probability)]

    def sure_product(self) -> str:
        """Give the product that was surely shown; empty when none was."""
        best = self.seen_products[0] if self.seen_products else None
        sure = best and best.label != OTHER and best.probability >= self.profile.thresholds.seen_at
        return best.label if best and sure else ""

    def told(self, domain: Domain, turn: int, answer: str = "") -> tuple[str, ...]:
        """Say what was seen, no more than is sure: pictures, the product alone, or nothing.

        Of several pictures ``MOST_TOLD``, and last the one that goes with the passage
        ``answer``, else the surest.
        """
        sure = self.sure_pictures(domain)
        if sure:
            last = next((picture for picture in sure if answer in picture.passages), sure[0])
            told = last.seen[self.language]
            others = dict.fromkeys(p.seen[self.language] for p in sure if p.seen[self.language] != told)
            return (*list(others)[: MOST_TOLD - 1], told)
        product = self.sure_product()
        if product and "seen_product" in domain.templates:
            name = domain.products[product][self.language]
            return tuple(template(domain, "seen_product", self.language, turn, product=name))
        return ()

    def picture_for(self, domain: Domain, passage_id: str) -> Picture | None:
        """Give the picture that goes with a passage: the one shown, else the one that it answers best."""
        sure = next((p for p in self.sure_pictures(domain) if passage_id in p.passages), None)
        if sure:
            return sure
        fitting = [picture for picture in domain.pictures if passage_id in picture.passages]
        return min(fitting, key=lambda picture: picture.passages.index(passage_id), default=None)

    def options(self, most: int) -> list[Hit]:
        """Give the passages to ask back about, best first; none when not even the best is likely enough."""
        if self.confidence < self.profile.thresholds.ask_at:
            return []
        return [hit for hit in self.hits[:most] if hit.score >= LEAST_OPTION]

    def intent_of(self, domain: Domain, passage_id: str) -> str:
        """Give the most likely intent that a passage answers; without one, the most likely of all."""
        owners = {intent.id for intent in domain.intents if passage_id in intent.passages}
        ranked = [item.label for item in self.intents]
        return next((label for label in ranked if label in owners), ranked[0])


def ranked_labels(labels: Sequence[str], probabilities: Sequence[float]) -> tuple[LabelProbability, ...]:
    """Give labels with their probabilities, most likely first; ties in order."""
    pairs = zip(labels, probabilities, strict=True)
    return tuple(LabelProbability(label, float(p)) for label, p in sorted(pairs, key=lambda pair: -pair[1]))


def seen_picture(
    place: int, labels: Sequence[str], probabilities: Sequence[float], domain: Domain
) -> SeenPicture:
    """Give the likeliest picture. Those of which the same is said, a page in two languages, count as one."""
    said = {picture.id: tuple(sorted(picture.seen.items())) for picture in domain.pictures}
    alike: dict[object, float] = defaultdict(float)
    for label, probability in zip(labels, probabilities, strict=True):
        alike[said.get(label, label)] += probability
    most = max(alike, key=lambda sentences: alike[sentences])
    best = max(
        (row for row, label in enumerate(labels) if said.get(label, label) == most),
        key=lambda row: probabilities[row],
    )
    return SeenPicture(place, "" if labels[best] == OTHER else labels[best], alike[most])
