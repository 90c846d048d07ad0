"""Explanations of stored turns, before a dialogue whose probabilities are known."""

import asyncio
from dataclasses import replace

import pytest

from gateway.explanation.explainer import ExplanationLimits
from gateway.explanation.recall import CHOSEN
from gateway.explanation.types import Modality, Part
from gateway.turn.features import Embedding, ImageFeatures
from gateway.turn.types import (
    AudioEncoding,
    AudioInput,
    Decision,
    Handoff,
    HandoffReason,
    ImageInput,
    Notice,
    Stage,
    TurnEvent,
    Understood,
)
from services.serving.errors import DeadlineExceeded, FailedPrecondition, Unavailable
from tests.fakes.explanation import CITED, LINE, LOOK, SAID, TYPED, explain, setting


async def test_each_modality_is_worth_what_is_lost_without_it() -> None:
    there = setting()
    explained = await explain(there)
    assert (explained.passage_id, explained.intent) == ("cited", "fault")
    assert explained.probability == pytest.approx(0.9)
    assert [one.part.modality for one in explained.contributions] == [
        Modality.IMAGE,
        Modality.TEXT,
        Modality.IMAGE_TEXT,
        Modality.SPEECH,
        Modality.ACOUSTIC,
    ]
    added = {one.part.modality: one.contribution for one in explained.contributions}
    assert added == pytest.approx(
        {
            Modality.SPEECH: 0.1,
            Modality.ACOUSTIC: 0.05,
            Modality.TEXT: 0.2,
            Modality.IMAGE: 0.4,
            Modality.IMAGE_TEXT: 0.15,
        }
    )
    for one in explained.contributions:
        assert one.probability_without == pytest.approx(0.9 - one.contribution)
        assert one.passage_id_without == ("cited" if one.probability_without > 0.5 else "other")
    assert explained.regions == ()
    assert {asked[1:] for asked in there.dialogue.asked} == {("shop@7", "cited")}
    assert len(there.dialogue.asked) == 6


async def test_the_stored_turn_is_perceived_but_its_words_stay_as_they_were_heard() -> None:
    there = setting()
    await explain(there)
    assert there.models.heard == [AudioInput(b"audio", AudioEncoding.MULAW, 8_000)]
    assert there.models.looked == [(b"image0", "shop")]
    whole = there.dialogue.asked[0][0]
    assert whole.text == f"{SAID}\n{TYPED}"
    assert whole.language_code == "en"
    assert whole.embedding == Embedding((float(len(whole.text)),), "text@1")
    texts = {customer.text: customer.embedding for customer, _, _ in there.dialogue.asked}
    assert texts.keys() == {f"{SAID}\n{TYPED}", SAID, TYPED}
    assert all(embedding and embedding.sentence == (float(len(text)),) for text, embedding in texts.items())


async def test_a_picture_without_its_look_keeps_its_words_and_nothing_that_the_look_told() -> None:
    there = setting()
    await explain(there)
    [words_alone] = [c for c, _, _ in there.dialogue.asked if c.images and not c.images[0].pooled]
    assert words_alone.images == (ImageFeatures(lines=(LINE,)),)
    assert words_alone.image_embeddings != (None,)


async def test_pictures_are_told_apart() -> None:
    there = setting(said=None, typed="", images=2)
    explained = await explain(there, include_regions=True)
    assert {one.part for one in explained.contributions} == {
        Part(modality, index) for modality in (Modality.IMAGE, Modality.IMAGE_TEXT) for index in (0, 1)
    }
    assert [region.image_index for region in explained.regions] == [0, 1]


async def test_the_region_that_holds_the_evidence_is_found() -> None:
    there = setting()
    explained = await explain(there, include_regions=True)
    [grid] = explained.regions
    assert (grid.image_index, grid.rows, grid.columns) == (0, 2, 2)
    assert grid.contributions == pytest.approx((0.0, 0.4, 0.0, 0.0))
    assert len(there.dialogue.asked) == 6 + 4
    zeroed = there.dialogue.asked[7][0].images[0]
    assert (zeroed.regions, zeroed.pooled) == ((0.0, 0.0, 0.0, 0.0), (0.0,))


async def test_a_pooled_vector_that_is_no_mean_is_left_alone() -> None:
    there = setting()
    attended = replace(LOOK, pooled=(0.2,))

    async def annotate(image: ImageInput, domain: str, *, timeout_seconds: float) -> ImageFeatures:
        return attended

    there.models.annotate = annotate  # type: ignore[method-assign]
    await explain(there, include_regions=True)
    zeroed = [
        c.images[0] for c, _, _ in there.dialogue.asked if c.images[0].regions not in ((), LOOK.regions)
    ]
    assert [image.pooled for image in zeroed] == [(0.2,)]


@pytest.mark.parametrize(("typed", "images", "words"), [(TYPED, 0, Modality.TEXT), ("", 0, Modality.SPEECH)])
async def test_without_its_only_part_nothing_is_left_of_a_turn(
    typed: str, images: int, words: Modality
) -> None:
    there = setting(said=None if typed else SAID, typed=typed, images=images)
    explained = await explain(there)
    [only] = explained.contributions
    assert only.part == Part(words)
    assert (only.probability_without, only.contribution) == (0.0, explained.probability)
    assert only.passage_id_without == ""
    assert explained.probability > 0
    assert len(there.dialogue.asked) == 1
    assert there.models.heard == []  # the words are stored


