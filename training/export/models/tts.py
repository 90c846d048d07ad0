"""Exports the speech models: hibari for English, Kokoro for Mandarin, each checked against its own engine."""

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from services.tts import model
from training.export.backends.speech import kokoro_engine
from training.export.context import ExportContext
from training.export.models import kokoro

_SOURCES = (Path(__file__), Path(kokoro.__file__))
_CALIBRATION = {
    "en": "Please give me one moment while I look up your order.",
    "zh": "我帮您查询一下这个订单的物流信息。",
}
_CHECK = {"en": "Your parcel will be with you tomorrow morning.", "zh": "您的包裹明天上午就会送到。"}
_CHECKED_VOICE = "zf_xiaoxiao"
_LEAST_LIKENESS = 0.8  # correlation of samples; 0.95 is usual, and a wrong graph gives none

Floats = NDArray[np.float32]


def export(context: ExportContext) -> None:
    """Put ``tts_en`` and ``tts_zh`` into the repository."""
    for spec, write in ((model.TTS_EN, _write_hibari), (model.TTS_ZH, _write_kokoro)):
        context.build(
            spec, partial(write, context), weights=(spec.name,), sources=_SOURCES, version=model.VERSION
        )


def _write_hibari(context: ExportContext, folder: Path) -> Mapping[str, Any]:
    weights = context.weights.fetch("tts_en")
    source = context.weights.models["tts_en"]
    shutil.copy2(weights / "hibari.onnx", folder / "hibari.onnx")
    digests = {file.name: file.sha256 for file in source.files if file.name != "hibari.onnx"}
    return {
        "source": source.source,
        "licence": source.licence,
        "voices": ["heart"],
        "package_files": digests,
        "parity": _hibari_parity(folder, digests),
    }


def _hibari_parity(folder: Path, digests: Mapping[str, str]) -> dict[str, float]:
    """The engine must give hibari's own samples, silence at the ends apart."""
    from hibari import Hibari

    from training.export.backends.speech.hibari_engine import HibariEngine, trim

    # The engine reads which package files it may trust; the build writes the whole manifest afterwards.
    (folder / "manifest.json").write_text(json.dumps({"package_files": dict(digests)}), encoding="utf-8")
    text = _CHECK["en"]
    ours = np.concatenate(list(HibariEngine(folder, 1).speak(text, "heart", 1.0)))
    theirs = trim(Hibari()(text, seed=0))
    if ours.shape != theirs.shape:
        raise ValueError(f"tts_en: {ours.size} samples, hibari itself gives {theirs.size}")
    difference = float(np.abs(ours - theirs).max())
    if difference > 1e-3:
        raise ValueError(f"tts_en: samples differ by {difference} from those of hibari itself")
    return {"largest_sample_difference": round(difference, 6)}


def _write_kokoro(context: ExportContext, folder: Path) -> Mapping[str, Any]:
    weights = context.weights.fetch("tts_zh")
    source = context.weights.models["tts_zh"]
    shutil.copy2(weights / "vocab.json", folder / "vocab.json")
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    published = onnx.load(weights / "kokoro.onnx")
    front, generator = kokoro.cut(published)
    calibration = kokoro.Calibration(front, generator)
    # Not what lies in the cache: that may still hold voices of an older manifest.
    voices = sorted(Path(file.name) for file in source.files if file.name.startswith("voices/"))
    styles = {path.stem: kokoro.read_voice(weights / path) for path in voices}

    from training.export.backends.speech.phonemes import Phonemes

    phonemes = Phonemes()
    texts = {
        language: kokoro_engine.token_ids(phonemes(text), vocabulary)
        for language, text in _CALIBRATION.items()
    }
    sizes: Sequence[int] = ()
    arrays: dict[str, Floats] = {}
    for voice, rows in styles.items():
        ids = texts["zh" if voice.startswith("z") else "en"]
        means = calibration.means(ids, kokoro_engine.style_for(rows, len(ids)))
        sizes = [mean.size for mean in means]
        arrays[f"styles/{voice}"] = rows
        arrays[f"statistics/{voice}"] = np.concatenate(means)[None, :, None]
    np.savez(folder / "voices.npz", **arrays)
    checked = kokoro_engine.token_ids(phonemes(_CHECK["zh"]), vocabulary)
    onnx.save(front, folder / "front.onnx")
    onnx.save(kokoro.localised(generator, sizes), folder / "generator.onnx")
    return {
        "source": source.source,
        "licence": source.licence,
        "voices": sorted(styles),
        "parity": _kokoro_parity(folder, weights / "kokoro.onnx", styles[_CHECKED_VOICE], checked),
    }


def _kokoro_parity(folder: Path, published: Path, styles: Floats, ids: Sequence[int]) -> dict[str, float]:
    """Compare the windows, joined, with the published graph run at once: how alike their samples are.

    They cannot be the same: the published graph's integer convolutions add noise of their own. One
    voice is enough: the graphs are the same for all.
    """
    theirs = (
        kokoro_engine.session(published, 2)
        .run(
            None,
            {
                "tokens": np.array([[0, *ids, 0]], np.int64),
                "style": kokoro_engine.style_for(styles, len(ids)),
                "speed": np.ones(1, np.float32),
            },
        )[0]
        .ravel()
    )
    engine = kokoro_engine.KokoroEngine(folder, 2)
    ours = np.concatenate(list(engine.speak(_CHECK["zh"], _CHECKED_VOICE, 1.0)))
    likeness = round(_likeness(ours, theirs), 4)
    if likeness < _LEAST_LIKENESS:
        raise ValueError(
            f"tts_zh: unlike the published model: {likeness}, at least {_LEAST_LIKENESS} is wanted"
        )
    return {f"likeness_{_CHECKED_VOICE}": likeness}


def _likeness(ours: Floats, theirs: Floats) -> float:
    """Correlation of samples where ``ours`` fits best into ``theirs`` (which has silence around it)."""
    size = 1 << int(np.ceil(np.log2(ours.size + theirs.size)))
    product = np.fft.rfft(theirs, size) * np.conj(np.fft.rfft(ours, size))
    best = int(np.argmax(np.fft.irfft(product, size)[: max(1, theirs.size - ours.size + 1)]))
    return float(np.corrcoef(theirs[best : best + ours.size], ours[: theirs.size - best])[0, 1])
