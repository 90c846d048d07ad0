"""What tells intents: a head by the vector, or a fine-tuned encoder by the text; never one for the other."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.dialogue.customer_input import CustomerInput
from services.dialogue.domain.loader import load_files
from services.dialogue.events import Understood
from services.dialogue.intent_client import TritonIntentModel
from services.dialogue.ports import Understanding
from services.dialogue.state import ConversationState
from services.inference.port import Tensors
from services.inference.spec import ModelSpec
from services.serving.errors import FailedPrecondition, Unavailable
from tests.fakes.dialogue import FINGERPRINT, DialogueParts, dialogue_inference, embedded
from tests.fakes.domain_folder import domain_files
from tests.fakes.fusion import pictured_files, shown
from tests.fakes.inference import Compute, FakeInference

HELLO = "my hello cable question"
DOMAIN = load_files(domain_files())
INTENT, UNDERSTANDING = "intent_kiosk", "understanding_kiosk"


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[DialogueParts]:
    made = DialogueParts(tmp_path, fine_tuned=True)
    await made.publish()
    yield made
    made.store.close()


def told(inference: FakeInference, model: str, **changed: object) -> None:
    """Change entries of a model's manifest; None takes one away."""
    manifest = {**json.loads(inference._parameters[model]["manifest"]), **changed}
    kept = {name: value for name, value in manifest.items() if value is not None}
    inference._parameters = {**inference._parameters, model: {"manifest": json.dumps(kept)}}


def answering(inference: FakeInference, **changed: Callable[[Any], Any]) -> None:
    """Change outputs of the fine-tuned encoder."""
    compute: Any = inference._models[UNDERSTANDING]

    def altered(inputs: Tensors) -> Tensors:
        outputs = compute(inputs)
        return {**outputs, **{name: change(outputs[name]) for name, change in changed.items()}}

    models: Mapping[str, Compute] = {**inference._models, UNDERSTANDING: altered}  # type: ignore[dict-item]
    inference._models = models


def without(inference: FakeInference, model: str) -> None:
    """Take a model away, as Triton does while it loads another version."""
    known = inference.parameters

    async def parameters(spec: ModelSpec) -> Mapping[str, str]:
        if spec.name == model:
            raise Unavailable("INFERENCE_UNAVAILABLE", "not served")
        return await known(spec)

    inference.parameters = parameters  # type: ignore[method-assign]
    inference._models = {name: served for name, served in inference._models.items() if name != model}


async def turn(parts: DialogueParts, asked: CustomerInput) -> Understood:
    view = await parts.views.view("demo")
    assert view.domain is not None
    events = parts.responder.respond(asked, ConversationState(), view.domain, view.index, lambda: 1.0)
    first, *_ = [event async for event in events]
    assert isinstance(first, Understood)
    return first


async def test_a_turn_is_understood_by_the_encoder_from_the_text_itself(parts: DialogueParts) -> None:
    # The vector says something else: it is for retrieval alone.
    misleading = embedded("my human router question")
    understood = await turn(parts, CustomerInput(HELLO, "en", misleading, "letters@1"))

    assert understood.model == "understanding_kiosk@1"
    assert understood.intents[0].label == "greeting"
    asked = [(model, inputs) for model, inputs in parts.inference.calls if model in (INTENT, UNDERSTANDING)]
    assert [model for model, _ in asked] == [UNDERSTANDING]
    assert asked[0][1]["text"].tolist() == [[HELLO.encode()]]


async def test_understanding_asks_the_same_model_as_answering(parts: DialogueParts) -> None:
    view = await parts.views.view("demo")
    assert view.domain is not None
    answered = await turn(parts, CustomerInput(HELLO, "en"))
    understood = await parts.responder.understand(
        CustomerInput(HELLO, "en"), view.domain, view.index, lambda: 1.0
    )
    assert understood.model == "understanding_kiosk@1"
    assert understood.intents == answered.intents


async def test_without_an_encoder_of_its_own_a_domain_is_understood_by_the_head(tmp_path: Path) -> None:
    parts = DialogueParts(tmp_path)
    await parts.publish()
    understood = await turn(parts, CustomerInput(HELLO, "en"))
    assert understood.model == "intent_kiosk@1"
    assert INTENT in {model for model, _ in parts.inference.calls}
    parts.store.close()


