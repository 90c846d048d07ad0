"""Explains a stored turn: perceives it again and asks dialogue what it would mean without each part. Pure."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from gateway.explanation.occlusion import WORDS, Regions, is_empty, parts, without, without_words
from gateway.explanation.recall import RecalledTurn, StoredTurns, recall
from gateway.explanation.types import Contribution, Explanation, Part, RegionContributions
from gateway.turn.background import background
from gateway.turn.budget import BudgetPlan
from gateway.turn.features import CustomerInput, ImageFeatures
from gateway.turn.perception import Perceived, Perception
from gateway.turn.ports import Clock
from gateway.turn.stages import Stages
from gateway.turn.types import ImageSeen, Notice, Stage, Transcript, Understood
from services.serving.errors import FailedPrecondition, Unavailable

T = TypeVar("T")


class Dialogue(Protocol):
    """Understanding without answering."""

    async def understand(
        self, customer: CustomerInput, domain_version: str, passage_id: str, *, timeout_seconds: float
    ) -> Understood:
        """Say what a turn means in a session pinned to ``domain_version``.

        Its passages hold ``passage_id``, where named, with its probability.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExplanationLimits:
    """How many explanations are made at once, and questions to dialogue asked for one of them.

    Few, since live turns use the same models.
    """

    explanations_at_once: int = 2
    questions_at_once: int = 2
    plan: BudgetPlan = field(default_factory=BudgetPlan)


class Explainer:
    """Makes explanations; holds nothing between them."""

    def __init__(
        self,
        turns: StoredTurns,
        perception: Perception,
        dialogue: Dialogue,
        clock: Clock,
        limits: ExplanationLimits | None = None,
    ) -> None:
        self._turns = turns
        self._perception = perception
        self._dialogue = dialogue
        self._clock = clock
        self._limits = limits or ExplanationLimits()
        self._places = asyncio.Semaphore(self._limits.explanations_at_once)

    async def explain(
        self, tenant: str, session_id: str, turn_id: str, *, include_regions: bool, budget_seconds: float
    ) -> Explanation:
        """Explain the cited passage, else the best one; the intent where the intent alone decided.

        Costs one question to dialogue for each part of the turn, and with
        ``include_regions`` one for each region of each picture.

        NotFound without such a session or turn, FailedPrecondition for a turn that
        was not completed or whose domain version or passage is gone, Unavailable
        and DeadlineExceeded as for a turn.
        """
        stages = Stages(self._clock, budget_seconds, self._limits.plan)
        await stages.needed(Stage.DIALOGUE, stages.seconds_for(Stage.DIALOGUE), self._places.acquire())
        try:
            recalled = await recall(self._turns, tenant, session_id, turn_id)
            perceived = await self._perceive(recalled, stages)
            asked = _Asked(self._dialogue, recalled, stages, self._limits.questions_at_once)
            return await self._explain(recalled, perceived, asked, stages, include_regions=include_regions)
        finally:
            self._places.release()

    async def _perceive(self, recalled: RecalledTurn, stages: Stages) -> Perceived:
        missed: list[Notice] = []

        def tell(event: Transcript | ImageSeen | Notice) -> None:
            if isinstance(event, Notice):
                missed.append(event)

        # Without pictures the words are all, and they are stored.
        turn = recalled.turn if recalled.seen else replace(recalled.turn, audio=None, images=())
        perceived = await self._perception.perceive(turn, stages, tell)
        if missed and any(perceived.images[index] == ImageFeatures() for index in recalled.seen):
            raise Unavailable(missed[0].reason, missed[0].message)
        return recalled.as_it_was(perceived)

    async def _explain(
        self,
        recalled: RecalledTurn,
        perceived: Perceived,
        asked: "_Asked",
        stages: Stages,
        *,
        include_regions: bool,
    ) -> Explanation:
        customer = await self._perception.embed(perceived, stages)
        if is_empty(customer):
            return Explanation("", recalled.intent, 0.0, ())
        whole = await asked.understood(lambda: customer, recalled.cited)
        target = _target(recalled, whole)
        probability = target.probability(whole)

        async def contribution(part: Part) -> Contribution:
            if part.modality in WORDS:
                left = await self._perception.embed(without_words(perceived, part.modality), stages)
            else:
                left = without(customer, part)
            if is_empty(left):
                return Contribution(part, 0.0, probability, "")
            understood = await asked.understood(lambda: left, target.passage_id)
            lost = target.probability(understood)
            return Contribution(part, lost, probability - lost, _best_passage(understood))

        async def region(regions: Regions, place: int) -> float:
            # The turn without a region is large: it is made when it is asked about.
            understood = await asked.understood(lambda: regions.without(place), target.passage_id)
            return probability - target.probability(understood)

        contributions = await _all(contribution(part) for part in parts(perceived))
        shown = []
        for index, image in enumerate(perceived.images if include_regions else ()):
            if image.regions:
                regions = Regions(customer, index)
                added = await _all(region(regions, place) for place in range(regions.count))
                shown.append(RegionContributions(index, regions.rows, regions.columns, tuple(added)))
        return Explanation(
            target.passage_id,
            recalled.intent,
            probability,
            tuple(sorted(contributions, key=lambda one: abs(one.contribution), reverse=True)),
            tuple(shown),
        )


class _Asked:
    """Asks dialogue about one turn, a few questions at a time."""

    def __init__(self, dialogue: Dialogue, recalled: RecalledTurn, stages: Stages, at_once: int) -> None:
        self._dialogue = dialogue
        self._domain_version = recalled.domain_version
        self._stages = stages
        self._places = asyncio.Semaphore(at_once)

    async def understood(self, customer: Callable[[], CustomerInput], passage_id: str) -> Understood:
        async with self._places:
            seconds = self._stages.seconds_for(Stage.DIALOGUE)
            call = self._dialogue.understand(
                customer(), self._domain_version, passage_id, timeout_seconds=seconds
            )
            return await self._stages.needed(Stage.DIALOGUE, seconds, call)


@dataclass(frozen=True, slots=True)
class _Target:
    """The passage, or else the intent, whose probability is explained."""

    passage_id: str
    intent: str

    def probability(self, understood: Understood) -> float:
        """Return it, 0 for an intent that is not among the best. FailedPrecondition without the passage."""
        if not self.passage_id:
            return next((one.probability for one in understood.intents if one.intent == self.intent), 0.0)
        for passage in understood.passages:
            if passage.passage_id == self.passage_id:
                return passage.probability
        raise FailedPrecondition(
            "PASSAGE_GONE",
            f"passage {self.passage_id}, from which the turn was answered, is not in the knowledge base now",
        )


def _target(recalled: RecalledTurn, whole: Understood) -> _Target:
    if recalled.by_intent:
        return _Target("", recalled.intent)
    return _Target(recalled.cited or _best_passage(whole), recalled.intent)


def _best_passage(understood: Understood) -> str:
    best = max(understood.passages, key=lambda passage: passage.probability, default=None)
    return best.passage_id if best else ""


async def _all(work: Iterable[Coroutine[None, None, T]]) -> Sequence[T]:
    """Wait for all; the first that fails ends the others."""
    async with AsyncExitStack() as running:
        tasks = [await running.enter_async_context(background(one)) for one in work]
        return await asyncio.gather(*tasks)
