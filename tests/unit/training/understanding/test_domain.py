"""A company's utterances become a model to be served, with what it knew of those that it did not see."""

import errno
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from services.dialogue.domain.loader import load_domain
from services.dialogue.domain.types import Domain
from services.dialogue.ports import Purpose
from tests.fakes.dialogue import embedded
from tests.fakes.domain_folder import domain_files
from tests.harness.small_encoder import QUICKLY, small_encoder_of
from training.export.backends.understanding.encoder import UnderstandingEncoder
from training.text import intent, out_of_fold
from training.text.utterances import utterances_of
from training.understanding import served
from training.understanding.domain import train_domain
from training.understanding.predict import Trained

FILES = {"model.onnx", "tokenizer.json", "manifest.json", "out_of_fold.npz", "README.md"}


class Company:
    def __init__(self, folder: Path) -> None:
        self.folder, self.work = folder / "kiosk", folder / "work"
        for name, data in domain_files().items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(data)
        self.domain: Domain = load_domain(self.folder)
        self.model = self.folder / "models" / "understanding"
        self.said = io.StringIO()

    def train(self, seed: int = 0) -> Mapping[str, Any]:
        texts = [utterance.text for utterance in utterances_of(self.domain)]
        return train_domain(
            self.folder,
            replace(QUICKLY, seed=seed),
            folds=2,
            work=self.work,
            repository=self.folder / "nothing-exported",
            console=Console(file=self.said, width=200),
            load_encoder=small_encoder_of(texts),
        )

    def digests(self) -> dict[str, str]:
        return {path.name: sha256(path.read_bytes()).hexdigest() for path in self.model.iterdir()}


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    made = Company(tmp_path_factory.mktemp("company"))
    made.train()
    return made


def test_the_folder_has_all_that_is_served_and_nothing_half_written(company: Company) -> None:
    assert {path.name for path in company.model.iterdir()} == FILES
    assert [path.name for path in company.model.parent.iterdir()] == ["understanding"]
    assert not company.work.exists()


def test_it_learned_the_companys_intents(company: Company) -> None:
    encoder = UnderstandingEncoder(company.model, threads=1)
    assert encoder.labels == company.domain.labels
    texts = ["what about order and a parcel?", "关于human的router问题", "my hello screen question"]
    best = encoder.understand(texts).intents.argmax(axis=1)
    assert [encoder.labels[place] for place in best] == ["order_change", "person", "greeting"]


def test_what_it_says_out_of_fold_fits_the_domain_and_the_figures(company: Company) -> None:
    known = out_of_fold.read(company.model)
    utterances = utterances_of(company.domain)
    logits = known.of(utterances, company.domain.labels)
    targets = [company.domain.labels.index(utterance.label) for utterance in utterances]
    right = logits.argmax(axis=1) == targets
    assert right.mean() > 0.8

    def embed(texts: Sequence[str], purpose: Purpose) -> NDArray[np.float32]:
        return np.stack([embedded(text) for text in texts])

    report = intent.train(company.domain, embed, known).report
    assert report["intent_accuracy"] == pytest.approx(right.mean(), abs=1e-4)
    assert report["intent_calibration_error"] < 0.2


def test_nothing_that_customers_say_is_told(company: Company) -> None:
    told = company.said.getvalue() + "".join(
        (company.model / name).read_text() for name in ("manifest.json", "README.md")
    )
    assert "out_of_scope_recall" in told
    for utterance in utterances_of(company.domain):
        assert utterance.text not in told


def test_a_training_that_fails_leaves_the_model_before_it_whole(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, write = company.digests(), out_of_fold.write
    written: list[str] = []

    def forms(trained: Trained, folder: Path) -> dict[str, Path]:
        """The graph of the training before: to write one anew takes most of a training's time here."""
        written.append(folder.name)
        for form in served.FORMS:
            (folder / form).mkdir(parents=True, exist_ok=True)
            for name in ("model.onnx", "tokenizer.json"):
                shutil.copy(company.model / name, folder / form)
            served.write_manifest(folder / form, trained, {})
        return {form: folder / form for form in served.FORMS}

    def full(folder: Path, *given: Any) -> None:
        write(folder, *given)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(served, "write_forms", forms)
    with monkeypatch.context() as broken:
        broken.setattr(out_of_fold, "write", full)
        with pytest.raises(OSError, match="No space left"):
            company.train(seed=1)
    assert company.digests() == before
    out_of_fold.read(company.model)
    assert written == ["asked", "asked", "forms"]

    # The folds that were done are not done again.
    company.train(seed=1)
    assert written == ["asked", "asked", "forms", "forms"]
    assert company.digests() != before
    assert {path.name for path in company.model.parent.iterdir()} == {"understanding"}
