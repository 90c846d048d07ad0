"""The same explanation of a model as it was trained, as it was exported, and as Triton serves it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer import Typer
from typer.testing import CliRunner

from services.dialogue.model import understanding_spec
from services.inference.port import InferenceClient, Tensors
from services.serving.errors import Unavailable
from tests.fakes.inference import FakeInference
from tests.fakes.understanding import LABELS, expected, tokenizer, write_encoder
from training.explain.__main__ import main
from training.explain.attribution import ExplainError, attribute
from training.explain.models import TextModel, open_model
from training.explain.triton import Connect, TritonTexts
from training.explain.words import TextSubject, WordFinder

TEXT = "hi my order of a parcel"


def understood(words: list[str]) -> float:
    return float(expected(["ask", *words])[0].max())


def run(*arguments: str) -> tuple[int, str]:
    app = Typer()
    app.command()(main)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    write_encoder(tmp_path / "model" / "1")
    return tmp_path / "model"


def opened(folder: Path) -> TextModel:
    model = open_model(folder, folder)
    assert isinstance(model, TextModel)
    return model


def test_an_exported_encoder_is_explained_as_its_arithmetic_says(exported: Path) -> None:
    found = attribute(TextSubject(TEXT, opened(exported).predict, WordFinder()))

    intents = expected(["ask", *TEXT.split()])[0]
    label = int(intents.argmax())
    without_order = expected(["ask", *[word for word in TEXT.split() if word != "order"]])[0]
    assert found.label == label
    assert found.probability == pytest.approx(float(intents[label]), abs=1e-5)
    assert found.contributions[2] == pytest.approx(float(intents[label] - without_order[label]), abs=1e-5)


def test_the_newest_version_is_opened(exported: Path) -> None:
    write_encoder(exported / "2", labels=("one", "two", "three"))

    assert opened(exported).labels == ("one", "two", "three")


def test_a_model_on_triton_is_explained_alike(exported: Path) -> None:
    model = opened(exported)
    asked: list[int] = []

    def compute(inputs: Tensors) -> Tensors:
        texts = [text.decode() for text in inputs["text"][:, 0]]
        asked.append(len(texts))
        return {"intents": np.asarray(model.predict(texts), np.float32)}

    fake = FakeInference(
        {"understanding_shop": compute}, {"understanding_shop": {"manifest": json.dumps({"labels": LABELS})}}
    )
    served = TritonTexts("understanding_shop", connecting(fake))
    long = " ".join(["hi", "order"] * 40)

    for text in (TEXT, long):
        here = attribute(TextSubject(text, model.predict, WordFinder()))
        there = attribute(TextSubject(text, served, WordFinder()))
        assert there.contributions == pytest.approx(here.contributions, abs=1e-5)
    assert served.labels == LABELS
    assert asked == [7, 64, 17]


def connecting(fake: FakeInference) -> Connect:
    @asynccontextmanager
    async def connect() -> AsyncIterator[InferenceClient]:
        yield fake

    return connect


def test_what_triton_does_not_serve_is_said() -> None:
    with pytest.raises(ExplainError, match="name a model understanding_DOMAIN"):
        TritonTexts("intent_shop", connecting(FakeInference({})))
    with pytest.raises(ExplainError, match="understanding_shop is not served there"):
        TritonTexts("understanding_shop", connecting(FakeInference({})))
    fake = FakeInference({}, {understanding_spec("shop").name: {"manifest": '{"labels": ["a"]}'}})
    served = TritonTexts("understanding_shop", connecting(fake))
    fake.fail_with = Unavailable("INFERENCE_UNAVAILABLE", "away")
    with pytest.raises(ExplainError, match=r"does not answer: .*away"):
        served(["hi"])


def test_a_trained_encoder_is_explained(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import BertConfig, BertModel

    from training.understanding.arguments import UnderstandingArguments
    from training.understanding.batches import Labels
    from training.understanding.encoders import fast_tokenizer
    from training.understanding.model import UnderstandingModel
    from training.understanding.predict import Trained

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=12, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    model = UnderstandingModel(BertModel(config, add_pooling_layer=False), 3).eval()
    labels = Labels(["hello", "order"], "out_of_scope", False, ())
    trained = Trained(
        model, fast_tokenizer(tokenizer()), labels, UnderstandingArguments(), "", "tiny", "Apache-2.0"
    )
    trained.save(tmp_path / "trained")

    found = attribute(TextSubject(TEXT, opened(tmp_path / "trained").predict, WordFinder()))

    whole, without_order = trained.predict([TEXT, TEXT.replace("order ", "")]).probabilities
    assert opened(tmp_path / "trained").labels == LABELS
    assert found.contributions[2] == pytest.approx(
        float(whole[found.label] - without_order[found.label]), abs=1e-5
    )


def test_a_broken_model_is_named(exported: Path) -> None:
    (exported / "1" / "tokenizer.json").write_text("{}")

    code, told = run("--model", str(exported), "--text", TEXT)

    assert code == 1
    assert str(exported / "1") in told.replace("\n", "")
    assert "no whole exported model" in told.replace("\n", " ")


def test_the_command_explains_as_json_and_draws(exported: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "drawn" / "why.png"

    code, told = run("--model", str(exported), "--text", TEXT, "--json", "--out", str(drawn))

    said = json.loads(told[: told.index("\n")])
    assert code == 0
    assert said["probability"] == pytest.approx(understood(TEXT.split()), abs=1e-4)
    assert [each["word"] for each in said["words"]] == TEXT.split()
    assert said["regions"] is None
    with Image.open(drawn) as picture:
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 20


def test_mandarin_is_explained_and_drawn(exported: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "why.svg"

    code, told = run("--model", str(exported), "--text", "你好，订单呢", "--out", str(drawn))

    assert code == 0
    assert "订单" in told
    assert drawn.stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "neither a text nor a picture"),
        (["--text", "??"], "no word"),
        (["--text", "hi", "--label", "sing"], "no label 'sing'"),
        (["--text", "hi", "--out", "why.bmp"], "name a file that ends with .png"),
        (["--text", "hi", "--image", "{here}"], "cannot be read as a picture"),
        (["--deletion-test"], "asks about a --set or a --domain"),
        (["--deletion-test", "--set", "none-such"], "there is no set 'none-such'"),
        (["--deletion-test", "--set", "banking77", "--data", "{folder}"], "banking77"),
    ],
)
def test_bad_input_is_named(exported: Path, arguments: list[str], said: str) -> None:
    places = {"here": str(exported / "1" / "manifest.json"), "folder": str(exported)}

    code, told = run("--model", str(exported), *(argument.format(**places) for argument in arguments))

    assert code == 1
    assert "explaining failed" in told
    assert said in told.replace("\n", " ")
