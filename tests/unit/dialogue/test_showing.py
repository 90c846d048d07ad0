"""A turn with pictures from features to events, over fakes."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from services.dialogue.customer_input import CustomerInput, ShownPicture
from services.dialogue.events import (
    AnswerDelta,
    AnswerPicture,
    Citation,
    Completed,
    Event,
    Handoff,
    Understood,
)
from services.dialogue.fused import TextFeatures
from services.dialogue.knowledge.records import Document
from services.dialogue.policy import Decision, HandoffReason
from services.dialogue.state import ConversationState
from services.serving.errors import FailedPrecondition, InvalidArgument, Unavailable
from tests.fakes.dialogue import DialogueParts, embedded
from tests.fakes.fusion import ACOUSTIC_MODEL, IMAGE_MODEL, pictured_files, shown
from tests.unit.dialogue.test_responder import completed

WHAT = "what does this mean?"


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[DialogueParts]:
    made = DialogueParts(tmp_path, files=pictured_files())
    await made.publish()
    yield made
    made.store.close()


async def turn(
    parts: DialogueParts,
    text: str,
    pictures: Sequence[ShownPicture] = (),
    state: ConversationState | None = None,
    **given: Any,
) -> list[Event]:
    view = await parts.views.view("demo")
    assert view.domain is not None
    asked = CustomerInput(text, pictures=tuple(pictures), **given)
    events = parts.responder.respond(
        asked, state or ConversationState(), view.domain, view.index, lambda: 1.0
    )
    return [event async for event in events]


async def understand(
    parts: DialogueParts, text: str, pictures: Sequence[ShownPicture] = (), passage_id: str = ""
) -> Understood:
    view = await parts.views.view("demo")
    assert view.domain is not None
    asked = CustomerInput(text, pictures=tuple(pictures))
    return await parts.responder.understand(
        asked, view.domain, view.index, lambda: 1.0, passage_id=passage_id
    )


_Kind = TypeVar("_Kind")


def only(events: list[Event], kind: type[_Kind]) -> _Kind:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


@pytest.mark.parametrize(
    ("picture", "passage", "answer"),
    [
        ("lamp-red", "warranty", "I can see a red light. Two years from the day of purchase."),
        ("slip-late", "order-address", "I can see a late parcel. Write to us before the parcel leaves."),
    ],
)
async def test_the_picture_alone_decides_what_is_cited(
    parts: DialogueParts, picture: str, passage: str, answer: str
) -> None:
    events = await turn(parts, WHAT, [shown(parts.domain, picture)])
    end, cited = completed(events), only(events, Citation)

    assert end.decision is Decision.ANSWER
    assert end.answer == answer
    assert cited.passage.id == passage
    assert end.answer.endswith(cited.quote)
    assert not cited.quote.startswith("I can see")
    understood = only(events, Understood)
    assert understood.model == "fusion_kiosk@1"
    assert understood.seen[0].picture_id == picture
    assert understood.passages[0].label == passage
    assert understood.confidence == understood.passages[0].probability
    assert sum(item.probability for item in understood.passages) == pytest.approx(1.0)
    with_picture = events[events.index(cited) + 1]
    assert isinstance(with_picture, AnswerPicture)
    assert (with_picture.picture.id, with_picture.passage_id) == (picture, passage)


async def test_without_the_picture_the_same_words_decide_as_they_always_did(parts: DialogueParts) -> None:
    events = await turn(parts, WHAT)
    assert only(events, Understood).model == "intent_kiosk@1"
    assert only(events, Understood).passages == ()
    assert completed(events).decision is not Decision.ANSWER


async def test_a_picture_alone_is_answered_in_the_sessions_language(parts: DialogueParts) -> None:
    events = await turn(parts, "", [shown(parts.domain, "lamp-red")], ConversationState(language="zh"))
    assert completed(events).answer == "我看到红灯亮着。自购买之日起两年。"
    assert only(events, AnswerPicture).caption == "红灯"
    assert parts.embedder.embedded == len(parts.domain.passages) * 2 + 1, "nothing was there to be embedded"


@pytest.mark.parametrize(
    ("text", "words", "session", "language"),
    [
        ("", "包裹晚到了", "", "zh"),
        ("", "包裹晚到了", "en", "en"),
        ("这是什么", "PARCEL IS LATE", "en", "zh"),
        ("??", "", "", "en"),
    ],
)
async def test_the_language_is_the_texts_then_the_sessions_then_the_pictures(
    parts: DialogueParts, text: str, words: str, session: str, language: str
) -> None:
    picture = shown(parts.domain, "slip-late", words=words)
    events = await turn(parts, text, [picture], ConversationState(language=session))
    assert only(events, Understood).language == language


async def test_words_in_the_picture_are_embedded_and_searched_for(parts: DialogueParts) -> None:
    picture = ShownPicture(words="Warranty two years from the day of purchase")
    understood = await understand(parts, "", [picture])
    assert understood.passages[0].label == "warranty"
    assert understood.seen[0].picture_id == ""

    (_, inputs), *_ = [call for call in parts.inference.calls if call[0] == "fusion_kiosk"]
    assert inputs["word_mask"].sum(axis=1).tolist() == [9, 9], "a sentence and eight words, twice"
    assert inputs["region_mask"].sum() == 0


async def test_what_the_caller_embedded_is_not_embedded_again(parts: DialogueParts) -> None:
    def features(text: str) -> TextFeatures:
        return TextFeatures(embedded(text), embedded(text)[None])

    before = parts.embedder.embedded
    picture = replace(shown(parts.domain, "lamp-red", words="Power"), embedded_words=features("Power"))
    given: dict[str, Any] = {
        "vector": embedded(WHAT),
        "tokens": embedded(WHAT)[None],
        "embedding_model": "letters@1",
    }
    assert completed(await turn(parts, WHAT, [picture], **given)).decision is Decision.ANSWER
    assert parts.embedder.embedded == before


async def test_a_product_alone_is_named_and_what_is_meant_is_asked(parts: DialogueParts) -> None:
    events = await turn(parts, WHAT, [shown(parts.domain, product="fan")])
    end = completed(events)
    assert end.decision is Decision.ASK_BACK
    assert end.answer.startswith("I see your desk fan. Do you mean “")
    assert only(events, Understood).products[0].label == "fan"


async def test_an_unsure_picture_is_not_claimed_to_be_seen(parts: DialogueParts) -> None:
    events = await turn(parts, WHAT, [shown(parts.domain, "lamp-red", sure=0.5)])
    assert "I can see" not in completed(events).answer
    assert only(events, Understood).seen[0].probability < 0.8


async def test_an_unclear_picture_is_asked_about_until_a_person_takes_over(parts: DialogueParts) -> None:
    unclear, state, ends = shown(parts.domain), ConversationState(), []
    for _ in range(3):
        ends.append(completed(await turn(parts, "", [unclear], state)))
        state = ends[-1].state
    assert [end.decision for end in ends] == [Decision.ASK_BACK, Decision.ASK_BACK, Decision.HANDOFF]
    assert ends[0].answer == "What is in your picture?"
    assert state.handed_off


async def test_options_of_a_question_back_are_chosen_in_the_next_turn(parts: DialogueParts) -> None:
    pictures = [shown(parts.domain, "lamp-red"), shown(parts.domain, "slip-late")]
    end = completed(await turn(parts, "", pictures))
    assert end.decision is Decision.ASK_BACK
    assert set(end.state.offered_passage_ids) == {"warranty", "order-address"}
    assert "“Warranty”" in end.answer
    events = await turn(parts, "the second one", [], end.state)
    assert only(events, Citation).passage.id == end.state.offered_passage_ids[1]


async def test_who_asks_for_a_person_gets_one_whatever_is_shown(parts: DialogueParts) -> None:
    events = await turn(parts, "my human router question", [shown(parts.domain, "lamp-red")])
    assert completed(events).answer == "I will connect you."
    assert only(events, Handoff).reason is HandoffReason.REQUESTED
    assert "I can see a red light." in only(events, Handoff).summary


async def test_words_that_may_ask_for_a_person_do_so_when_the_picture_has_no_sure_answer(
    parts: DialogueParts,
) -> None:
    may = "what about human and a song?"
    words = only(await turn(parts, may), Understood)
    assert 0.5 <= words.confidence < 0.8, "not sure, but enough for a person"
    assert completed(await turn(parts, may)).decision is Decision.HANDOFF
    assert completed(await turn(parts, may, [shown(parts.domain)])).decision is Decision.HANDOFF
    sure = await turn(parts, may, [shown(parts.domain, "lamp-red")])
    assert only(sure, Citation).passage.id == "warranty"


async def test_sure_words_are_answered_when_the_picture_shows_nothing_known(parts: DialogueParts) -> None:
    events = await turn(parts, "my hello cable question", [shown(parts.domain)])
    assert completed(events).answer == "Hello, this is Kiosk."


async def test_pictures_that_could_not_be_seen_leave_the_words(parts: DialogueParts) -> None:
    blind = [ShownPicture(), ShownPicture(words=" \n")]
    assert only(await turn(parts, "my hello cable question", blind), Understood).model == "intent_kiosk@1"
    assert completed(await turn(parts, "", blind)).answer == "What can I do for you?"
    with pytest.raises(InvalidArgument) as caught:
        await understand(parts, "", blind)
    assert caught.value.reason == "INPUT_EMPTY"


async def test_several_pictures_are_told_apart(parts: DialogueParts) -> None:
    pictures = [
        ShownPicture(),
        shown(parts.domain, "slip-paid"),
        shown(parts.domain, "lamp-red", words="Power"),
    ]
    events = await turn(parts, WHAT, pictures)
    understood = only(events, Understood)
    assert [(item.index, item.picture_id) for item in understood.seen] == [(1, "slip-paid"), (2, "lamp-red")]
    assert completed(events).answer.startswith("I can see a paid bill. I can see a red light. Two years")
    assert only(events, Citation).quote == "Two years from the day of purchase."


async def test_sound_takes_part_and_its_space_is_checked(parts: DialogueParts) -> None:
    frames, picture = np.ones((30, 64), np.float32), shown(parts.domain, "lamp-red")
    await turn(parts, WHAT, [picture], frames=frames, acoustic_model=ACOUSTIC_MODEL)
    inputs = next(call for call in parts.inference.calls if call[0] == "fusion_kiosk")[1]
    assert inputs["frame_mask"].sum(axis=1).tolist() == [30, 0]
    with pytest.raises(FailedPrecondition):
        await turn(parts, WHAT, [picture], frames=frames, acoustic_model="other@1")


@pytest.mark.parametrize("space", ["text", "image"])
async def test_vectors_of_another_space_are_refused(parts: DialogueParts, space: str) -> None:
    picture = shown(parts.domain, "lamp-red")
    assert picture.embedding_model == IMAGE_MODEL
    if space == "image":
        picture = replace(picture, embedding_model="other@1")
    else:
        parts.embedder.embedding_model = "other@1"
    with pytest.raises(FailedPrecondition) as caught:
        await turn(parts, WHAT, [picture])
    assert caught.value.reason == "EMBEDDING_MODEL_MISMATCH"


async def test_vectors_of_another_width_are_refused(parts: DialogueParts) -> None:
    narrow = ShownPicture(np.ones(4, np.float32), np.ones((49, 4), np.float32), IMAGE_MODEL)
    with pytest.raises(InvalidArgument) as caught:
        await turn(parts, WHAT, [shown(parts.domain), narrow])
    assert caught.value.violations[0].field == "input.images[1].pooled"


async def test_a_domain_without_pictures_answers_by_words_and_claims_nothing(tmp_path: Path) -> None:
    parts = DialogueParts(tmp_path)
    await parts.publish()
    row = np.ones(1280, np.float32)
    picture = ShownPicture(row, row[None], IMAGE_MODEL, words="cancelling an order")
    events = await turn(parts, "my order cable question", [picture])
    assert only(events, Understood).model == "intent_kiosk@1"
    assert only(events, Understood).seen == ()
    assert completed(events).answer == "You can cancel within 30 minutes.", "the words shown find it"
    assert not [call for call in parts.inference.calls if call[0] == "fusion_kiosk"]
    parts.store.close()


async def test_a_companys_document_answers_too(parts: DialogueParts) -> None:
    document = Document("park", "Opening of the late parcel desk", "It opens at nine.", "en", "")
    await parts.base.upsert("demo", [document], lambda: 10.0)
    picture = ShownPicture(words="Opening of the late parcel desk")
    events = await turn(parts, "opening of the late parcel desk", [picture])
    assert only(events, Citation).passage.id == "park"
    assert not [event for event in events if isinstance(event, AnswerPicture)]


async def test_understanding_gives_the_probability_of_a_passage_that_is_asked_for(
    parts: DialogueParts,
) -> None:
    document = Document("mandarin-alone", "公园", "九点开门。", "zh", "")
    await parts.base.upsert("demo", [document], lambda: 10.0)
    for pictures in ([], [shown(parts.domain, "lamp-red")]):
        everything = await understand(parts, "my order cable question", pictures)
        assert 0.0 < sum(item.probability for item in everything.passages) <= 1.0 + 1e-6
        assert await understand(parts, "my order cable question", pictures, "nowhere") == everything
        named = await understand(parts, "my order cable question", pictures, "mandarin-alone")
        assert named.passages[:-1] == everything.passages
        assert (named.passages[-1].label, named.passages[-1].probability) == ("mandarin-alone", 0.0)


async def test_a_passage_that_is_asked_for_is_found_however_unlikely(parts: DialogueParts) -> None:
    many = [Document(f"red-{n}", f"Red light {n}", "A red light.", "en", "") for n in range(20)]
    documents = [*many, Document("far", "Opening hours", "Nine to six.", "en", "")]
    for start in range(0, len(documents), 10):
        await parts.base.upsert("demo", documents[start : start + 10], lambda: 10.0)
    understood = await understand(parts, "red light", [shown(parts.domain, "lamp-red")], "far")
    *best, far = understood.passages
    assert len(best) == 5
    assert far.label == "far"
    assert 0.0 < far.probability < best[-1].probability


async def test_words_alone_give_their_best_passage_the_confidence_of_the_decision(
    parts: DialogueParts,
) -> None:
    understood = await understand(parts, "my order cable question: cancelling an order")
    assert understood.passages[0].label == "order-cancel"
    assert understood.passages[0].probability == pytest.approx(understood.confidence)


async def test_passages_are_made_ready_once_and_forgotten_with_their_index(parts: DialogueParts) -> None:
    def embedded_passages() -> int:
        calls = [inputs for name, inputs in parts.inference.calls if name == "fusion_kiosk"]
        return sum(int(inputs["is_passage"].sum()) for inputs in calls)

    picture = shown(parts.domain, "lamp-red")
    await asyncio.gather(*(turn(parts, WHAT, [picture]) for _ in range(4)))
    assert embedded_passages() == 3, "three passages in English"
    kept = parts.responder._showing._joints._known
    assert len(kept) == 1
    await parts.base.upsert("demo", [Document("park", "Park", "Opens.", "en", "")], lambda: 10.0)
    await turn(parts, WHAT, [picture])
    assert embedded_passages() == 3 + 4
    gc.collect()
    assert len(kept) == 1, "the index that was replaced is gone"


async def test_what_fails_is_told_and_tried_again(parts: DialogueParts) -> None:
    parts.inference.fail_with = Unavailable("MODEL_UNAVAILABLE", "Triton is away")
    picture = shown(parts.domain, "lamp-red")
    for text in ("", WHAT):
        with pytest.raises(Unavailable):
            await turn(parts, text, [picture])
    parts.inference.fail_with = None
    assert completed(await turn(parts, WHAT, [picture])).decision is Decision.ANSWER


def said(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, AnswerDelta))


async def test_the_end_holds_the_whole_answer(parts: DialogueParts) -> None:
    events = await turn(parts, WHAT, [shown(parts.domain, "lamp-red")])
    assert said(events) == only(events, Completed).answer
