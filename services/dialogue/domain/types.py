"""What a company's domain folder says, once it has been found right.

Mappings by language have one entry for each of the domain's languages.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

OUT_OF_SCOPE = "out_of_scope"
"""Label of what no intent covers; never the id of an intent."""

OTHER = "other"
"""Last label of products, kinds and pictures: none of them; never an id."""

DOMAIN_NAME = r"[a-z][a-z0-9_]{0,39}"


class IntentHandoff(StrEnum):
    """Why an intent goes to a person whatever the knowledge base says."""

    REQUESTED = "requested"
    POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Passage:
    """One section of text that answers are quoted from. The same id stands in every language."""

    id: str
    language: str
    topic: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Intent:
    """What a customer may want, and what answers it: passages, a template or a person.

    Exactly one of ``passages``, ``template`` and ``handoff`` is given.
    """

    id: str
    description: str
    passages: tuple[str, ...]
    template: str | None
    handoff: IntentHandoff | None
    examples: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Policies:
    """The company's rules for a conversation."""

    max_clarifications: int = 2
    """Questions asked back in a row before a person takes over, 0 to 5."""
    max_options: int = 3
    """Passages offered by one question back, 2 to 5."""
    max_quoted_sentences: int = 3
    """Sentences quoted of a passage in one answer, 1 to 10."""


@dataclass(frozen=True, slots=True)
class EvaluationQuestion:
    """A held-out question, never trained on, and what answers it.

    Both ``passage`` and ``intent`` None: the domain does not cover it.
    """

    question: str
    language: str
    passage: str | None
    intent: str | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of what customers show, and what a passage's answer is shown with."""

    id: str
    file: str
    """Name in the domain folder, as ``pictures/ID.webp``."""
    media_type: str
    """By content: ``image/jpeg``, ``image/png`` or ``image/webp``."""
    content: bytes = field(repr=False)
    product: str | None
    kind: str
    passages: tuple[str, ...]
    """What answers questions about it, best first; may be empty."""
    seen: Mapping[str, str]
    """A whole sentence that tells the customer what was seen, by language."""
    caption: Mapping[str, str]
    words: tuple[str, ...] = ()
    """Lines that stand in it."""


@dataclass(frozen=True, slots=True)
class ShowingQuestion:
    """What customers ask when they show something: its words alone are not enough."""

    text: str
    language: str
    answers: Mapping[str, str]
    """Passage that answers it, by the picture shown."""


@dataclass(frozen=True, slots=True)
class EvaluationPair:
    """A held-out question that two pictures give two different answers; never trained on."""

    question: str
    language: str
    shows: Mapping[str, str]
    """Passage that answers it, by the picture shown; two entries."""


@dataclass(frozen=True, slots=True)
class Domain:
    """A checked domain folder. ``content_hash`` is the SHA-256 of what serving uses of it."""

    name: str
    company: Mapping[str, str]
    languages: tuple[str, ...]
    default_language: str
    passages: tuple[Passage, ...]
    intents: tuple[Intent, ...]
    out_of_scope: Mapping[str, tuple[str, ...]]
    templates: Mapping[str, Mapping[str, tuple[str, ...]]]
    policies: Policies
    content_hash: str
    evaluation: tuple[EvaluationQuestion, ...] = field(default=(), repr=False)
    products: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Names by id and language."""
    kinds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Names of the kinds of pictures, by id and language."""
    pictures: tuple[Picture, ...] = field(default=(), repr=False)
    showing: tuple[ShowingQuestion, ...] = field(default=(), repr=False)
    evaluation_pairs: tuple[EvaluationPair, ...] = field(default=(), repr=False)

    @property
    def version(self) -> str:
        """Identity, as ``shop@3f2a…`` with 16 hexadecimal digits of the content hash."""
        return f"{self.name}@{self.content_hash[:16]}"

    @property
    def labels(self) -> tuple[str, ...]:
        """What the intent model must tell apart, in its order of outputs."""
        return (*sorted(intent.id for intent in self.intents), OUT_OF_SCOPE)

    @property
    def product_labels(self) -> tuple[str, ...]:
        """Products that a picture may show, in the models' order of outputs."""
        return (*sorted(self.products), OTHER)

    @property
    def kind_labels(self) -> tuple[str, ...]:
        """Kinds that a picture may be of, in the models' order of outputs."""
        return (*sorted(self.kinds), OTHER)

    @property
    def picture_labels(self) -> tuple[str, ...]:
        """Pictures that may be recognized, in the models' order of outputs."""
        return (*sorted(picture.id for picture in self.pictures), OTHER)


def content_hash(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents, the same whatever archive carried them."""
    digest = hashlib.sha256()
    for name in sorted(files):
        for part in (name.encode(), files[name]):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()
