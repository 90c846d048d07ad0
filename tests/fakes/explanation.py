"""A stored turn, and a dialogue whose probabilities for its parts are known."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from gateway.clock import SystemClock
from gateway.explanation.explainer import Explainer, ExplanationLimits
from gateway.explanation.types import Explanation
from gateway.sessions.records import Conversation, MediaKind, MediaReference, StoredTurn
from gateway.turn.features import AcousticFeatures, CustomerInput, Embedding, Heard, ImageFeatures
from gateway.turn.perception import Perception
from gateway.turn.types import (
    AudioEncoding,
    AudioInput,
    BoundingBox,
    Citation,
    Decision,
    ImageInput,
    ImageSeen,
    IntentScore,
    PassageScore,
    TextLine,
    TimedEvent,
    Transcript,
    TurnCompleted,
    TurnEvent,
    TurnStarted,
    Understood,
)
from services.serving.errors import NotFound, Unavailable

SAID, TYPED, SHOWN = "what is it", "E-1042", "error"
SOUND = AcousticFeatures((1.0,), 1, timedelta(seconds=0.1), "acoustic@1")
LINE = TextLine(SHOWN, BoundingBox(0.0, 0.0, 1.0, 1.0), 0.9)
# A grid of 2 × 2 regions of width 1, and their mean.
LOOK = ImageFeatures(
    pooled=(0.25,),
    regions=(0.0, 1.0, 0.0, 0.0),
    region_rows=2,
    region_columns=2,
    lines=(LINE,),
    embedding_model="encoder@1",
)
CITED = Citation("cited", "title", "quote", "", "en", "shop@1", 0.5)
WORTH = {"said": 0.1, "typed": 0.2, "sound": 0.05, "look": 0.4, "words": 0.15}
"""What each part adds to the probability of the cited passage; together 0.9."""


@dataclass
class FakeDialogue:
    """Adds up ``WORTH``; the other passage takes the rest, and the intents are half as likely."""

    asked: list[tuple[CustomerInput, str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    hangs: bool = False
    without_passage: bool = False

    async def understand(
        self, customer: CustomerInput, domain_version: str, passage_id: str, *, timeout_seconds: float
    ) -> Understood:
        assert timeout_seconds > 0
        self.asked.append((customer, domain_version, passage_id))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(60 if self.hangs else 0)
        self.at_once -= 1
        probability = sum(WORTH["said"] * (line == SAID) for line in customer.text.splitlines())
        probability += sum(WORTH["typed"] * (line == TYPED) for line in customer.text.splitlines())
        probability += WORTH["sound"] * bool(customer.acoustic)
        for image, embedding in zip(customer.images, customer.image_embeddings, strict=True):
            probability += WORTH["look"] * sum(image.pooled) * 4
            probability += WORTH["words"] * (bool(image.lines) and embedding is not None)
        best = [PassageScore("other", 1 - probability), PassageScore("cited", probability)]
        return Understood(
            (IntentScore("fault", probability / 2), IntentScore("return", 0.01)),
            customer.language_code,
            probability,
            "fusion_shop@1",
            passages=() if self.without_passage else tuple(best),
        )


class FakeModels:
    """Hears, sees and embeds what the stored turn has."""

    def __init__(self) -> None:
        self.heard: list[AudioInput] = []
        self.looked: list[tuple[bytes, str]] = []
        self.embedded: list[Sequence[str]] = []
        self.blind_to: set[bytes] = set()

    async def recognize(
        self, audio: AudioInput, *, include_acoustic_features: bool, timeout_seconds: float
    ) -> Heard:
        self.heard.append(audio)
        heard = Transcript("heard otherwise this time", "zh", 0.5)
        return Heard(heard, SOUND if include_acoustic_features else None)

    async def annotate(self, image: ImageInput, domain: str, *, timeout_seconds: float) -> ImageFeatures:
        self.looked.append((image.content, domain))
        if image.content in self.blind_to:
            raise Unavailable("VISION_DOWN", "vision restarts")
        return LOOK

    async def embed_queries(
        self, texts: Sequence[str], *, include_tokens: bool, timeout_seconds: float
    ) -> tuple[Embedding, ...]:
        self.embedded.append(texts)
        return tuple(Embedding((float(len(text)),), "text@1") for text in texts)


@dataclass
class FakeTurns:
    """Stores one turn of the tenant "demo"."""

    stored: StoredTurn
    media: dict[str, bytes]

    async def turn(self, tenant: str, session_id: str, turn_id: str) -> Conversation:
        if (tenant, session_id, turn_id) != ("demo", "s1", "t1"):
            raise NotFound("TURN_NOT_FOUND", "no such turn")
        return Conversation("s1", datetime.now(UTC), "shop@7", (self.stored,), more=False)

    async def medium(self, tenant: str, sha256: str) -> bytes:
        assert tenant == "demo"
        return self.media[sha256]


@dataclass
class Setting:
    """Everything that one test explains with."""

    turns: FakeTurns
    dialogue: FakeDialogue = field(default_factory=FakeDialogue)
    models: FakeModels = field(default_factory=FakeModels)
    limits: ExplanationLimits = field(default_factory=ExplanationLimits)

    def explainer(self) -> Explainer:
        perception = Perception(self.models, self.models, self.models)
        return Explainer(self.turns, perception, self.dialogue, SystemClock(), self.limits)


def setting(
    *,
    said: str | None = SAID,
    typed: str = TYPED,
    images: int = 1,
    seen: Iterable[int] | None = None,
    came: Iterable[TurnEvent] = (CITED,),
    decision: Decision = Decision.ANSWER,
) -> Setting:
    references, media = [], {}
    if said is not None:
        references.append(MediaReference(MediaKind.CUSTOMER_AUDIO, "audio", 5))
        media["audio"] = b"audio"
    for index in range(images):
        references.append(MediaReference(MediaKind.CUSTOMER_IMAGE, f"image{index}", 6))
        media[f"image{index}"] = f"image{index}".encode()
    references.append(MediaReference(MediaKind.ANSWER_AUDIO, "answer", 6))
    happened: list[TurnEvent] = [TurnStarted()]
    happened += [] if said is None else [Transcript(said, "en", 0.5)]
    happened += [ImageSeen(index, (LINE,)) for index in (range(images) if seen is None else seen)]
    happened += [Understood((IntentScore("fault", 0.5),), "en", 0.5, "fusion_shop@1"), *came]
    happened += [TurnCompleted(decision, "so it is", ())]
    events = tuple(TimedEvent(timedelta(0), event) for event in happened)
    coding = AudioInput(b"", AudioEncoding.MULAW, 8_000)
    stored = StoredTurn("t1", 1, datetime.now(UTC), typed, "", events, tuple(references), coding)
    return Setting(FakeTurns(stored, media))


async def explain(
    there: Setting, *, include_regions: bool = False, seconds: float = 5.0, turn: str = "t1"
) -> Explanation:
    return await there.explainer().explain(
        "demo", "s1", turn, include_regions=include_regions, budget_seconds=seconds
    )
