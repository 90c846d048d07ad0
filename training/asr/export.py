"""From a fine-tuned model back to a folder that the whisper backend serves."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ctranslate2.converters import TransformersConverter
from transformers import WhisperForConditionalGeneration, WhisperTokenizerFast

from training.asr import cards
from training.asr.data import Utterance
from training.asr.errors import count
from training.asr.judge import Judged
from training.asr.trained import FILES

QUANTIZATIONS: Final = ("int8", "float16")
"""How weights can be kept: int8 is half as large, and is what Triton computes with in either case."""


def convert(
    model: WhisperForConditionalGeneration, weights: Path, folder: Path, quantization: str = "int8"
) -> None:
    """Write model.bin, config.json, tokenizer.json and vocabulary.json into a new folder.

    ``weights`` is the folder that the fine-tuning began with: what decides how the model decodes, its
    tokenizer and configuration, is as it was.
    """
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        end = "<|endoftext|>"
        WhisperTokenizerFast(
            tokenizer_file=str(weights / "tokenizer.json"),
            bos_token=end,
            eos_token=end,
            pad_token=end,
            unk_token=end,
        ).save_pretrained(scratch)
        TransformersConverter(scratch).convert(str(folder), quantization=quantization)
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(weights / name, folder / name)


def parity(trained: Judged, exported: Judged, utterances: Sequence[Utterance]) -> dict[str, float | int]:
    """Compare what the model in training and the exported one heard.

    Raises:
        ValueError: the exported one hears more wrong by over 2 % of the words, and by over 3 words.
    """
    languages = [utterance.example.language for utterance in utterances] * 2
    apart = count(trained.transcripts, exported.transcripts, languages)
    worse = exported.errors.wrong - trained.errors.wrong
    if worse > max(3, 0.02 * exported.errors.said):
        raise ValueError(
            f"the exported model hears {exported.errors.percent} % wrong, the trained one"
            f" {trained.errors.percent} %: export it with --quantization float16"
        )
    return {
        "words": exported.errors.said,
        "different_words": apart.wrong,
        "trained_percent": trained.errors.percent,
        "exported_percent": exported.errors.percent,
    }


def publish(staged: Path, folder: Path, manifest: Mapping[str, Any]) -> None:
    """Complete the staged folder with manifest and card, and put it where ``folder`` was, at once."""
    files = {name: hashlib.sha256((staged / name).read_bytes()).hexdigest() for name in FILES}
    whole = {**manifest, "files": files}
    text = json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True)
    (staged / "manifest.json").write_text(text + "\n", encoding="utf-8")
    (staged / "README.md").write_text(cards.card(whole), encoding="utf-8")
    before = folder.with_name(f".{folder.name}.before")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    staged.rename(folder)
    shutil.rmtree(before, ignore_errors=True)