async def test_words_beside_a_picture_weigh_as_much_as_words_alone(tmp_path: Path) -> None:
    parts = DialogueParts(tmp_path, files=pictured_files(), fine_tuned=True)
    await parts.publish()
    picture = shown(parts.domain, "lamp-red")
    person = CustomerInput("my human router question", "en", pictures=(picture,))
    understood = await turn(parts, person)

    assert understood.model == "fusion_kiosk@1"
    asked = {model for model, _ in parts.inference.calls}
    assert UNDERSTANDING in asked
    assert INTENT not in asked
    parts.store.close()


async def test_the_profile_names_both_models() -> None:
    inference = dialogue_inference(DOMAIN, fine_tuned=True)
    told(inference, UNDERSTANDING, version=3)
    profile = await TritonIntentModel(inference).profile("kiosk")
    assert profile.understanding == Understanding("understanding_kiosk@3", FINGERPRINT)
    assert (profile.model, profile.understood_by) == ("intent_kiosk@1", "understanding_kiosk@3")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"fingerprint": "f2"}, "another training of understanding_kiosk"),
        ({"labels": ["greeting"]}, "tell other intents apart"),
        ({"fingerprint": None}, "not of this release"),
        ({"version": None}, "not of this release"),
        ({"labels": 5}, "not of this release"),
    ],
)
async def test_an_encoder_that_it_was_not_calibrated_on_is_refused_with_what_to_do(
    changed: dict[str, object], words: str
) -> None:
    inference = dialogue_inference(DOMAIN, fine_tuned=True)
    told(inference, UNDERSTANDING, **changed)
    model = TritonIntentModel(inference)
    with pytest.raises(FailedPrecondition, match=words) as caught:
        await model.profile("kiosk")
    assert caught.value.reason == "UNDERSTANDING_MODEL_MISMATCH"
    assert "export" in caught.value.message
    assert await model.ready(["kiosk"]), "the service answers, and says what to do"


@pytest.mark.parametrize(
    "entry",
    [{"model": UNDERSTANDING}, {"model": "understanding_other", "fingerprint": "f1"}, "understanding_kiosk"],
)
async def test_an_entry_that_is_not_of_this_release_is_refused(entry: object) -> None:
    inference = dialogue_inference(DOMAIN, fine_tuned=True)
    told(inference, INTENT, understanding=entry)
    with pytest.raises(FailedPrecondition) as caught:
        await TritonIntentModel(inference).profile("kiosk")
    assert caught.value.reason == "INTENT_MODEL_INCOMPATIBLE"


async def test_an_answer_of_an_encoder_that_was_just_replaced_is_not_used(parts: DialogueParts) -> None:
    await turn(parts, CustomerInput(HELLO, "en"))
    answering(parts.inference, fingerprint=lambda own: np.full_like(own, b"f2"))
    with pytest.raises(Unavailable) as caught:
        await turn(parts, CustomerInput(HELLO, "en"))
    assert caught.value.reason == "INTENT_MODEL_CHANGED"

    # It is read anew at once, not after the ten seconds for which a manifest is believed.
    told(parts.inference, UNDERSTANDING, fingerprint="f2", version=2)
    with pytest.raises(FailedPrecondition) as refused:
        await turn(parts, CustomerInput(HELLO, "en"))
    assert refused.value.reason == "UNDERSTANDING_MODEL_MISMATCH"
    told(parts.inference, INTENT, understanding={"model": UNDERSTANDING, "fingerprint": "f2"})
    assert (await turn(parts, CustomerInput(HELLO, "en"))).model == "understanding_kiosk@2"


async def test_an_encoder_of_other_labels_is_noticed(parts: DialogueParts) -> None:
    answering(parts.inference, intents=lambda own: own[:, 1:])
    with pytest.raises(Unavailable) as caught:
        await turn(parts, CustomerInput(HELLO, "en"))
    assert caught.value.reason == "INTENT_MODEL_CHANGED"


@pytest.mark.parametrize("model", [INTENT, UNDERSTANDING])
async def test_it_is_ready_when_all_that_it_asks_is(model: str) -> None:
    inference = dialogue_inference(DOMAIN, fine_tuned=True)
    assert await TritonIntentModel(inference).ready(["kiosk"])
    without(inference, model)
    assert not await TritonIntentModel(inference).ready(["kiosk"])
    with pytest.raises(Unavailable):
        await TritonIntentModel(inference).profile("kiosk")


async def test_a_known_profile_does_not_hide_that_the_encoder_went_away(parts: DialogueParts) -> None:
    assert await parts.intents.ready(["kiosk"])
    without(parts.inference, UNDERSTANDING)
    assert not await parts.intents.ready(["kiosk"])
