"""The speech models on Triton, as the service calls them and the exporter makes them."""

from typing import Final

from services.inference.spec import VARIABLE, DataType, ModelSpec, TensorSpec

VERSION = 1

_INPUTS = (
    TensorSpec("samples", DataType.FP32, (VARIABLE,)),  # mono, 16 kHz, -1 to 1
    TensorSpec("language", DataType.BYTES, (1,)),  # "en", "zh", or "" to detect among the two
)
_OUTPUTS = (
    TensorSpec("text", DataType.BYTES, (1,)),
    TensorSpec("heard_language", DataType.BYTES, (1,)),
    TensorSpec("language_probability", DataType.FP32, (1,)),
    TensorSpec("words", DataType.BYTES, (VARIABLE,)),
    TensorSpec("word_times", DataType.FP32, (VARIABLE, 2)),  # start, end in seconds
    TensorSpec("word_probabilities", DataType.FP32, (VARIABLE,)),
    TensorSpec("confidence", DataType.FP32, (1,)),  # mean of word_probabilities, 0 without words
    TensorSpec("no_speech_probability", DataType.FP32, (1,)),
)


def _whisper(name: str, **parameters: str) -> ModelSpec:
    return ModelSpec(
        name=name,
        backend="whisper",
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        cpu_threads=2,
        parameters={"padding_seconds": "8.0", **parameters},
    )


ASR_EN = _whisper("asr_en", beam_size="1")
ASR_MULTILINGUAL = _whisper(
    "asr_multilingual",
    beam_size="1",
    beam_size_zh="5",  # 13.8 % of characters wrong instead of 17.1 %, in the same time
    prompt_zh="以下是普通话的句子。",  # makes Whisper write simplified characters
)

SAMPLE_RATE: Final = 16_000
ACOUSTIC_WIDTH: Final = 64
ACOUSTIC_FRAME_SAMPLES: Final = 1_600
"""Samples that one acoustic frame stands for: 0.1 s."""
ACOUSTIC_MOST_SAMPLES: Final = 30 * SAMPLE_RATE
"""Of a recording, as much gets acoustic features: the first 30 s."""

ACOUSTIC: Final = ModelSpec(
    name="acoustic",
    backend="onnx",
    inputs=(TensorSpec("samples", DataType.FP32, (VARIABLE,)),),  # mono, 16 kHz, -1 to 1
    outputs=(TensorSpec("frames", DataType.FP32, (VARIABLE, ACOUSTIC_WIDTH)),),
    cpu_threads=1,
)