async def test_a_silent_turn_has_no_parts() -> None:
    there = setting(said="", typed="", images=0, came=(), decision=Decision.ASK_BACK)
    explained = await explain(there)
    assert (explained.probability, explained.contributions) == (0.0, ())
    assert there.dialogue.asked == []


@pytest.mark.parametrize(
    ("came", "decision"),
    [
        ((), Decision.ANSWER),
        ((Handoff(HandoffReason.REQUESTED, "a person, please"),), Decision.HANDOFF),
        ((Handoff(HandoffReason.POLICY, "a person looks at it"),), Decision.HANDOFF),
    ],
)
async def test_where_the_intent_decided_the_intent_is_explained(
    came: tuple[TurnEvent, ...], decision: Decision
) -> None:
    explained = await explain(setting(came=came, decision=decision))
    assert (explained.passage_id, explained.intent) == ("", "fault")
    assert explained.probability == pytest.approx(0.45)
    assert explained.contributions[0].contribution == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("came", "decision"),
    [((), Decision.ASK_BACK), ((Handoff(HandoffReason.LOW_CONFIDENCE, "unsure"),), Decision.HANDOFF)],
)
async def test_an_unsure_turn_is_explained_by_its_best_passage(
    came: tuple[TurnEvent, ...], decision: Decision
) -> None:
    there = setting(came=came, decision=decision, said=None, images=0)
    explained = await explain(there)
    assert explained.passage_id == "other"
    assert explained.probability == pytest.approx(0.8)
    assert there.dialogue.asked[0][2] == ""


async def test_pictures_that_the_turn_did_without_are_left_out() -> None:
    blind = Notice(Stage.VISION, "VISION_UNAVAILABLE", "vision restarts")
    there = setting(seen=(), came=(blind, CITED))
    explained = await explain(there, include_regions=True)
    assert {one.part.modality for one in explained.contributions} == {Modality.SPEECH, Modality.TEXT}
    assert there.models.looked == []
    half = setting(images=2, seen=(1,))
    explained = await explain(half, include_regions=True)
    assert {one.part.image_index for one in explained.contributions if "IMAGE" in one.part.modality} == {1}
    assert half.dialogue.asked[0][0].images == (ImageFeatures(), LOOK)
    again = setting(images=2, seen=(1,))
    again.models.blind_to = {b"image0"}
    assert await explain(again, include_regions=True) == explained


async def test_pictures_that_cannot_be_looked_at_now_make_it_unavailable() -> None:
    there = setting()
    there.models.blind_to = {b"image0"}
    with pytest.raises(Unavailable):
        await explain(there)


async def test_a_turn_that_was_not_completed_has_no_reasons() -> None:
    there = setting()
    there.turns.stored = replace(there.turns.stored, events=())
    with pytest.raises(FailedPrecondition) as refused:
        await explain(there)
    assert refused.value.reason == "TURN_NOT_COMPLETED"


async def test_what_the_customer_chose_has_no_other_reasons() -> None:
    there = setting()
    events = tuple(
        replace(timed, event=replace(timed.event, model=CHOSEN))
        if isinstance(timed.event, Understood)
        else timed
        for timed in there.turns.stored.events
    )
    there.turns.stored = replace(there.turns.stored, events=events)
    with pytest.raises(FailedPrecondition) as refused:
        await explain(there)
    assert refused.value.reason == "CHOSEN_BY_CUSTOMER"


async def test_a_passage_that_is_gone_is_told() -> None:
    there = setting()
    there.dialogue.without_passage = True
    with pytest.raises(FailedPrecondition) as refused:
        await explain(there)
    assert refused.value.reason == "PASSAGE_GONE"


async def test_dialogue_is_asked_a_few_questions_at_a_time() -> None:
    there = setting()
    there.limits = ExplanationLimits(explanations_at_once=2, questions_at_once=3)
    explainer = there.explainer()
    asked = [
        explainer.explain("demo", "s1", "t1", include_regions=True, budget_seconds=10.0) for _ in range(5)
    ]
    await asyncio.gather(*asked)
    assert there.dialogue.most_at_once == 6


async def test_the_time_is_kept_and_a_place_is_given_back() -> None:
    there = setting()
    there.limits = ExplanationLimits(explanations_at_once=1)
    explainer = there.explainer()
    there.dialogue.hangs = True
    hanging = asyncio.create_task(
        explainer.explain("demo", "s1", "t1", include_regions=False, budget_seconds=0.6)
    )
    await asyncio.sleep(0)
    for waiting in (
        explainer.explain("demo", "s1", "t1", include_regions=False, budget_seconds=0.3),
        hanging,
    ):
        with pytest.raises(DeadlineExceeded):
            await waiting
    there.dialogue.hangs = False
    assert (
        await explainer.explain("demo", "s1", "t1", include_regions=False, budget_seconds=5.0)
    ).regions == ()
