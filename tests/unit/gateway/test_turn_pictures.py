"""Turns with pictures: heard, seen, embedded and answered, in virtual time."""

from dataclasses import replace

import pytest

from gateway.turn.features import CustomerInput, ImageFeatures
from gateway.turn.types import (
    AnswerPicture,
    AnswerText,
    BoundingBox,
    CustomerTurn,
    ImageInput,
    ImageLabel,
    ImageSeen,
    Notice,
    Stage,
    StageTiming,
    TextLine,
    Transcript,
    TurnCompleted,
    TurnStarted,
    Understood,
)
from services.serving.errors import (
    DeadlineExceeded,
    FieldViolation,
    FrontdeskError,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from tests.fakes.turn import ANSWER, CITATION, COMPLETED, UNDERSTOOD, Work, features_of
from tests.harness.turn import EVERYTHING, SHOWN, SPOKEN, Desk, bare, of

DOWN = Unavailable("VISION_DOWN", "vision cannot be reached")
PICTURES = tuple(ImageInput(f"Error {number}".encode(), "image/png") for number in range(8))


def showing(*images: ImageInput, text: str = "") -> CustomerTurn:
    return replace(SHOWN, images=images, text=text)


def answered(desk: Desk) -> CustomerInput:
    """What dialogue was given."""
    [(customer, _, _)] = desk.dialogue.work.calls
    assert isinstance(customer, CustomerInput)
    return customer


def seen_timing(completed: object) -> StageTiming:
    assert isinstance(completed, TurnCompleted)
    [timing] = [timing for timing in completed.timings if timing.stage is Stage.VISION]
    return timing


def test_what_is_said_typed_and_shown_reaches_dialogue_together() -> None:
    desk = Desk()
    events, error, _ = desk.take(EVERYTHING)
    assert error is None
    text = "where is my order\nOrder 17"
    [image] = EVERYTHING.images
    assert answered(desk) == CustomerInput(
        text,
        "en",
        desk.embedder.of(text),
        (features_of(image),),
        (desk.embedder.of("Error 42"),),
        desk.recognizer.acoustic,
    )
    assert desk.embedder.work.calls == [((text, "Error 42"), True)]
    assert desk.image_reader.work.calls[0][:2] == (image, "shop")
    assert of(ImageSeen, events) == [
        ImageSeen(
            0,
            (TextLine("Error 42", BoundingBox(0.25, 0.25, 0.5, 0.125), 0.75),),
            (ImageLabel("brook-r2", 0.75),),
            (ImageLabel("device_panel", 0.75),),
            (ImageLabel("modem", 0.5),),
        )
    ]
    assert not of(Notice, events)


def test_hearing_and_seeing_begin_together_while_the_turn_is_being_stored() -> None:
    desk = Desk()
    times = {Stage.STORE: 1.0, Stage.ASR: 3.0, Stage.VISION: 2.0}
    for stage, seconds in times.items():
        desk.work(stage).seconds = seconds
    events, error, seconds = desk.take(EVERYTHING)
    assert error is None
    assert seconds == pytest.approx(3.0)
    told = {type(timed.event): timed.offset.total_seconds() for timed in events}
    assert told[TurnStarted] == pytest.approx(1.0)
    assert told[ImageSeen] == pytest.approx(2.0)  # before the slower words
    assert told[Transcript] == pytest.approx(3.0)
    completed = bare(events)[-1]
    assert isinstance(completed, TurnCompleted)
    first = completed.timings[:3]
    assert {timing.start.total_seconds() for timing in first} == {0.0}
    assert {timing.stage: timing.duration.total_seconds() for timing in first} == pytest.approx(times)


def test_what_is_known_before_the_turn_is_stored_is_told_after_its_start() -> None:
    desk = Desk()
    desk.store.accepting.seconds = 1.0
    events, _, _ = desk.take(EVERYTHING)
    kinds = [type(event) for event in bare(events)]
    assert kinds[0] is TurnStarted
    assert set(kinds[1:3]) == {Transcript, ImageSeen}
    assert kinds[3] is Understood


def test_pictures_are_told_as_they_are_known_and_handed_on_in_their_order() -> None:
    desk = Desk()
    desk.image_reader.works[b"slow"] = Work(seconds=3.0)
    slow, quick = ImageInput(b"slow", "image/png"), ImageInput(b"quick", "image/jpeg")
    events, _, seconds = desk.take(showing(slow, quick))
    assert [event.image_index for event in of(ImageSeen, events) if isinstance(event, ImageSeen)] == [1, 0]
    assert [image.words for image in answered(desk).images] == ["slow", "quick"]
    assert [e and e.tokens[0].token for e in answered(desk).image_embeddings] == ["slow", "quick"]
    assert seconds == pytest.approx(3.0)


def test_many_pictures_are_looked_at_two_at_a_time_as_one_stage() -> None:
    desk = Desk()
    desk.image_reader.work.seconds = 1.0
    events, error, seconds = desk.take(showing(*PICTURES), budget=30.0)
    assert error is None
    assert seconds == pytest.approx(4.0)
    assert desk.image_reader.most_at_once == 2
    assert len(of(ImageSeen, events)) == 8
    assert seen_timing(bare(events)[-1]).duration.total_seconds() == pytest.approx(4.0)


def test_a_picture_alone_is_understood_by_its_words() -> None:
    desk = Desk()
    desk.take(SHOWN)
    customer = answered(desk)
    assert (customer.text, customer.embedding) == ("", None)
    assert desk.embedder.work.calls == [(("Error 42",), True)]
    assert customer.image_embeddings == (desk.embedder.of("Error 42"),)
    assert customer.acoustic is None


def test_only_the_pictures_with_words_are_embedded() -> None:
    desk = Desk()
    blank, read = ImageInput(b"", "image/png"), ImageInput(b"Error 42", "image/png")
    desk.take(showing(blank, read, blank, text="why?"))
    assert desk.embedder.work.calls == [(("why?", "Error 42"), True)]
    assert answered(desk).image_embeddings == (None, desk.embedder.of("Error 42"), None)


def test_a_picture_without_any_words_needs_no_embedding() -> None:
    desk = Desk()
    desk.take(showing(ImageInput(b"", "image/png")))
    assert not desk.embedder.work.calls
    assert answered(desk).image_embeddings == (None,)
    assert answered(desk).images[0].pooled


def test_the_words_of_a_picture_are_cut() -> None:
    desk = Desk()
    desk.take(showing(ImageInput(b"x" * 3_000, "image/png")))
    [((text,), _)] = desk.embedder.work.calls
    assert text == "x" * 2_000


def test_a_picture_of_the_answer_is_passed_on_after_its_source() -> None:
    desk = Desk()
    picture = AnswerPicture("router-red", "orders.track", "image/webp", b"RIFF", "A red light")
    desk.dialogue.events = (UNDERSTOOD, AnswerText(ANSWER[0]), CITATION, picture, COMPLETED)
    events, error, _ = desk.take(SHOWN)
    assert error is None
    assert bare(events)[-3:-1] == [CITATION, picture]
    assert picture in bare(desk.store.completed["t1"][0])


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        DeadlineExceeded("VISION_LATE", "vision is late"),
        ResourceExhausted("TOO_MANY_REQUESTS", "too much to do", retry_after_seconds=0.5),
        InvalidArgument("DOMAIN_INVALID", "no name of a domain", field="domain"),
    ],
)
def test_a_turn_goes_on_without_the_picture_that_cannot_be_seen(error: FrontdeskError) -> None:
    desk = Desk()
    desk.image_reader.works[PICTURES[1].content] = Work(error=error)
    events, failed, _ = desk.take(showing(*PICTURES[:3], text="why?"))
    assert failed is None
    [notice] = of(Notice, events)
    assert isinstance(notice, Notice)
    assert (notice.stage, notice.reason) == (Stage.VISION, "VISION_UNAVAILABLE")
    assert notice.message == f"1 of 3 pictures could not be looked at (images[1]): {error.message}"
    assert len(of(ImageSeen, events)) == 2
    customer = answered(desk)
    assert customer.images[1] == ImageFeatures()
    assert [image.words for image in customer.images] == ["Error 0", "", "Error 2"]
    assert [embedding is None for embedding in customer.image_embeddings] == [False, True, False]
    assert isinstance(bare(events)[-1], TurnCompleted)


