"""The speech models on Triton, as the service calls them and the exporter makes them."""

from services.inference.spec import VARIABLE, DataType, ModelSpec, TensorSpec

VERSION = 1
SAMPLE_RATE = 24_000
"""Samples per second of both models' audio."""

_INPUTS = (
    TensorSpec("text", DataType.BYTES, (1,)),  # words and punctuation: numbers are written out already
    TensorSpec("voice", DataType.BYTES, (1,)),
    TensorSpec("speed", DataType.FP32, (1,)),  # 1 is the voice's own pace
)
_OUTPUTS = (TensorSpec("audio", DataType.FP32, (VARIABLE,)),)  # mono, 24 kHz, -1 to 1


def _speech(name: str, engine: str, cpu_threads: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        backend="speech",
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        decoupled=True,
        cpu_threads=cpu_threads,
        parameters={"engine": engine},
    )


TTS_EN = _speech("tts_en", "hibari", cpu_threads=1)
TTS_ZH = _speech("tts_zh", "kokoro", cpu_threads=2)
"""Kokoro; it has English voices too."""
