"""A company fine-tunes an encoder, exports it into a running suite, and the suite answers with it."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from frontdesk.dialogue.v1 import dialogue_pb2, dialogue_pb2_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc

from gateway.client import FrontdeskApiError, FrontdeskClient
from services.dialogue.domain.loader import load_domain
from services.local.suite import LocalSuite
from tests.fakes.domain_folder import domain_files
from tests.harness.second_gateway import second_gateway
from tests.harness.second_process import second_process
from tests.harness.small_encoder import QUICKLY, small_encoder_of
from tests.harness.suite import BUILD, ROOT, repository_of, run_cli
from training.export.backends.understanding.encoder import UnderstandingEncoder
from training.export.context import ExportContext
from training.export.repository import export_repository
from training.export.roll_back import roll_back
from training.export.versions import served_folder
from training.text import out_of_fold
from training.text.utterances import utterances_of
from training.understanding.domain import train_domain
from training.weights.store import WeightStore

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

UNDERSTANDING, INTENT = "understanding_kiosk", "intent_kiosk"
HELLO = "my hello cable question"


class Company:
    """A company with a domain folder, beside a running suite."""

    def __init__(self, folder: Path, suite: LocalSuite) -> None:
        self.folder = folder / "kiosk"
        self.repository = repository_of(suite.api_key_file.parents[1])
        self._work = folder / "work"
        self._triton = f"127.0.0.1:{suite.ports.triton_grpc}"
        for name, data in domain_files().items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)

    def train(self) -> None:
        texts = [utterance.text for utterance in utterances_of(load_domain(self.folder))]
        train_domain(
            self.folder,
            QUICKLY,
            folds=2,
            work=self._work,
            repository=self.repository,
            load_encoder=small_encoder_of(texts),
        )

    def calibrate_anew(self) -> None:
        """Make it another training: a little warmer, and so of another fingerprint."""
        file = self.folder / out_of_fold.UNDERSTANDING / "manifest.json"
        manifest = json.loads(file.read_text())
        manifest["temperature"] *= 1.01
        manifest["fingerprint"] = out_of_fold.fingerprint(manifest)
        file.write_text(json.dumps(manifest))

    def export(self, *only: str) -> None:
        weights = WeightStore(ROOT / "training" / "weights" / "cpu.toml", BUILD / "weights")
        export_repository(ExportContext(weights, self.repository, self.folder), only)

    def load(self, *models: str) -> None:
        """Let the running Triton serve what stands in the repository now."""
        with grpc.insecure_channel(self._triton) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            for model in models:
                stub.RepositoryModelLoad(service_pb2.RepositoryModelLoadRequest(model_name=model), timeout=60)

    def unload(self, model: str) -> None:
        with grpc.insecure_channel(self._triton) as channel:
            stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
            stub.RepositoryModelUnload(service_pb2.RepositoryModelUnloadRequest(model_name=model), timeout=60)

    def encoder(self) -> UnderstandingEncoder:
        return UnderstandingEncoder(served_folder(self.repository, UNDERSTANDING), threads=1)


@pytest.fixture(scope="module")
def company(suite: LocalSuite, tmp_path_factory: pytest.TempPathFactory) -> Company:
    made = Company(tmp_path_factory.mktemp("company"), suite)
    made.train()
    made.export("understanding", "intent")
    made.load(UNDERSTANDING, INTENT)
    return made


@pytest.fixture(scope="module")
def kiosk(
    suite: LocalSuite, company: Company, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontdeskClient]:
    """A client of the company's own dialogue, on the suite's Triton."""
    folder = tmp_path_factory.mktemp("kiosk")
    with second_process(suite, "dialogue", folder / "dialogue", {}) as dialogue:
        targets = {"FRONTDESK_GATEWAY_DIALOGUE_TARGET": dialogue, "FRONTDESK_GATEWAY_DOMAIN": "kiosk"}
        with second_gateway(suite, folder / "gateway", targets) as client:
            run_cli(suite, "--endpoint", client.target, "domain", "publish", str(company.folder))
            yield client


def understand(client: FrontdeskClient, text: str) -> dialogue_pb2.Understanding:
    stub = dialogue_pb2_grpc.DialogueServiceStub(client.channel)
    asked = dialogue_pb2.UnderstandRequest(input=dialogue_pb2.CustomerInput(text=text), domain="kiosk")
    return stub.Understand(asked, timeout=30).understanding


def test_turns_and_understand_are_answered_by_the_fine_tuned_encoder(
    kiosk: FrontdeskClient, company: Company
) -> None:
    turn = kiosk.take_turn(text=HELLO)
    found = understand(kiosk, HELLO)
    assert turn.understanding is not None
    assert turn.understanding.model == found.model == "understanding_kiosk@1"
    assert turn.answer == "Hello, this is Kiosk."

    encoder = company.encoder()
    expected = dict(zip(encoder.labels, encoder.understand([HELLO]).intents[0].tolist(), strict=True))
    for told in (turn.understanding, found):
        assert {each.intent: each.probability for each in told.intents} == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("what about order and a parcel?", "order_change"),
        ("关于human的router问题", "person"),
        ("请问battery和hello怎么办呢", "greeting"),
    ],
)
def test_it_learned_what_the_company_wrote(kiosk: FrontdeskClient, text: str, intent: str) -> None:
    assert understand(kiosk, text).intents[0].intent == intent


def test_the_shop_beside_it_is_still_understood_by_its_own_model(client: FrontdeskClient) -> None:
    turn = client.take_turn(text="How long does standard delivery take?")
    assert turn.understanding is not None
    assert turn.understanding.model.split("@")[0] in ("intent_shop", "understanding_shop")
    assert [citation.passage_id for citation in turn.citations][:1] == ["delivery-times"]


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(FrontdeskApiError) as caught:
        call()
    return caught.value.code.name, caught.value.reason or ""


def test_one_training_after_another_never_answers_with_the_wrong_calibration(
    kiosk: FrontdeskClient, company: Company
) -> None:
    def take() -> object:
        return kiosk.take_turn(text=HELLO)

    company.unload(UNDERSTANDING)
    assert refusal(take)[0] == "UNAVAILABLE"

    # The new encoder is served, and the intent model was calibrated on the old one.
    company.calibrate_anew()
    company.export("understanding")
    company.load(UNDERSTANDING)
    seen = {refusal(take), refusal(take)}
    assert seen <= {
        ("UNAVAILABLE", "INTENT_MODEL_CHANGED"),
        ("FAILED_PRECONDITION", "UNDERSTANDING_MODEL_MISMATCH"),
    }
    assert ("FAILED_PRECONDITION", "UNDERSTANDING_MODEL_MISMATCH") in seen

    company.export("intent")
    company.load(INTENT)
    turn = kiosk.take_turn(text=HELLO)
    assert turn.understanding is not None
    assert turn.understanding.model == "understanding_kiosk@2"
    assert turn.answer == "Hello, this is Kiosk."


def test_a_roll_back_takes_the_calibration_along(kiosk: FrontdeskClient, company: Company) -> None:
    assert roll_back(company.repository, UNDERSTANDING) == {UNDERSTANDING: 1, INTENT: 1}
    company.load(UNDERSTANDING, INTENT)
    with contextlib.suppress(FrontdeskApiError):  # the manifest that was read last is believed for a moment
        kiosk.take_turn(text=HELLO)
    turn = kiosk.take_turn(text=HELLO)
    assert turn.understanding is not None
    assert turn.understanding.model == "understanding_kiosk@1"
    assert turn.answer == "Hello, this is Kiosk."
