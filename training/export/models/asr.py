"""Exports the speech models: weights beside the whisper backend, checked against CTranslate2.

The weights are the verified pretrained ones or, where a company's folder has them, those that
``python -m training.asr`` fine-tuned.
"""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import tokenizers
from numpy.typing import NDArray

from services.asr import model
from services.inference.spec import ModelSpec
from training.asr import trained
from training.export.backends.whisper.features import LogMel
from training.export.backends.whisper.transcriber import Transcriber, read_settings
from training.export.context import ExportContext
from training.export.models.trained import MODELS

_SAMPLE_RATE = 16_000


def export(context: ExportContext) -> None:
    """Put ``asr_en`` and ``asr_multilingual`` into the repository.

    Raises ``ValueError``, with what to do, where a fine-tuned model is not whole.
    """
    for spec in (model.ASR_EN, model.ASR_MULTILINGUAL):
        tuned = _fine_tuned(context, spec)
        if tuned is None:
            write, weights, sources = partial(_write, context, spec), [spec.name], [Path(__file__)]
        else:
            write, weights = partial(_write_fine_tuned, spec, tuned), []
            sources = [tuned, Path(__file__), Path(trained.__file__)]
        context.build(spec, write, weights=weights, sources=sources, version=model.VERSION)


def _fine_tuned(context: ExportContext, spec: ModelSpec) -> Path | None:
    folder = context.domain / MODELS / spec.name if context.domain else None
    return folder if folder and folder.is_dir() else None


def _write_fine_tuned(spec: ModelSpec, tuned: Path, folder: Path) -> Mapping[str, Any]:
    manifest = trained.read_manifest(tuned, spec.name)
    for name in (*trained.FILES, "README.md"):
        shutil.copy2(tuned / name, folder / name)
    return {
        "source": f"{manifest['base']['source']}, fine-tuned",
        "licence": manifest["base"]["licence"],
        "languages": _languages(spec),
        "fine_tuned": {name: manifest[name] for name in ("command", "set", "figures", "parity")},
        "parity": parity(spec, folder, tuned),
    }


def _languages(spec: ModelSpec) -> list[str]:
    return ["en"] if spec is model.ASR_EN else ["en", "zh"]


def _write(context: ExportContext, spec: ModelSpec, folder: Path) -> Mapping[str, Any]:
    weights = context.weights.fetch(spec.name)
    source = context.weights.models[spec.name]
    for file in source.files:
        shutil.copy2(weights / file.name, folder / file.name)
    return {
        "source": source.source,
        "licence": source.licence,
        "languages": _languages(spec),
        "parity": parity(spec, folder, weights),
    }


def parity(spec: ModelSpec, folder: Path, weights: Path) -> dict[str, float | bool]:
    """Compare the exported model with its source: CTranslate2 called directly with Whisper's own window.

    Both hear five seconds of a synthetic voice, without words in it, so that every decision is a close
    one: the text must be the same (the export stops earlier in the loops that this leads to), and the
    probability that nobody speaks.
    """
    samples = synthetic_voice(5.0)
    source = ctranslate2.models.Whisper(str(weights), device="cpu", compute_type="int8", intra_threads=2)
    tokenizer = tokenizers.Tokenizer.from_file(str(weights / "tokenizer.json"))
    mel = LogMel(source.n_mels)(samples, 3000)[None]
    names = ["<|startoftranscript|>", *(["<|en|>", "<|transcribe|>"] if source.is_multilingual else [])]
    prompt = [tokenizer.token_to_id(name) for name in (*names, "<|notimestamps|>")]
    expected = source.generate(
        ctranslate2.StorageView.from_array(np.ascontiguousarray(mel)),
        [prompt],
        beam_size=1,
        return_no_speech_prob=True,
    )[0]
    settings = read_settings({**spec.parameters, "padding_seconds": "30.0"})
    heard = Transcriber(folder, settings).transcribe(samples, "en")
    text = tokenizer.decode(expected.sequences_ids[0], skip_special_tokens=True).strip()
    # A fine-tuned model may know that nobody speaks here: both must then say nothing.
    if bool(heard.text) != bool(text) or not text.startswith(heard.text):
        raise ValueError(f"{spec.name}: the export hears {heard.text!r}, its source {text!r}")
    difference = abs(heard.no_speech_probability - expected.no_speech_prob)
    return {"same_text": True, "no_speech_probability_difference": round(float(difference), 6)}


def synthetic_voice(seconds: float) -> NDArray[np.float32]:
    """Mono 16 kHz samples: a pitch that glides, through two formants that move, in syllables."""
    time = np.arange(int(seconds * _SAMPLE_RATE)) / _SAMPLE_RATE
    pitch = 120 + 25 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / _SAMPLE_RATE
    formants = (600 + 250 * np.sin(2 * np.pi * 1.3 * time), 1500 + 600 * np.sin(2 * np.pi * 0.9 * time))
    voice = np.zeros_like(time)
    for harmonic in range(1, 30):
        gain = sum(np.exp(-(((harmonic * pitch - formant) / 150) ** 2)) for formant in formants)
        voice += gain * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 3.0 * time), 0, None)
    return np.asarray(0.2 * voice * syllables, np.float32)