def test_dialogue_hears_of_pictures_none_of_which_could_be_seen() -> None:
    desk = Desk()
    desk.image_reader.work.error = DOWN
    events, error, _ = desk.take(showing(*PICTURES[:2]))
    assert error is None
    assert len(of(Notice, events)) == 1
    assert answered(desk) == CustomerInput("", images=(ImageFeatures(),) * 2, image_embeddings=(None, None))
    assert not desk.embedder.work.calls


def test_vision_that_hangs_costs_no_more_than_its_own_time() -> None:
    desk = Desk()
    desk.image_reader.works[PICTURES[0].content] = Work(seconds=3600.0)
    events, error, seconds = desk.take(replace(SPOKEN, images=PICTURES[:2]), budget=60.0)
    assert error is None
    assert seconds == pytest.approx(15.0)
    assert desk.image_reader.works[PICTURES[0].content].cancelled
    [notice] = of(Notice, events)
    assert isinstance(notice, Notice)
    assert notice.message.endswith("(images[0]): vision did not answer in time")
    assert [image.words for image in answered(desk).images] == ["", "Error 1"]


def test_pictures_that_wait_for_a_vision_that_hangs_are_missed_with_it() -> None:
    desk = Desk()
    desk.image_reader.work.seconds = 3600.0
    events, error, seconds = desk.take(showing(*PICTURES, text="why?"), budget=10.2)
    assert error is None
    assert seconds == pytest.approx(5.0)  # half of the turn's time
    assert len(desk.image_reader.work.calls) == 2
    assert answered(desk).images == (ImageFeatures(),) * 8
    assert seen_timing(bare(events)[-1]).duration.total_seconds() == pytest.approx(5.0)


