"""A turn from words to events, over fakes."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from services.dialogue.customer_input import CustomerInput
from services.dialogue.events import AnswerDelta, Citation, Completed, Event, Handoff, Understood
from services.dialogue.policy import Decision, HandoffReason
from services.dialogue.state import ConversationState
from services.serving.errors import FailedPrecondition, InvalidArgument, Unavailable
from tests.fakes.dialogue import DialogueParts, embedded
from tests.fakes.domain_folder import replaced


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[DialogueParts]:
    made = DialogueParts(tmp_path)
    await made.publish()
    yield made
    made.store.close()


async def turn(
    parts: DialogueParts, text: str, state: ConversationState | None = None, **given: object
) -> list[Event]:
    view = await parts.views.view("demo")
    assert view.domain is not None
    asked = CustomerInput(text, **given)  # type: ignore[arg-type]
    events = parts.responder.respond(
        asked, state or ConversationState(), view.domain, view.index, lambda: 1.0
    )
    return [event async for event in events]


def completed(events: list[Event]) -> Completed:
    """Give the end, after checking what holds for every turn."""
    assert isinstance(events[0], Understood)
    assert sum(isinstance(event, Understood) for event in events) == 1
    assert sum(isinstance(event, Handoff) for event in events) <= 1
    end = events[-1]
    assert isinstance(end, Completed)
    assert end.answer == "".join(event.text for event in events if isinstance(event, AnswerDelta))
    assert end.answer
    return end


async def test_a_sure_answer_quotes_and_cites_the_passage(parts: DialogueParts) -> None:
    events = await turn(parts, "my order cable question: cancelling an order")
    end = completed(events)
    (cited,) = [event for event in events if isinstance(event, Citation)]

    assert end.decision is Decision.ANSWER
    assert end.answer == cited.quote == "You can cancel within 30 minutes."
    assert cited.passage.id == "order-cancel"
    assert cited.passage.source_version == parts.domain.version
    assert end.state.last_intent == "order_change"
    assert end.state.turn_count == 1


async def test_mandarin_is_answered_in_mandarin(parts: DialogueParts) -> None:
    events = await turn(parts, "关于order的cable问题，取消订单")
    assert completed(events).answer == "下单后三十分钟内可以取消。"
    assert isinstance(events[0], Understood)
    assert events[0].language == "zh"


async def test_a_template_answers_without_citation(parts: DialogueParts) -> None:
    events = await turn(parts, "my hello cable question")
    assert completed(events).answer == "Hello, this is Kiosk."
    assert not [event for event in events if isinstance(event, Citation)]


async def test_who_asks_for_a_person_gets_one(parts: DialogueParts) -> None:
    events = await turn(parts, "my human router question")
    (handoff,) = [event for event in events if isinstance(event, Handoff)]

    assert completed(events).decision is Decision.HANDOFF
    assert handoff.reason is HandoffReason.REQUESTED
    assert "person" in handoff.summary
    assert "\n" not in handoff.summary
    assert completed(events).state.handed_off


async def test_what_is_not_known_is_not_answered(parts: DialogueParts) -> None:
    events = await turn(parts, "my weather screen question")
    (handoff,) = [event for event in events if isinstance(event, Handoff)]

    assert completed(events).answer == "I do not know that."
    assert handoff.reason is HandoffReason.LOW_CONFIDENCE
    assert not [event for event in events if isinstance(event, Citation)]


async def test_silence_leaves_what_was_offered_to_be_chosen(parts: DialogueParts) -> None:
    offered = ("order-address", "order-cancel")
    state = ConversationState(last_intent="order_change", offered_passage_ids=offered)
    silent = completed(await turn(parts, "", state)).state

    assert (silent.last_intent, silent.offered_passage_ids) == ("order_change", offered)
    events = await turn(parts, "the second one", silent)
    (cited,) = [event for event in events if isinstance(event, Citation)]
    assert cited.passage.id == "order-cancel"


async def test_a_second_handoff_is_not_announced_again(parts: DialogueParts) -> None:
    state = ConversationState(handed_off=True)
    events = await turn(parts, "my human router question", state)
    assert completed(events).answer == "A colleague is with you."
    assert not [event for event in events if isinstance(event, Handoff)]
    assert completed(await turn(parts, "my hello cable question", state)).decision is Decision.ANSWER


UNSURE = "what about order or weather and a cable?"


async def test_an_unsure_turn_asks_back_and_the_reply_chooses(parts: DialogueParts) -> None:
    end = completed(await turn(parts, UNSURE))
    assert end.decision is Decision.ASK_BACK
    assert "“Cancelling an order”" in end.answer
    assert len(end.state.offered_passage_ids) == 2

    second = end.state.offered_passage_ids[1]
    events = await turn(parts, "the second one", end.state)
    (cited,) = [event for event in events if isinstance(event, Citation)]
    assert cited.passage.id == second
    assert completed(events).decision is Decision.ANSWER
    assert completed(events).state.consecutive_clarifications == 0
    assert completed(events).state.offered_passage_ids == ()


async def test_asking_back_too_often_ends_with_a_person(parts: DialogueParts) -> None:
    state = ConversationState()
    decisions = []
    for _ in range(3):
        end = completed(await turn(parts, UNSURE, state))
        state = end.state
        decisions.append(end.decision)
    assert decisions == [Decision.ASK_BACK, Decision.ASK_BACK, Decision.HANDOFF]


async def test_another_question_instead_of_a_choice_is_answered(parts: DialogueParts) -> None:
    end = completed(await turn(parts, UNSURE))
    assert (
        completed(await turn(parts, "my hello cable question", end.state)).answer == "Hello, this is Kiosk."
    )


async def test_pictures_without_words_are_asked_about(parts: DialogueParts) -> None:
    end = completed(await turn(parts, "  ", ConversationState(language="zh")))
    assert end.decision is Decision.ASK_BACK
    assert end.answer == "请问有什么可以帮您？"


async def test_a_given_embedding_is_used(parts: DialogueParts) -> None:
    before = parts.embedder.embedded
    text = "my hello cable question"
    await turn(parts, text, vector=embedded(text), embedding_model="letters@1")
    assert parts.embedder.embedded == before


async def test_a_vector_of_another_space_is_refused(parts: DialogueParts) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        await turn(parts, "hello", vector=embedded("hello"), embedding_model="other@1")
    assert caught.value.reason == "EMBEDDING_MODEL_MISMATCH"


async def test_a_vector_of_another_width_is_refused(parts: DialogueParts) -> None:
    with pytest.raises(InvalidArgument):
        await turn(parts, "hello", vector=np.ones(4, np.float32) / 2, embedding_model="letters@1")


async def test_labels_of_another_domain_are_refused(parts: DialogueParts) -> None:
    other = DialogueParts(parts.folder, files=_renamed_intent())
    view = await parts.views.view("demo")
    assert view.domain is not None
    events = other.responder.respond(
        CustomerInput("hello"), ConversationState(), view.domain, view.index, lambda: 1.0
    )
    with pytest.raises(FailedPrecondition) as caught:
        await anext(events)
    assert caught.value.reason == "INTENT_LABELS_MISMATCH"
    other.store.close()


async def test_what_fails_is_told(parts: DialogueParts) -> None:
    parts.inference.fail_with = Unavailable("MODEL_UNAVAILABLE", "Triton is away")
    with pytest.raises(Unavailable):
        await turn(parts, "my hello cable question")
    parts.inference.fail_with = None
    assert completed(await turn(parts, "my hello cable question")).decision is Decision.ANSWER


def _renamed_intent() -> dict[str, bytes]:
    files = dict(replaced("intents/person.yaml", "id: person", "id: human"))
    files["intents/human.yaml"] = files.pop("intents/person.yaml")
    return files
