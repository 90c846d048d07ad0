"""Exports the speech models: the verified weights beside the whisper backend, checked against CTranslate2."""

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
from training.export.backends.whisper.features import LogMel
from training.export.backends.whisper.transcriber import Transcriber, read_settings
from training.export.context import ExportContext

_SAMPLE_RATE = 16_000


def export(context: ExportContext) -> None:
    """Put ``asr_en`` and ``asr_multilingual`` into the repository."""
    for spec in (model.ASR_EN, model.ASR_MULTILINGUAL):
        context.build(
            spec,
            partial(_write, context, spec),
            weights=(spec.name,),
            sources=(Path(__file__),),
            version=model.VERSION,
        )


def _write(context: ExportContext, spec: ModelSpec, folder: Path) -> Mapping[str, Any]:
    weights = context.weights.fetch(spec.name)
    source = context.weights.models[spec.name]
    for file in source.files:
        shutil.copy2(weights / file.name, folder / file.name)
    return {
        "source": source.source,
        "licence": source.licence,
        "languages": ["en"] if spec is model.ASR_EN else ["en", "zh"],
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
    if not heard.text or not text.startswith(heard.text):
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
