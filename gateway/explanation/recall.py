"""A stored turn as it was taken, and what was decided. Pure."""

import asyncio
from dataclasses import dataclass, replace
from typing import Protocol

from gateway.sessions.records import Conversation, MediaKind, StoredTurn
from gateway.turn.features import ImageFeatures
from gateway.turn.perception import Perceived
from gateway.turn.types import (
    AudioInput,
    Citation,
    CustomerTurn,
    Decision,
    Handoff,
    HandoffReason,
    ImageInput,
    ImageSeen,
    Transcript,
    TurnCompleted,
    Understood,
)
from services.serving.errors import FailedPrecondition

CHOSEN = "chosen by the customer"
"""What dialogue names as the model where a reply chose one of the passages offered before."""

_BY_INTENT = (HandoffReason.REQUESTED, HandoffReason.POLICY)


class StoredTurns(Protocol):
    """Where turns are stored; tenants do not see each other's."""

    async def turn(self, tenant: str, session_id: str, turn_id: str) -> Conversation:
        """Read one turn, as a conversation of it alone. NotFound without such a session or turn."""
        ...

    async def medium(self, tenant: str, sha256: str) -> bytes:
        """Return a stored medium; NotFound where this tenant has none by that hash."""
        ...


@dataclass(frozen=True, slots=True)
class RecalledTurn:
    """A completed turn: its input with the media, and what came of it.

    ``cited`` is the id of the passage that the answer quotes ("": none). Where
    ``by_intent``, the intent alone decided: by a template, or by handing over to a
    person. ``seen`` are the places of the pictures that could be looked at.
    """

    turn: CustomerTurn
    domain_version: str
    language_code: str
    intent: str
    cited: str
    by_intent: bool
    said: str
    seen: frozenset[int]

    def as_it_was(self, perceived: Perceived) -> Perceived:
        """Return what was perceived anew, but for what the turn knew: its words, and which pictures."""
        images = enumerate(perceived.images)
        return replace(
            perceived,
            said=self.said,
            language_code=self.language_code or perceived.language_code,
            images=tuple(image if index in self.seen else ImageFeatures() for index, image in images),
        )


async def recall(turns: StoredTurns, tenant: str, session_id: str, turn_id: str) -> RecalledTurn:
    """Read a turn with its media.

    NotFound without it; FailedPrecondition unless it was completed, and where no evidence
    decided it, since the customer chose what had been offered.
    """
    conversation = await turns.turn(tenant, session_id, turn_id)
    [stored] = conversation.turns
    events = [timed.event for timed in stored.events]
    completed = next((event for event in events if isinstance(event, TurnCompleted)), None)
    if completed is None:
        raise FailedPrecondition(
            "TURN_NOT_COMPLETED",
            f"turn {turn_id} was not completed, so nothing was decided: take it again with the same turn_id",
        )
    understood = next((event for event in events if isinstance(event, Understood)), None)
    if understood and understood.model == CHOSEN:
        raise FailedPrecondition(
            "CHOSEN_BY_CUSTOMER",
            f"in turn {turn_id} the customer chose what was offered: explain the turn that offered it",
        )
    cited = next((event.passage_id for event in events if isinstance(event, Citation)), "")
    handoff = next((event.reason for event in events if isinstance(event, Handoff)), None)
    answered_by_template = completed.decision is Decision.ANSWER and not cited
    return RecalledTurn(
        turn=await _turn(turns, tenant, session_id, conversation.domain_version, stored),
        domain_version=conversation.domain_version,
        language_code=understood.language_code if understood else stored.language_code,
        intent=understood.intents[0].intent if understood and understood.intents else "",
        cited=cited,
        by_intent=answered_by_template or handoff in _BY_INTENT,
        said=next((event.text for event in events if isinstance(event, Transcript)), ""),
        seen=frozenset(event.image_index for event in events if isinstance(event, ImageSeen)),
    )


async def _turn(
    turns: StoredTurns, tenant: str, session_id: str, domain_version: str, stored: StoredTurn
) -> CustomerTurn:
    customers = [medium for medium in stored.media if medium.kind is not MediaKind.ANSWER_AUDIO]
    contents = await asyncio.gather(*(turns.medium(tenant, medium.sha256) for medium in customers))
    audio, images = None, []
    for medium, content in zip(customers, contents, strict=True):
        if medium.kind is MediaKind.CUSTOMER_AUDIO:
            audio = replace(stored.audio_coding or AudioInput(b""), content=content)
        else:
            images.append(ImageInput(content, ""))
    return CustomerTurn(
        tenant=tenant,
        domain=domain_version.partition("@")[0],
        session_id=session_id,
        turn_id=stored.turn_id,
        text=stored.text,
        audio=audio,
        images=tuple(images),
        language_code=stored.language_code,
    )
