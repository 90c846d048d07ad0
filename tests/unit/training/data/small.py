"""Small examples, and the files that they name."""

import wave
from pathlib import Path

import numpy as np
from PIL import Image

from training.data.examples import Example, ExampleSet


def picture(path: Path, seed: int = 0) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 255, (80, 96, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def clip(path: Path, seed: int = 0, seconds: float = 0.5) -> Path:
    samples = np.random.default_rng(seed).integers(-9_000, 9_000, int(seconds * 16_000), dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples.tobytes())
    return path


def example(text: str, intent: str = "", split: str = "train", **more: object) -> Example:
    intents = (intent,) if intent else ()
    return Example(text, intents=intents, split=split, source=f"x.jsonl:{text}", **more)  # type: ignore[arg-type]


def example_set(*examples: Example) -> ExampleSet:
    train, validation, test = (
        tuple(example for example in examples if example.split == name)
        for name in ("train", "validation", "test")
    )
    labels = sorted({intent for example in examples for intent in example.intents})
    return ExampleSet("small", train, validation, test, tuple(labels))
