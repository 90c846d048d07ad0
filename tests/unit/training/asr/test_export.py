"""A fine-tuned model's folder, and how it comes into the repository."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from services.asr.model import ASR_EN, ASR_MULTILINGUAL
from training.asr import trained
from training.asr.__main__ import main
from training.asr.ctranslate2_weights import read_whisper
from training.asr.data import Utterance
from training.asr.errors import Errors
from training.asr.export import convert, parity, publish
from training.asr.judge import Judged
from training.data.examples import Example
from training.export.context import ExportContext
from training.export.models import asr
from training.weights.store import WeightStore

REPORT: dict[str, Any] = {
    "arguments": {"lora_rank": 8, "lora_layers": ["q_proj", "v_proj"]},
    "fingerprint": "f" * 64,
    "clips": {"train": 4, "validation": 2, "test": 2},
    "seconds": {"train": 9.0, "validation": 4.0, "test": 4.0},
    "trained_parameters": 1234,
    "epochs": [{}, {}],
    "best_epoch": 1,
}


def _publish(weights: Path, folder: Path, model: str) -> None:
    staged = folder.with_name(f".{folder.name}.staged")
    staged.parent.mkdir(parents=True, exist_ok=True)
    convert(read_whisper(weights), weights, staged)
    facts = {
        "model": model,
        "command": "python -m training.asr --set calls",
        "base": {"source": "someone/whisper", "licence": "MIT"},
        "set": "calls",
        "quantization": "int8",
        "megabytes": 1.5,
        "report": REPORT,
        "parity": {"words": 8, "different_words": 0, "trained_percent": 3.0, "exported_percent": 3.0},
        "figures": [
            {"set": "calls", "clips": 2, "words": 8, "channel": "as recorded", "before": 9.5, "after": 3}
        ],
    }
    publish(staged, folder, facts)


def test_what_a_domain_has_is_exported_instead_of_the_pretrained(weights: Path, tmp_path: Path) -> None:
    models = tmp_path / "domain" / "models"
    for spec in (ASR_EN, ASR_MULTILINGUAL):
        _publish(weights, models / spec.name, spec.name)
    # No weights may be fetched: the cache is empty, and the manifest is the real one.
    context = ExportContext(
        weights=WeightStore(Path("training/weights/cpu.toml"), tmp_path / "cache"),
        repository=tmp_path / "repository",
        domain=tmp_path / "domain",
        console=Console(quiet=True),
    )
    asr.export(context)
    folder = tmp_path / "repository" / "asr_en" / "1"
    assert (folder / "model.bin").read_bytes() == (models / "asr_en" / "model.bin").read_bytes()
    assert (folder / "transcriber.py").is_file()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"] == "someone/whisper, fine-tuned"
    assert manifest["fine_tuned"]["figures"][0]["after"] == 3
    assert manifest["parity"]["same_text"] is True
    card = (folder / "README.md").read_text()
    assert "| calls | 2 | as recorded | 9.5 | 3 |" in card

    # Of two trainings, or not whole: it is not exported, and what was there stays.
    before = (folder / "manifest.json").read_text()
    (models / "asr_en" / "model.bin").write_bytes((weights / "model.bin").read_bytes())
    with pytest.raises(ValueError, match=r"models/asr_en: model\.bin is of another training than manifest"):
        asr.export(context)
    (models / "asr_en" / "tokenizer.json").unlink()
    with pytest.raises(
        ValueError, match=r"models/asr_en: no whole fine-tuned model: .*tokenizer\.json.*delete"
    ):
        asr.export(context)
    assert (folder / "manifest.json").read_text() == before


def test_another_model_is_not_taken_for_it(weights: Path, tmp_path: Path) -> None:
    _publish(weights, tmp_path / "asr_en", "asr_multilingual")
    with pytest.raises(ValueError, match="holds a fine-tuned asr_multilingual, not asr_en"):
        trained.read_manifest(tmp_path / "asr_en", "asr_en")


def test_a_new_model_replaces_the_one_before(weights: Path, tmp_path: Path) -> None:
    for model in ("asr_multilingual", "asr_en"):
        _publish(weights, tmp_path / "asr_en", model)
    assert trained.read_manifest(tmp_path / "asr_en", "asr_en")["model"] == "asr_en"
    assert [path.name for path in tmp_path.iterdir()] == ["asr_en"]


def test_an_export_that_hears_worse_is_refused() -> None:
    utterances = [Utterance(Example("one two three four"), 1.0, (1,))] * 10
    texts = ("one two three four",) * 20
    good = Judged(0.1, Errors(0, 40), Errors(0, 40), texts)
    assert parity(good, good, utterances)["different_words"] == 0
    bad = Judged(0.0, Errors(2, 40), Errors(2, 40), ("one two three for", *texts[1:]))
    with pytest.raises(ValueError, match=r"hears 5\.0 % wrong, the trained one 0\.0 %"):
        parity(good, bad, utterances)


def test_reading_a_fine_tuned_model_needs_no_torch() -> None:
    code = "import sys; sys.modules['torch'] = None; import training.export.models.asr"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"model": "asr_de"}, "there is no model 'asr_de': name one of asr_en, asr_multilingual"),
        ({"quantization": "int3"}, "there is no quantization 'int3'"),
        ({"name": "nothing"}, r"nothing/metadata\.tsv: is not there"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, options: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        main(tmp_path / "out", data=tmp_path, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
