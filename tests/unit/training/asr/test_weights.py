"""CTranslate2's file becomes transformers' model, and the other way, without a difference."""

import shutil
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import torch

from training.asr.ctranslate2_weights import read_variables, read_whisper
from training.asr.export import convert
from training.asr.model import Texts, load, transcribe
from training.export.backends.whisper.features import LogMel


def test_the_way_there_and_back_changes_no_weight(weights: Path, tmp_path: Path) -> None:
    convert(read_whisper(weights), weights, tmp_path / "again", "float16")
    before, after = read_variables(weights / "model.bin"), read_variables(tmp_path / "again" / "model.bin")
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_both_hear_the_same(weights: Path) -> None:
    random = np.random.default_rng(0)
    model = load(weights)
    texts = Texts(weights / "tokenizer.json", multilingual=False)
    reference = ctranslate2.models.Whisper(str(weights), device="cpu", compute_type="float32")
    for _ in range(3):
        mel = LogMel()((0.2 * random.standard_normal(8_000)).astype(np.float32), 300)[None]
        with torch.no_grad():
            states = model.model.encoder(torch.from_numpy(mel))
        heard = transcribe(model, states, texts.prompt("en"), 20)[0]
        view = ctranslate2.StorageView.from_array(mel)
        expected = reference.generate(view, [texts.prompt("en")], beam_size=1, max_length=22)[
            0
        ].sequences_ids[0]
        np.testing.assert_allclose(
            states.last_hidden_state.numpy(), np.array(reference.encode(view)), atol=2e-4
        )
        assert heard[: len(expected)] == expected[: len(heard)]
        assert len(set(heard)) > 1


def test_weights_in_int8_cannot_be_trained(weights: Path, tmp_path: Path) -> None:
    convert(read_whisper(weights), weights, tmp_path / "small", "int8")
    kept = read_variables(tmp_path / "small" / "model.bin")
    assert kept["encoder/layer_0/self_attention/linear_0/weight"].dtype == np.int8
    with pytest.raises(ValueError, match=r"model\.bin: .* is quantized: train from weights in half"):
        read_whisper(tmp_path / "small")


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(weights: Path, tmp_path: Path, part: float) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "cut"))
    content = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=r"cut/model\.bin: is cut off, or no model of CTranslate2"):
        read_whisper(folder)


def test_other_files_are_refused(weights: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "other"))
    content = (weights / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(content.replace(b"WhisperSpec", b"AnotherSpec"))
    with pytest.raises(ValueError, match="holds 'AnotherSpec' in version 6"):
        read_whisper(folder)
    (folder / "model.bin").write_bytes(content.replace(b"encoder/conv1/bias", b"encoder/conv9/bias"))
    with pytest.raises(ValueError, match="has no encoder/conv1/bias"):
        read_whisper(folder)
    (folder / "model.bin").unlink()
    with pytest.raises(ValueError, match=r"model\.bin: cannot be read: No such file"):
        read_whisper(folder)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_what_goes_with_it_must_be_there(weights: Path, tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(weights, tmp_path / "bare"))
    (folder / name).write_text("{}")
    with pytest.raises(ValueError, match=f"bare/{name}: "):
        read_whisper(folder)


@pytest.mark.parametrize(("model", "parameters"), [("asr_en", 37_760_256), ("asr_multilingual", 72_593_920)])
def test_the_pinned_weights_fill_all_of_a_whisper(model: str, parameters: int) -> None:
    folder = Path("build/weights") / model
    if not (folder / "model.bin").is_file():
        pytest.skip("the pretrained weights are not here: make weights")
    whisper = read_whisper(folder)
    assert sum(values.numel() for values in whisper.parameters()) == parameters
    assert whisper.proj_out.weight is whisper.model.decoder.embed_tokens.weight
