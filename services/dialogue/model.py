"""Dialogue's models on Triton: intents from words alone, and the fusion of all that a turn brings.

A company that fine-tuned an encoder has intents from the text itself too.
"""

from services.inference.spec import VARIABLE, DataType, DynamicBatching, ModelSpec, TensorSpec

EMBEDDING_WIDTH = 384
REGION_WIDTH = 1280
FRAME_WIDTH = 64
JOINT_WIDTH = 128


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


def understanding_spec(domain: str) -> ModelSpec:
    """Give the fine-tuned encoder of a domain: what a text means, from the text itself.

    ``text`` is UTF-8. ``intents`` are calibrated probabilities of the labels in its manifest, in
    their order; ``sentence`` is the text's vector in the model's own space, L2-normalized;
    ``fingerprint`` is the one in the manifest of the version that answered.
    """
    return ModelSpec(
        name=f"understanding_{domain}",
        backend="understanding",
        inputs=(TensorSpec("text", DataType.BYTES, (1,)),),
        outputs=(
            TensorSpec("intents", DataType.FP32, (VARIABLE,)),
            TensorSpec("sentence", DataType.FP32, (VARIABLE,)),
            TensorSpec("fingerprint", DataType.BYTES, (1,)),
        ),
        max_batch_size=64,
        dynamic_batching=DynamicBatching(),
        cpu_threads=2,
    )


def fusion_spec(domain: str) -> ModelSpec:
    """Give the fusion model of a domain; ``services.dialogue.fused`` builds its inputs.

    Masks are 1 for a row and 0 for padding. Outputs are probabilities of the manifest's
    labels, in their order, and the joint vector, L2-normalized.
    """
    fp32 = DataType.FP32
    return ModelSpec(
        name=f"fusion_{domain}",
        backend="onnx",
        inputs=(
            TensorSpec("text_tokens", fp32, (VARIABLE, EMBEDDING_WIDTH)),
            TensorSpec("text_mask", fp32, (VARIABLE,)),
            TensorSpec("regions", fp32, (VARIABLE, REGION_WIDTH)),
            TensorSpec("region_mask", fp32, (VARIABLE,)),
            TensorSpec("word_tokens", fp32, (VARIABLE, EMBEDDING_WIDTH)),
            TensorSpec("word_mask", fp32, (VARIABLE,)),
            TensorSpec("frames", fp32, (VARIABLE, FRAME_WIDTH)),
            TensorSpec("frame_mask", fp32, (VARIABLE,)),
            TensorSpec("is_passage", fp32, (1,)),
        ),
        outputs=(
            TensorSpec("intents", fp32, (VARIABLE,)),
            TensorSpec("products", fp32, (VARIABLE,)),
            TensorSpec("kinds", fp32, (VARIABLE,)),
            TensorSpec("pictures", fp32, (VARIABLE,)),
            TensorSpec("joint", fp32, (JOINT_WIDTH,)),
        ),
        max_batch_size=64,
    )
