"""The intent model on Triton: a head on the retrieval encoder's query vectors."""

from services.inference.spec import VARIABLE, DataType, DynamicBatching, ModelSpec, TensorSpec

EMBEDDING_WIDTH = 384


def intent_spec(domain: str) -> ModelSpec:
    """Give the model of a domain: probabilities of the labels in its manifest, in their order."""
    return ModelSpec(
        name=f"intent_{domain}",
        backend="onnx",
        inputs=(TensorSpec("sentence", DataType.FP32, (EMBEDDING_WIDTH,)),),
        outputs=(TensorSpec("probabilities", DataType.FP32, (VARIABLE,)),),
        max_batch_size=64,
        dynamic_batching=DynamicBatching(),
    )
