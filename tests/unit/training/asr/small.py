"""A Whisper of a few thousand weights, and recordings of a second, made here."""

import json
from pathlib import Path

import numpy as np
import soundfile
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers
from transformers import GenerationConfig, WhisperConfig, WhisperForConditionalGeneration

from training.asr.export import convert
from training.data.examples import Example, ExampleSet

CONTROL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|zh|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|nocaptions|>",
    "<|notimestamps|>",
)
RATE = 16_000


def weights(folder: Path, seed: int = 0) -> Path:
    """A folder as the pinned ones are, of random weights in half precision."""
    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(CONTROL))
    tokenizer.save(str(source / "tokenizer.json"))
    end = len(vocabulary)
    told = {
        # Single bytes that are no character would make texts that cannot be compared.
        "suppress_ids": [index for character, index in vocabulary.items() if not character.isalnum()]
        + [index for character, index in vocabulary.items() if ord(character) > 127]
        + [tokenizer.token_to_id(name) for name in CONTROL[1:]],
        "suppress_ids_begin": [end],
        "alignment_heads": [[0, 0], [0, 1]],
        "lang_ids": [tokenizer.token_to_id("<|en|>"), tokenizer.token_to_id("<|zh|>")],
    }
    (source / "config.json").write_text(json.dumps(told))
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=end + 1,
    )
    model = WhisperForConditionalGeneration(config)
    for parameter in model.parameters():  # the standard ones say the same whatever they hear
        if parameter.ndim > 1 and parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    model.generation_config = GenerationConfig(eos_token_id=end, suppress_tokens=told["suppress_ids"])
    convert(model, source, folder, "float16")
    return folder


def clip(path: Path, seconds: float = 0.6, hertz: float = 300.0, rate: int = RATE, channels: int = 1) -> Path:
    """Write a tone."""
    time = np.arange(round(seconds * rate)) / rate
    samples = (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.stack([samples] * channels, axis=-1), rate)
    return path


def examples(folder: Path, count: int = 4) -> ExampleSet:
    """A set in which the pitch tells the word; each split hears all words."""
    said = ("low", "high")

    def side(name: str) -> tuple[Example, ...]:
        return tuple(
            Example(
                said[index % 2],
                audio=clip(folder / name / f"{index}.wav", 0.4 + 0.05 * index, (200.0, 1500.0)[index % 2]),
                split=name,
                group=f"{name}-{index}",
                source=f"{name}.tsv:{index + 2}",
            )
            for index in range(count)
        )

    return ExampleSet("tones", side("train"), side("validation"), side("test"), labels=())
