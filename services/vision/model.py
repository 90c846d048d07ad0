"""The models of pictures on Triton, as the service calls them and the exporter makes them."""

from typing import Final

from services.inference.spec import VARIABLE, DataType, ModelSpec, TensorSpec

EMBEDDING_MODEL: Final = "tf_efficientnet_lite0@1"
"""Identity of the vector space: a new one whenever the encoder or ``preprocessing`` changes."""

PIXELS: Final = 224
"""Height and width of what the encoder sees."""
WIDTH: Final = 1280
"""Floats of a vector."""
REGION_ROWS: Final = 7
REGION_COLUMNS: Final = 7
REGIONS: Final = REGION_ROWS * REGION_COLUMNS
LABELS: Final = 1000
"""ImageNet's."""

VISION_ENCODER: Final = ModelSpec(
    name="vision_encoder",
    backend="onnx",
    inputs=(TensorSpec("pixels", DataType.UINT8, (PIXELS, PIXELS, 3)),),  # RGB; normalized inside
    outputs=(
        TensorSpec("pooled", DataType.FP32, (WIDTH,)),
        TensorSpec("regions", DataType.FP32, (REGIONS, WIDTH)),  # row by row; their mean is pooled
        TensorSpec("logits", DataType.FP32, (LABELS,)),
    ),
    max_batch_size=8,
)

OCR_VERSION: Final = 1
OCR_MOST_SIDE: Final = 2048
"""Longest side of a picture to read, in pixels."""
OCR_MOST_PIXELS: Final = 700_000
"""Of a picture to read, as of 966 x 724: a photographed page stays readable, and is read within 1 s."""

OCR: Final = ModelSpec(
    name="ocr",
    backend="ocr",
    inputs=(TensorSpec("pixels", DataType.UINT8, (VARIABLE, VARIABLE, 3)),),  # RGB
    outputs=(
        TensorSpec("lines", DataType.BYTES, (VARIABLE,)),  # in reading order
        TensorSpec("boxes", DataType.FP32, (VARIABLE, 4)),  # left, top, width, height in pixels
        TensorSpec("scores", DataType.FP32, (VARIABLE,)),  # probability of the reading
    ),
    cpu_threads=2,
    parameters={"most_side": str(OCR_MOST_SIDE), "most_pixels": str(OCR_MOST_PIXELS)},
)


def picture_spec(domain: str) -> ModelSpec:
    """Return the model that tells a domain's products and kinds of pictures by the pooled vector.

    Its manifest names the ``embedding_model`` that it was trained on and ``labels``: ``products``, ``kinds``,
    in the outputs' order, each ending with "other".
    """
    return ModelSpec(
        name=f"picture_{domain}",
        backend="onnx",
        inputs=(TensorSpec("pooled", DataType.FP32, (WIDTH,)),),
        outputs=(
            TensorSpec("products", DataType.FP32, (VARIABLE,)),
            TensorSpec("kinds", DataType.FP32, (VARIABLE,)),
        ),
        max_batch_size=64,
    )