@pytest.mark.parametrize("error_class", [InvalidArgument, ResourceExhausted])
def test_a_picture_that_cannot_be_used_fails_the_turn_before_it_is_answered(
    error_class: type[FrontdeskError],
) -> None:
    desk = Desk()
    refusal = error_class("IMAGE_BAD", "cut short: send it whole", field="content", metadata={"limit": "1"})
    desk.image_reader.works[PICTURES[1].content] = Work(seconds=1.0, error=refusal)
    desk.recognizer.work.seconds = 9.0
    events, error, seconds = desk.take(replace(SPOKEN, images=PICTURES[:2]))
    assert isinstance(error, error_class)
    assert (error.reason, error.metadata) == ("IMAGE_BAD", {"limit": "1"})
    assert error.message == "images[1].content: cut short: send it whole"
    assert error.violations == (FieldViolation("images[1].content", error.message),)
    assert seconds == pytest.approx(1.0)
    assert desk.recognizer.work.cancelled
    assert not desk.dialogue.work.calls
    assert not desk.store.completed
    assert {type(event) for event in bare(events)} == {TurnStarted, ImageSeen}


def test_hearing_that_fails_ends_seeing() -> None:
    desk = Desk()
    desk.recognizer.work.error = DOWN
    desk.image_reader.work.seconds = 9.0
    _, error, seconds = desk.take(EVERYTHING)
    assert error is DOWN
    assert seconds == 0.0
    assert desk.image_reader.work.cancelled


def test_a_completed_turn_is_replayed_without_being_looked_at() -> None:
    desk = Desk()
    first, _, _ = desk.take(EVERYTHING)
    desk.image_reader.work.seconds, desk.store.accepting.seconds = 1.0, 0.1
    second, error, seconds = desk.take(EVERYTHING)
    assert error is None
    assert bare(second)[:-1] == bare(first)[:-1]
    assert seconds == pytest.approx(0.1)
    assert desk.image_reader.work.cancelled  # it began while the store was asked
