"""The text encoder and the reranker on Triton."""

from typing import Final

from services.inference.spec import VARIABLE, DataType, DynamicBatching, ModelSpec, TensorSpec

EMBEDDING_MODEL: Final = "multilingual-e5-small@1"
"""Identity of the vector space: a new one whenever the encoder's vectors change."""

WIDTH: Final = 384
MAX_TOKENS: Final = 512
"""The encoder's window, special tokens included."""

TEXT_ENCODER: Final = ModelSpec(
    name="text_encoder",
    backend="onnx",
    inputs=(
        TensorSpec("input_ids", DataType.INT64, (VARIABLE,)),
        TensorSpec("attention_mask", DataType.INT64, (VARIABLE,)),
    ),
    outputs=(
        TensorSpec("sentence", DataType.FP32, (WIDTH,)),
        TensorSpec("tokens", DataType.FP32, (VARIABLE, WIDTH)),
    ),
    max_batch_size=64,
    dynamic_batching=DynamicBatching(),
    cpu_threads=2,
)

RERANKER: Final = ModelSpec(
    name="reranker",
    backend="reranker",
    inputs=(
        TensorSpec("question", DataType.BYTES, (1,)),  # UTF-8
        TensorSpec("passage", DataType.BYTES, (1,)),
    ),
    outputs=(
        TensorSpec("score", DataType.FP32, (1,)),
        TensorSpec("model", DataType.BYTES, (1,)),  # the identity of what scored
    ),
    max_batch_size=64,
    dynamic_batching=DynamicBatching(),
    cpu_threads=2,
)
"""Trained from a company's or public questions (``training/reranker``): a repository may have none."""
